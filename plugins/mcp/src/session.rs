//! [`Session`]: a server that was started and has shaken hands.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{PaginatedRequestParams, ProtocolVersion, Tool};
use rmcp::service::{
    ClientInitializeError, Peer, RunningService, RunningServiceCancellationToken, serve_client,
};
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{Background, Host};

use crate::definition::{Definition, Reach};
use crate::ear::{Ear, Heard};
use crate::environment::passed;
use crate::http;
use crate::lines::{LONGEST_LINE, Lines, Reason};
use crate::offer::MOST_TOOLS;
use crate::process::{self, Process, Start};
use crate::tail::Tail;
use crate::warden::Warden;

/// Pages of a list of tools.
const PAGES: usize = 100;
/// How long a process that has closed its output may take to end, so that one can tell how it did.
const TO_END: Duration = Duration::from_millis(200);
/// How long a server that is not needed any more may take to end by itself, once nobody writes to it.
const GRACE: Duration = Duration::from_millis(500);

/// What is needed to start a server.
pub(crate) struct Opening<'a> {
    pub(crate) host: &'a Host,
    pub(crate) definition: &'a Definition,
    pub(crate) folder: &'a Path,
    pub(crate) warden: &'a Warden,
    pub(crate) tail: &'a Arc<Tail>,
    pub(crate) ear: Ear,
}

/// A server that was started and has shaken hands. Dropped, its process is killed.
pub(crate) struct Session {
    pub(crate) peer: Peer<RoleClient>,
    end: RunningServiceCancellationToken,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    process: Option<Running>,
    reason: Reason,
}

/// A process, and the one who listens to its errors.
struct Running {
    process: Process,
    errors: Listener,
}

/// Listens until it is dropped: what has left a server's group may hold the pipe open for ever.
struct Listener {
    background: Background,
    /// Comes when all is heard.
    heard: oneshot::Receiver<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.background.cancel();
    }
}

impl Opening<'_> {
    /// Starts it, shakes hands, and asks for its tools, for as long as that may take.
    pub(crate) async fn open(self) -> Result<(Session, Vec<Tool>), String> {
        let (host, limit) = (self.host, self.definition.terms.start);
        let opening = async {
            let session = self.shake_hands().await?;
            let tools = list(&session.peer).await?;
            Ok((session, tools))
        };
        if sabotaged("wait-for-servers-without-end") {
            return opening.await;
        }
        let opened = host.within(limit, opening).await;
        opened.unwrap_or_else(|| Err(format!("it was not ready within {} s", limit.as_secs())))
    }

    async fn shake_hands(self) -> Result<Session, String> {
        let reason = Reason::default();
        match &self.definition.reach {
            Reach::Http { url, headers } => {
                let transport = http::transport(url, headers, self.definition.terms.start)?;
                let transport = Heard { inner: transport, ear: self.ear.clone() };
                let running = serve_client(self.ear, transport).await.map_err(|error| told(&error))?;
                Session::of(running, None, reason)
            }
            Reach::Process { command, environment } => {
                let mut variables = passed(std::env::vars_os());
                variables
                    .extend(environment.iter().map(|(name, value)| (name.into(), value.expose().into())));
                let start = Start {
                    program: command.first().cloned().unwrap_or_default(),
                    arguments: command.iter().skip(1).cloned().collect(),
                    environment: variables,
                    folder: self.folder.to_owned(),
                };
                let (warden, program) = (self.warden.clone(), start.program.clone());
                let started = self.host.blocking(move || Process::start(&start, &warden)).await;
                let started = started.map_err(|error| error.message.into_string())?;
                let mut process =
                    started.map_err(|error| format!("`{program}` cannot be started: {error}"))?;
                let pipes = process.pipes().map_err(|error| format!("it has no pipes: {error}"))?;
                let running =
                    Running { process, errors: Listener::of(pipes.errors, Arc::clone(self.tail), self.host) };
                let lines = Lines::of(pipes.output, Arc::clone(self.tail), Arc::clone(&reason));
                let transport =
                    AsyncRwTransport::new_client(lines, pipes.input).with_max_line_length(LONGEST_LINE + 1);
                let transport = Heard { inner: transport, ear: self.ear.clone() };
                match serve_client(self.ear, transport).await {
                    Ok(service) => Session::of(service, Some(running), reason),
                    Err(error) => Err(match reason.get() {
                        Some(reason) => reason.clone(),
                        None => running.end_of(self.host).await.unwrap_or_else(|| told(&error)),
                    }),
                }
            }
        }
    }
}

