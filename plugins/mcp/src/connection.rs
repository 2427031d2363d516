//! [`Connection`]: one server, from its first start to its end: it is started, watched, and started again when it fails.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::service::Peer;
use tokio::sync::{Notify, watch};
use transom_agent::tool::ToolPrinted;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{Emitter, Host};

use crate::backoff::Backoff;
use crate::definition::Definition;
use crate::doubt::{TO_PING, Unanswered};
use crate::ear::{Calls, Ear, Lists};
use crate::offer::{Offered, offered};
use crate::registry::Registry;
use crate::session::{Opening, Session, list, short};
use crate::tail::Tail;
use crate::warden::Warden;

/// Failures in a row behind which a server's tools are not offered any more. Until then they are, since a list of tools that
/// changes to and fro costs models their cache.
const PATIENCE: u32 = 3;

/// Where a server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is being started. `first` as long as it was not there, and did not fail, before.
    Connecting { first: bool },
    /// It can be called.
    Ready,
    /// It is not there, and is tried again.
    Failed,
    /// The operator does not want it.
    Disabled,
    /// It is not needed any more, and nothing of it runs.
    Stopped,
}

/// What all servers share.
#[derive(Clone)]
pub(crate) struct Company {
    pub(crate) host: Host,
    pub(crate) warden: Warden,
    pub(crate) registry: Arc<Registry>,
    pub(crate) printed: Emitter<ToolPrinted>,
}

/// One server: of one definition and, where a folder's file has it, of one folder.
pub(crate) struct Connection {
    pub(crate) definition: Definition,
    pub(crate) digest: String,
    /// The working folder whose file has it; absent for one of the operator's.
    pub(crate) folder: Option<String>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) tail: Arc<Tail>,
    company: Company,
    /// Where its process runs.
    runs_in: PathBuf,
    state: Mutex<State>,
    phase: watch::Sender<Phase>,
    wanted: watch::Sender<bool>,
    lists: Arc<Lists>,
    again: Notify,
    was_waited_for: AtomicBool,
}

/// A server that can be called.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) peer: Peer<RoleClient>,
    /// Of this session alone, so that what is said of one does not end the next.
    broken: Arc<Notify>,
    doubted: Arc<Notify>,
}

impl Line {
    /// Says that calls do not get through any more.
    pub(crate) fn is_broken(&self) {
        self.broken.notify_one();
    }

    /// Says that a call was not answered in time.
    pub(crate) fn is_doubted(&self) {
        self.doubted.notify_one();
    }
}

/// What is told of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) line: Option<Line>,
    pub(crate) tools: Arc<Vec<Offered>>,
    pub(crate) problems: Vec<String>,
    /// Why it is not there, while it is not.
    pub(crate) error: Option<String>,
    /// When it is tried again, in milliseconds since the epoch.
    pub(crate) retry_at: Option<i64>,
    /// What it has not answered, while it has not.
    pub(crate) unanswered: Option<Unanswered>,
    /// Failures since it was there last.
    pub(crate) failures: u32,
    /// How often it was started.
    pub(crate) starts: u32,
}

/// Why one does not go on with a session.
enum End {
    Stop,
    Again,
    Broken,
    /// It answers nothing any more.
    Silent,
}

impl Connection {
    /// Begins to start it, in the background.
    pub(crate) fn begin(
        definition: Definition,
        folder: Option<String>,
        runs_in: PathBuf,
        company: Company,
    ) -> Arc<Self> {
        let first =
            if definition.terms.is_disabled { Phase::Disabled } else { Phase::Connecting { first: true } };
        let host = company.host.clone();
        let connection = Arc::new(Self {
            digest: definition.digest(),
            definition,
            folder,
            calls: Arc::new(Calls::new(company.printed.clone())),
            tail: Arc::default(),
            company,
            runs_in,
            state: Mutex::default(),
            phase: watch::Sender::new(first),
            wanted: watch::Sender::new(true),
            lists: Arc::default(),
            again: Notify::new(),
            was_waited_for: AtomicBool::new(false),
        });
        if first != Phase::Disabled {
            drop(host.spawn(Arc::clone(&connection).run()));
        }
        connection
    }

    pub(crate) fn name(&self) -> &str {
        &self.definition.name
    }

