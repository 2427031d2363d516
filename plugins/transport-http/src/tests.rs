//! The application over real connections, in front of routes that are played.

pub(crate) mod client;
pub(crate) mod fake;

mod answers;
mod guarded;
mod lifetime;
mod streams;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use transom_plugin_api::Secret;

use self::client::Client;
use self::fake::Fake;
use crate::address;
use crate::app::{Desk, Limits, app};
use crate::guard::Guard;
use crate::server::{Server, Times};

/// No fact that a test waits for takes this long.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// For limits that are not the subject of a test.
const DAY: Duration = Duration::from_secs(86_400);

/// Bytes a body may have in these tests.
const BODY_LIMIT: usize = 64;

/// A server on a port of its own.
struct Served {
    address: SocketAddr,
    desk: Arc<Desk<Arc<Fake>>>,
    server: Arc<Server>,
    fake: Arc<Fake>,
}

impl Served {
    /// Bound, but not opened yet.
    fn bound(token: Option<&str>) -> Self {
        Self::with(token, Times { head: DAY, grace: DAY })
    }

    fn with(token: Option<&str>, times: Times) -> Self {
        let socket = address::bind(address::parse("127.0.0.1:0").unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let fake = Arc::new(Fake::default());
        let limits = Limits { body_bytes: BODY_LIMIT, body_time: DAY };
        let desk = Arc::new(Desk::new(fake.clone(), Guard::new(address, token.map(Secret::new)), limits));
        let server = Arc::new(Server::new(socket, app(desk.clone()), times));
        Self { address, desk, server, fake }
    }

    /// Opened, and everybody on this machine may ask.
    fn open() -> Self {
        let served = Self::bound(None);
        assert!(served.server.open().unwrap());
        served
    }

    async fn client(&self) -> Client {
        Client::connect(self.address).await
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
