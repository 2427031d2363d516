//! The least that a turn could cost: something between client and provider that hands bytes on as they come, and does nothing
//! else than what a turn promises. The message is written and synced beside the request, the answer before its end is told.

use std::io::Write as _;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// What is written at once: a page of a database.
const PAGE: usize = 4096;

/// A running relay.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
}

impl Relay {
    /// Runs on a thread of its own, and writes on another, as a host does. Without `durable` it writes nothing.
    pub(crate) fn start(provider: SocketAddr, durable: bool) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let syncs = durable.then(writer);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::from_std(listener).expect("a socket");
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(serve(client, provider, syncs.clone()));
                }
            });
        });
        Self { address }
    }
}

/// Who asks for a sync, and is told when it is done.
type Syncs = mpsc::UnboundedSender<oneshot::Sender<()>>;

fn writer() -> Syncs {
    let (ask, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
    std::thread::spawn(move || {
        let mut file = tempfile::tempfile().expect("a file");
        while let Some(done) = asked.blocking_recv() {
            file.write_all(&[0; PAGE]).expect("it is written");
            file.sync_data().expect("it is synced");
            let _ = done.send(());
        }
    });
    ask
}

async fn synced(syncs: Option<&Syncs>) {
    if let Some(syncs) = syncs {
        let (done, is_done) = oneshot::channel();
        syncs.send(done).expect("it writes");
        is_done.await.expect("it is written");
    }
}

async fn serve(mut client: TcpStream, provider: SocketAddr, syncs: Option<Syncs>) {
    let _ = client.set_nodelay(true);
    let mut upstream = TcpStream::connect(provider).await.expect("the provider listens");
    let _ = upstream.set_nodelay(true);
    let (mut request, mut answer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let Ok(read @ 1..) = client.read(&mut request).await else { return };
        let stored = synced(syncs.as_ref());
        let (sent, ()) = tokio::join!(upstream.write_all(&request[..read]), stored);
        sent.expect("the provider takes it");
        loop {
            let Ok(read @ 1..) = upstream.read(&mut answer).await else { return };
            let is_last = answer[..read].ends_with(b"0\r\n\r\n");
            if is_last {
                synced(syncs.as_ref()).await;
            }
            if client.write_all(&answer[..read]).await.is_err() {
                return;
            }
            if is_last {
                break;
            }
        }
    }
}