    pub(crate) fn host(&self) -> &Host {
        &self.company.host
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// What is told of it now.
    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is not in a phase any more that `passes`.
    pub(crate) async fn past(&self, passes: impl Fn(Phase) -> bool) -> Phase {
        let mut phase = self.phase.subscribe();
        // The sender is in here.
        phase.wait_for(|phase| !passes(*phase)).await.map_or(Phase::Stopped, |phase| *phase)
    }

    /// Whether the turn that asks waits for it: the first one that does.
    pub(crate) fn claims_its_wait(&self) -> bool {
        !self.was_waited_for.swap(true, Ordering::SeqCst)
    }

    /// Has it started anew, also where it would have to wait.
    pub(crate) fn restart(&self) {
        self.again.notify_one();
    }

    /// Ends it, soon.
    pub(crate) fn stop(&self) {
        self.wanted.send_replace(false);
        if self.phase() == Phase::Disabled {
            self.phase.send_replace(Phase::Stopped);
        }
    }

    /// Waits until nothing of it runs any more. It has to be told to [stop](Self::stop).
    pub(crate) async fn stopped(&self) {
        self.past(|phase| phase != Phase::Stopped).await;
    }

    async fn run(self: Arc<Self>) {
        let mut backoff = Backoff::default();
        let mut wanted = self.wanted.subscribe();
        while *wanted.borrow() {
            let began_at = self.host().now_ms();
            let opened = tokio::select! {
                opened = self.open() => opened,
                _ = wanted.wait_for(|is| !is) => break,
            };
            let error = match opened {
                Err(error) => error,
                Ok((mut session, line)) => match self.attend(&mut session, &line, &mut wanted).await {
                    End::Broken => session.post_mortem(self.host()).await,
                    End::Silent => {
                        let seconds = TO_PING.as_secs();
                        session
                            .give_up(format!("it answered neither a call nor, within {seconds} s, a ping"));
                        session.post_mortem(self.host()).await
                    }
                    End::Again => {
                        self.leave(Phase::Connecting { first: false });
                        session.close(self.host()).await;
                        continue;
                    }
                    End::Stop => {
                        self.company.registry.put(&self, &[]);
                        self.lock().line = None;
                        session.close(self.host()).await;
                        break;
                    }
                },
            };
            if sabotaged("give-up-on-servers") {
                self.fail(&error, Duration::ZERO);
                std::future::pending::<()>().await;
            }
            let lasted = self.host().now_ms().saturating_sub(began_at);
            let wait = backoff.next(Duration::from_millis(lasted.try_into().unwrap_or(0)));
            self.fail(&error, wait);
            tokio::select! {
                () = self.host().sleep(wait) => {}
                () = self.again.notified() => backoff = Backoff::default(),
                _ = wanted.wait_for(|is| !is) => break,
            }
            self.phase.send_replace(Phase::Connecting { first: false });
        }
        self.company.registry.put(&self, &[]);
        self.leave(Phase::Stopped);
    }

    /// Starts it once.
    async fn open(self: &Arc<Self>) -> Result<(Session, Line), String> {
        self.lock().starts += 1;
        self.lists.begin();
        let ear = Ear { calls: Arc::clone(&self.calls), lists: Arc::clone(&self.lists) };
        let opening = Opening {
            host: self.host(),
            definition: &self.definition,
            folder: &self.runs_in,
            warden: &self.company.warden,
            tail: &self.tail,
            ear,
        };
        let (session, tools) = opening.open().await?;
        self.take(&tools);
        let line = Line { peer: session.peer.clone(), broken: Arc::default(), doubted: Arc::default() };
        {
            let mut state = self.lock();
            (state.line, state.error, state.retry_at) = (Some(line.clone()), None, None);
            (state.failures, state.unanswered) = (0, None);
        }
        self.phase.send_replace(Phase::Ready);
        Ok((session, line))
    }

    /// Stays with a session until it is over, or not wanted any more.
    async fn attend(
        self: &Arc<Self>,
        session: &mut Session,
        line: &Line,
        wanted: &mut watch::Receiver<bool>,
    ) -> End {
        loop {
            let is_doubted = tokio::select! {
                _ = wanted.wait_for(|is| !is) => return End::Stop,
                () = self.again.notified() => return End::Again,
                () = line.broken.notified() => return End::Broken,
                () = session.over() => return End::Broken,
                () = line.doubted.notified() => true,
                () = self.lists.changed() => false,
            };
            if is_doubted {
                match self.doubt(session, line, wanted).await {
                    Some(end) => return end,
                    None => continue,
                }
            }
            let listed = tokio::select! {
                listed = self.host().within(self.definition.terms.start, list(&line.peer)) => listed,
                _ = wanted.wait_for(|is| !is) => return End::Stop,
                () = session.over() => return End::Broken,
            };
            match listed {
                Some(Ok(tools)) => self.take(&tools),
                Some(Err(error)) => {
                    self.lock().problems = vec![short(&self.definition.without_secrets(&error))];
                }
                None => self.lock().problems = vec!["it did not list its tools in time".to_owned()],
            }
        }
    }

    /// Finds out whether a server is there that has not answered a call; why one does not go on, where one does not.
    async fn doubt(
        &self,
        session: &mut Session,
        line: &Line,
        wanted: &mut watch::Receiver<bool>,
    ) -> Option<End> {
        tokio::select! {
            is_there = self.answers_a_ping(line) => (!is_there).then_some(End::Silent),
            _ = wanted.wait_for(|is| !is) => Some(End::Stop),
            () = self.again.notified() => Some(End::Again),
            () = session.over() => Some(End::Broken),
        }
    }

    /// Offers these tools from now on.
    fn take(self: &Arc<Self>, tools: &[rmcp::model::Tool]) {
        let (tools, problems) = offered(self.name(), tools, &self.definition.terms.choice);
        for problem in &problems {
            tracing::warn!("server `{}`: {problem}", self.name());
        }
        self.company.registry.put(self, &tools);
        let mut state = self.lock();
        (state.tools, state.problems) = (Arc::new(tools), problems);
    }

    fn fail(self: &Arc<Self>, error: &str, wait: Duration) {
        let error = short(&self.definition.without_secrets(error));
        let failures = {
            let mut state = self.lock();
            state.failures = state.failures.saturating_add(1);
            (state.line, state.error, state.unanswered) = (None, Some(error.clone()), None);
            state.retry_at = i64::try_from(wait.as_millis()).ok().map(|wait| self.host().now_ms() + wait);
            state.failures
        };
        if failures == PATIENCE {
            self.company.registry.put(self, &[]);
            self.lock().tools = Arc::default();
        }
        tracing::warn!(
            "server `{}` is not there: {error}; it is tried again in {} ms",
            self.name(),
            wait.as_millis()
        );
        self.phase.send_replace(Phase::Failed);
    }

    fn leave(&self, phase: Phase) {
        self.lock().line = None;
        self.phase.send_replace(phase);
    }
}
