//! The least that a turn could cost: something between client and provider that hands bytes on as they come, and does nothing
//! else than what a turn promises. The message is written and synced beside the request, the answer before its end is told.
//! And the least with the libraries that a host is made of, which read and write HTTP and JSON on both sides.

use std::io::Write as _;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::post;
use futures_util::stream::unfold;
use serde_json::Value;
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
    /// One that reads what it hands on, by the libraries of a host, on as many threads as a host has.
    pub(crate) fn of_libraries(provider: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let (syncs, http) = (writer(), crate::client::http());
        let url = format!("http://{provider}/v1/chat/completions");
        let ask = move |body: Bytes| asked(http.clone(), url.clone(), syncs.clone(), body);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::from_std(listener).expect("a socket");
                let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
                    let _ = stream.set_nodelay(true);
                });
                let _ = axum::serve(listener, Router::new().fallback(post(ask))).await;
            });
        });
        Self { address }
    }

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

async fn asked(http: reqwest::Client, url: String, syncs: Syncs, body: Bytes) -> Body {
    let request: Value = serde_json::from_slice(&body).expect("JSON");
    let (answer, ()) = tokio::join!(http.post(url).json(&request).send(), synced(Some(&syncs)));
    let reading = Reading { answer: answer.expect("an answer"), unread: Vec::new(), syncs };
    Body::from_stream(unfold(reading, async |mut reading| {
        let piece = reading.next().await?;
        Some((Ok::<_, std::io::Error>(piece), reading))
    }))
}

/// An answer while it comes.
struct Reading {
    answer: reqwest::Response,
    unread: Vec<u8>,
    syncs: Syncs,
}

impl Reading {
    /// The events that have come, each read and written again.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            self.unread.extend_from_slice(&self.answer.chunk().await.expect("it does not break")?);
            let mut told = Vec::new();
            while let Some(end) = self.unread.windows(2).position(|bytes| bytes == b"\n\n") {
                let event: Vec<u8> = self.unread.drain(..end + 2).collect();
                let data = event.trim_ascii().strip_prefix(b"data: ").expect("an event");
                match serde_json::from_slice::<Value>(data) {
                    Ok(event) => told.extend_from_slice(format!("data: {event}\n\n").as_bytes()),
                    // The line that ends an answer is no JSON.
                    Err(_) => {
                        synced(Some(&self.syncs)).await;
                        told.extend_from_slice(&event);
                    }
                }
            }
            if !told.is_empty() {
                return Some(told.into());
            }
        }
    }
}