impl Listener {
    /// Keeps the end of what a server writes to its standard error.
    fn of(mut pipe: Receiver, tail: Arc<Tail>, host: &Host) -> Self {
        let (all, heard) = oneshot::channel();
        let background = host.spawn(async move {
            let mut piece = [0; 4 << 10];
            while let Ok(bytes @ 1..) = pipe.read(&mut piece).await {
                tail.push(&piece[..bytes]);
            }
            drop(all);
        });
        Self { background, heard }
    }
}

impl Running {
    /// How it has ended by itself, when it has.
    async fn end_of(mut self, host: &Host) -> Option<String> {
        host.within(TO_END, self.process.ended()).await?.ok()?;
        // Its last words may say why.
        host.within(TO_END, &mut self.errors.heard).await;
        self.kill().await
    }

    /// Kills it, and tells how it has ended.
    async fn kill(self) -> Option<String> {
        self.process.end().await.map(process::told)
    }
}

impl Session {
    fn of(
        running: RunningService<RoleClient, Ear>,
        process: Option<Running>,
        reason: Reason,
    ) -> Result<Self, String> {
        let peer = running.peer().clone();
        let version = peer.peer_info().map(|info| info.protocol_version.clone());
        if !version.as_ref().is_some_and(|version| ProtocolVersion::KNOWN_VERSIONS.contains(version))
            && !sabotaged("speak-any-version")
        {
            let version = version.map(|version| version.as_str().chars().take(40).collect::<String>());
            let version = version.unwrap_or_default();
            return Err(format!(
                "it speaks version `{}` of the protocol, which is not known",
                version.escape_debug()
            ));
        }
        let (end, over) = (running.cancellation_token(), Box::pin(async { drop(running.waiting().await) }));
        Ok(Self { peer, end, over, process, reason })
    }

    /// Waits until it is over: its connection is closed, or its process has ended.
    pub(crate) async fn over(&mut self) {
        let Some(running) = &self.process else { return (&mut self.over).await };
        tokio::select! {
            () = &mut self.over => {}
            _ = running.process.ended() => {}
        }
    }

    /// Says why it is to be over, though nothing has ended it.
    pub(crate) fn give_up(&self, reason: String) {
        // Where it has ended meanwhile for another reason, that one counts.
        let _ = self.reason.set(reason);
    }

    /// Why it is over, for a person. What is left of it is killed.
    pub(crate) async fn post_mortem(self, host: &Host) -> String {
        self.end.cancel();
        let lost = || "its connection was closed".to_owned();
        match (self.process, self.reason.get()) {
            (Some(running), Some(reason)) => {
                running.kill().await;
                reason.clone()
            }
            (Some(running), None) => running.end_of(host).await.unwrap_or_else(lost),
            (None, reason) => reason.cloned().unwrap_or_else(lost),
        }
    }

    /// Ends it: it may do so by itself for a moment, and then it is killed.
    pub(crate) async fn close(self, host: &Host) {
        self.end.cancel();
        host.within(GRACE, self.over).await;
        if let Some(running) = self.process {
            host.within(GRACE, running.process.ended()).await;
            running.kill().await;
        }
    }
}

/// The tools that a server lists, no more than are looked at.
pub(crate) async fn list(peer: &Peer<RoleClient>) -> Result<Vec<Tool>, String> {
    let has_tools = peer.peer_info().is_some_and(|info| info.capabilities.tools.is_some());
    let (mut tools, mut cursor) = (Vec::new(), None);
    for _ in 0..PAGES {
        if !has_tools || tools.len() > MOST_TOOLS {
            break;
        }
        let page = peer.list_tools(Some(PaginatedRequestParams::default().with_cursor(cursor))).await;
        let page = page.map_err(|error| format!("it does not list its tools: {}", chain(&error)))?;
        tools.extend(page.tools);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(tools)
}

fn told(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::ConnectionClosed(_) => "it closed its output before it was ready".to_owned(),
        ClientInitializeError::JsonRpcError(error) => format!("it refused: {}", error.message),
        ClientInitializeError::TransportError { error, .. } => {
            format!("it cannot be reached: {}", chain(error.error.as_ref()))
        }
        error => format!("it cannot be spoken to: {}", chain(error)),
    }
}

/// What went wrong, and why.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let (mut told, mut cause) = (error.to_string(), error.source());
    while let Some(inner) = cause {
        let inner_told = inner.to_string();
        if !told.contains(&inner_told) {
            told = format!("{told}: {inner_told}");
        }
        cause = inner.source();
    }
    told
}

/// A text of a stranger's, on one line and not too long.
pub(crate) fn short(text: &str) -> String {
    transom_agent::refusal::shown(text, 500)
}
