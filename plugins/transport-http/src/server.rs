//! [`Server`]: connections, accepted, served and brought to an end.

use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Connections that may wait to be accepted; the system has a limit of its own.
const BACKLOG: u32 = 1024;

/// Before the next attempt when the system has no descriptor left: some connection will have ended by then.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the server waits for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// For the head of a request, and for a request on a connection that was kept.
    pub(crate) head: Duration,
    /// For requests under way when the server stops; what takes longer is cut off.
    pub(crate) grace: Duration,
}

/// A server on a bound socket: opened once, stopped once.
pub(crate) struct Server {
    app: Router,
    times: Times,
    state: Mutex<State>,
}

enum State {
    Bound(TcpSocket),
    Accepting(Running),
    Stopped,
}

struct Running {
    stop: watch::Sender<()>,
    ended: JoinHandle<()>,
}

impl Server {
    /// Serves `app` once it is opened.
    pub(crate) fn new(socket: TcpSocket, app: Router, times: Times) -> Self {
        Self { app, times, state: Mutex::new(State::Bound(socket)) }
    }

    /// Opens the port and serves whoever comes; says whether it did so now. Needs a runtime around it.
    ///
    /// # Errors
    /// When the system refuses; the server is stopped then.
    pub(crate) fn open(&self) -> io::Result<bool> {
        let mut state = self.state();
        let socket = match std::mem::replace(&mut *state, State::Stopped) {
            State::Bound(socket) => socket,
            other => {
                *state = other;
                return Ok(false);
            }
        };
        let listener = socket.listen(BACKLOG)?;
        let (stop, stopping) = watch::channel(());
        let ended = tokio::spawn(accept(listener, self.app.clone(), self.times, stopping));
        *state = State::Accepting(Running { stop, ended });
        Ok(true)
    }

    /// Closes the port, waits for the requests under way and cuts off those that take too long.
    pub(crate) async fn stop(&self) {
        let state = std::mem::replace(&mut *self.state(), State::Stopped);
        if let State::Accepting(Running { stop, ended }) = state {
            let _ = stop.send(());
            // It fails only if accepting panicked, and then it has ended too.
            let _ = ended.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until `stop` changes or its sender is gone.
async fn accept(listener: TcpListener, app: Router, times: Times, mut stop: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            stream = next_connection(&listener) => {
                connections.spawn(serve(stream, app.clone(), times.head, stop.clone()));
            }
            Some(_) = connections.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    finish(connections, times.grace).await;
}

async fn finish(mut connections: JoinSet<()>, grace: Duration) {
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, finished).await.is_err() {
        let (left, grace) = (connections.len(), grace.as_secs());
        tracing::warn!("{left} connections were cut off, {grace} s after the server was asked to stop");
        connections.shutdown().await;
    }
}

async fn next_connection(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!("no connection can be accepted: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

async fn serve(stream: TcpStream, app: Router, head_time: Duration, mut stop: watch::Receiver<()>) {
    // Frames are small and must not wait for each other. If it cannot be set they only come a little later.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended early: {error}");
    }
}
