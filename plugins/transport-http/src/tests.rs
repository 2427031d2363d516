//! The application over real connections, in front of routes that are played.

pub(crate) mod client;
pub(crate) mod fake;

mod answers;
mod described;
mod fuzz;
mod guarded;
mod lifetime;
mod retiring;
mod streams;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use transom_agent::stream::{StreamEnd, StreamEnded};
use transom_entrance::{Guard, Origins, Server, Times};
use transom_plugin_api::Secret;

use self::client::Client;
use self::fake::Fake;
use crate::app::{Desk, Limits, app};
use crate::viewings::{self, Viewings};

/// No fact that a test waits for takes this long.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// For limits that are not the subject of a test.
const DAY: Duration = Duration::from_secs(86_400);

/// Bytes a body may have in these tests.
const BODY_LIMIT: usize = 64;

/// Another origin whose pages are served.
const FRIEND: &str = "https://app.example";

/// A server on a port of its own.
struct Served {
    address: SocketAddr,
    socket: TcpListener,
    desk: Arc<Desk<Arc<Fake>>>,
    server: Arc<Server>,
    fake: Arc<Fake>,
    viewings: Arc<Viewings>,
    /// Streams that have ended.
    ended: viewings::tests::Said,
}

impl Served {
    /// Behind a socket that listens, but not opened yet.
    fn bound(token: Option<&str>) -> Self {
        Self::with(token, Times { head: DAY, grace: DAY })
    }

    fn with(token: Option<&str>, times: Times) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::behind(socket, token, times)
    }

    fn behind(socket: TcpListener, token: Option<&str>, times: Times) -> Self {
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let fake = Arc::new(Fake::default());
        let (viewings, ended) = viewings::tests::viewings();
        let limits = Limits { body_bytes: BODY_LIMIT, body_time: DAY };
        let origins = Origins::parse(&[FRIEND.to_owned()]).unwrap();
        let guard = Guard::new(address, token.map(Secret::new)).with_origins(origins);
        let desk = Arc::new(Desk::new(fake.clone(), guard, limits, viewings.clone()));
        Self { address, socket, desk, server: Arc::new(Server::new(times)), fake, viewings, ended }
    }

    /// Opened, and everybody on this machine may ask.
    fn open() -> Self {
        let served = Self::bound(None);
        assert!(served.opens());
        served
    }

    /// A later server of the same socket, opened.
    fn successor(&self) -> Self {
        let served = Self::behind(self.socket.try_clone().unwrap(), None, Times { head: DAY, grace: DAY });
        assert!(served.opens());
        served
    }

    /// Opens; whether it was closed before.
    fn opens(&self) -> bool {
        self.server.open(self.socket.try_clone().unwrap(), app(self.desk.clone())).unwrap()
    }

    async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Waits until so many streams have ended, and says over what they came and why they ended.
    async fn ended(&self, count: usize) -> Vec<(String, StreamEnd, u64)> {
        let ended = async {
            while self.ended.lock().unwrap().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(BOUND, ended).await.unwrap();
        let line = |ended: &StreamEnded| (ended.transport.to_string(), ended.reason.clone(), ended.frames);
        self.ended.lock().unwrap().iter().map(line).collect()
    }

    /// One request on a connection of its own.
    async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> client::Answer {
        let mut client = self.client().await;
        client.send(method, target, headers, body).await;
        client.answer(method).await
    }

    async fn get(&self, target: &str) -> client::Answer {
        self.ask("GET", target, &[], "").await
    }

    async fn post(&self, target: &str, body: &str) -> client::Answer {
        self.ask("POST", target, &[("content-type", "application/json")], body).await
    }
}
