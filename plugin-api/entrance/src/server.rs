//! [`Server`]: connections, accepted, served and brought to an end.

use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::shortage::Shortage;

/// Before the next attempt when the system has no descriptor left: some connection will have ended by then.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a server that retires waits for requests that are on their way, at least and at most.
const LINGER: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(1)];

/// How long the server waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For the head of a request, and for a request on a connection that was kept.
    pub head: Duration,
    /// For requests under way when the server stops; what takes longer is cut off.
    pub grace: Duration,
}

/// A server of one socket: opened once, stopped once, and in between perhaps retired.
pub struct Server {
    times: Times,
    state: Mutex<State>,
}

enum State {
    Closed,
    Accepting(Running),
    Stopped,
}

#[derive(Clone)]
struct Running {
    phase: watch::Sender<Phase>,
    /// Its sender is gone when the last connection is.
    ended: watch::Receiver<()>,
}

/// What becomes of connections, in the order in which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// They are accepted, and kept as long as their clients want.
    Open,
    /// None is accepted. Each ends with its next answer.
    Retiring,
    /// Those without a request end; the others end with their answers.
    Closing,
    /// What does not end in time is cut off.
    Stopping,
}

impl Server {
    /// A server that is not open yet.
    #[must_use]
    pub fn new(times: Times) -> Self {
        Self { times, state: Mutex::new(State::Closed) }
    }

    /// Serves `app` to whoever comes to the socket, which must not block; says whether it did so now. Needs a runtime
    /// around it.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket; the server is stopped then.
    pub fn open(&self, socket: std::net::TcpListener, app: Router) -> io::Result<bool> {
        let mut state = self.state();
        if !matches!(*state, State::Closed) {
            return Ok(false);
        }
        *state = State::Stopped;
        let listener = TcpListener::from_std(socket)?;
        let phase = watch::Sender::new(Phase::Open);
        let (running, ended) = watch::channel(());
        let app = app.layer(middleware::map_response(announcing(phase.subscribe())));
        let accepting = accept(listener, app, self.times, phase.subscribe());
        tokio::spawn(async move {
            accepting.await;
            drop(running);
        });
        *state = State::Accepting(Running { phase, ended });
        Ok(true)
    }

    /// Leaves the socket to others who accept from it, and waits for its connections, for at most about `patience`. What
    /// has been accepted is served: a request may be on its way.
    pub async fn retire(&self, patience: Duration) {
        let running = match &*self.state() {
            State::Accepting(running) => running.clone(),
            State::Closed | State::Stopped => return,
        };
        running.enter(Phase::Retiring);
        let [least, most] = LINGER;
        let linger = patience.clamp(least, most);
        running.ended_within(linger).await;
        running.enter(Phase::Closing);
        running.ended_within(patience.saturating_sub(linger)).await;
    }

    /// Accepts nothing more, waits for the requests under way and cuts off those that take too long.
    pub async fn stop(&self) {
        let state = std::mem::replace(&mut *self.state(), State::Stopped);
        if let State::Accepting(running) = state {
            running.enter(Phase::Stopping);
            running.ended().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Never goes back to an earlier phase.
    fn enter(&self, next: Phase) {
        self.phase.send_if_modified(|phase| {
            let later = *phase < next;
            if later {
                *phase = next;
            }
            later
        });
    }

    async fn ended(&self) {
        // Nothing is ever sent: it fails when the sender is gone.
        let _ = self.ended.clone().changed().await;
    }

    async fn ended_within(&self, limit: Duration) {
        let _ = tokio::time::timeout(limit, self.ended()).await;
    }
}

/// Tells clients that a connection ends with this answer, once that is so.
fn announcing(
    phase: watch::Receiver<Phase>,
) -> impl Fn(Response) -> std::future::Ready<Response> + Clone + Send + 'static {
    move |mut response| {
        if *phase.borrow() != Phase::Open {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        std::future::ready(response)
    }
}

/// Serves until there is another phase, and then what it has accepted.
async fn accept(listener: TcpListener, app: Router, times: Times, mut phase: watch::Receiver<Phase>) {
    let (mut connections, mut shortage) = (JoinSet::new(), Shortage::default());
    while *phase.borrow_and_update() == Phase::Open {
        tokio::select! {
            stream = next_connection(&listener, &mut shortage) => {
                connections.spawn(serve(stream, app.clone(), times.head, phase.clone()));
            }
            Some(_) = connections.join_next() => {}
            changed = phase.changed() => if changed.is_err() { break },
        }
    }
    drop(listener);
    tokio::select! {
        () = all_ended(&mut connections) => {}
        // Without its other end nobody waits for the connections any more.
        () = reached(&mut phase, Phase::Stopping) => finish(&mut connections, times.grace).await,
    }
}

/// Waits for that phase, or a later one, or until there will be none.
async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    let _ = phase.wait_for(|phase| *phase >= wanted).await;
}

async fn all_ended(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

async fn finish(connections: &mut JoinSet<()>, grace: Duration) {
    if tokio::time::timeout(grace, all_ended(connections)).await.is_err() {
        let (left, grace) = (connections.len(), grace.as_secs());
        tracing::warn!("{left} connections were cut off, {grace} s after the server was asked to stop");
        connections.shutdown().await;
    }
}

async fn next_connection(listener: &TcpListener, shortage: &mut Shortage) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                shortage.failed(&error);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

async fn serve(stream: TcpStream, app: Router, head_time: Duration, mut phase: watch::Receiver<Phase>) {
    // Frames are small and must not wait for each other. If it cannot be set they only come a little later.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
        // One that is upgraded counts as ended: whoever took it over brings it to its end.
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = reached(&mut phase, Phase::Closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended early: {error}");
    }
}
