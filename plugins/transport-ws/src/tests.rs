//! Connections over real sockets, in front of conversations that are played.

mod asking;
mod bounds;
mod client;
mod ending;
mod entering;
mod fake;
mod fuzz;
mod leaving;
mod news;
mod pushing;
mod watching;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use transom_agent::conversation::Conversation;
use transom_agent::stream::{StreamEnd, StreamEnded};
use transom_entrance::{Guard, Origins, Server, Times};
use transom_plugin_api::Secret;

use self::client::Client;
use self::fake::Fake;
use crate::app::{Desk, app};
use crate::board::Board;
use crate::connection::{Limits, Shared};
use crate::connections::Connections;
use crate::encoded::Encoder;
use crate::viewings::Viewings;

/// No fact that a test waits for takes this long.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// For limits that are not the subject of a test.
const DAY: Duration = Duration::from_secs(86_400);

/// Bytes a message may have in these tests.
const MESSAGE_LIMIT: usize = 4_096;

/// Another origin whose pages are served.
const FRIEND: &str = "https://app.example";

const LIMITS: Limits =
    Limits { message_bytes: MESSAGE_LIMIT, subscriptions: 3, outbound_bytes: 65_536, ping: DAY, stall: DAY };

/// A server on a port of its own.
struct Served {
    address: SocketAddr,
    server: Arc<Server>,
    connections: Arc<Connections>,
    shared: Arc<Shared<Fake>>,
    /// Views that have ended.
    ended: Arc<Mutex<Vec<StreamEnded>>>,
}

impl Served {
    fn open() -> Self {
        Self::with(LIMITS, None)
    }

    fn with(limits: Limits, token: Option<&str>) -> Self {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let (far, encoder, board) = (Fake::default(), Encoder::default(), Arc::new(Board::default()));
        let ended: Arc<Mutex<Vec<StreamEnded>>> = Arc::default();
        let keep = ended.clone();
        let viewings = Viewings::new(move |view| keep.lock().unwrap().push(view.clone()), || 7);
        let shared = Arc::new(Shared { far, encoder, board, limits, viewings: Arc::new(viewings) });
        let connections = Arc::new(Connections::new(4));
        let origins = Origins::parse(&[FRIEND.to_owned()]).unwrap();
        let guard = Guard::new(address, token.map(Secret::new)).with_origins(origins);
        let server = Arc::new(Server::new(Times { head: DAY, grace: Duration::ZERO }));
        let desk = Arc::new(Desk::new(guard, connections.clone(), shared.clone()));
        assert!(server.open(socket, app(desk)).unwrap());
        Self { address, server, connections, shared, ended }
    }

    fn fake(&self) -> &Fake {
        &self.shared.far
    }

    /// Waits until so many views have ended, and says which and why.
    async fn ended(&self, count: usize) -> Vec<(String, StreamEnd, u64)> {
        let ended = async {
            while self.ended.lock().unwrap().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(BOUND, ended).await.unwrap();
        let line = |view: &StreamEnded| (view.conversation_id.to_string(), view.reason.clone(), view.frames);
        self.ended.lock().unwrap().iter().map(line).collect()
    }

    async fn client(&self) -> Client {
        Client::connect(self.address, &[]).await.expect("it is let in")
    }
}

/// An idle one.
pub(crate) fn conversation(id: &str) -> Conversation {
    Conversation::new(id, 0)
}
