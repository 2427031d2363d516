//! [`Runner`]: hooks as they run, some at the same time, none longer than it may, and none longer than the plugin.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use transom_plugin_api::{CallError, Host};

use crate::decision::Ended;
use crate::environment::Allowed;
use crate::process::{self, Order};

/// Hooks that run at the same time for turns that wait; further ones wait.
const SEATS: u32 = 16;
/// The same for hooks for which nobody waits: they must not keep a turn from its own.
const SIDE_SEATS: u32 = 8;
/// Hooks of which is remembered how they ended last.
const REMEMBERED: usize = 500;

/// A hook by its event, its file and its command.
pub(crate) type Key = (&'static str, String, String);

/// How a hook ended last.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Milliseconds since the epoch.
    pub(crate) at: i64,
    pub(crate) duration: Duration,
    pub(crate) how: String,
}

/// What is to be run, and for how long at most.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) key: Key,
    pub(crate) folder: String,
    pub(crate) input: Arc<Vec<u8>>,
    pub(crate) timeout: Duration,
    /// When nobody waits for it any more.
    pub(crate) until: Instant,
    pub(crate) is_waited_for: bool,
}

/// Runs hooks.
pub(crate) struct Runner {
    host: Host,
    allowed: Allowed,
    seats: Arc<Semaphore>,
    side_seats: Arc<Semaphore>,
    is_over: watch::Sender<bool>,
    outcomes: Mutex<BTreeMap<Key, Outcome>>,
}

impl Runner {
    pub(crate) fn new(host: Host, allowed: Allowed) -> Self {
        let [seats, side_seats] = [SEATS, SIDE_SEATS].map(|count| Arc::new(Semaphore::new(count as usize)));
        let is_over = watch::Sender::new(false);
        Self { host, allowed, seats, side_seats, is_over, outcomes: Mutex::default() }
    }

    /// Runs a hook. Dropped, it ends it, which goes on behind it.
    pub(crate) async fn run(&self, task: Task) -> Ended {
        let (key, begun) = (task.key.clone(), Instant::now());
        let ended = self.try_run(task).await.unwrap_or_else(|error| Ended::NotRun(error.to_string()));
        self.remember(key, &ended, begun.elapsed());
        ended
    }

    async fn try_run(&self, task: Task) -> Result<Ended, CallError> {
        let left = || task.until.saturating_duration_since(Instant::now());
        let whole = left();
        let seats = if task.is_waited_for { &self.seats } else { &self.side_seats };
        let Some(seat) = self.host.within(whole, Arc::clone(seats).acquire_owned()).await else {
            return Ok(Ended::Late(whole));
        };
        let seat = seat.map_err(CallError::unavailable)?;
        let folder = PathBuf::from(&task.folder);
        let order = Order {
            command: task.key.2.clone(),
            environment: self.allowed.of(std::env::vars_os(), &folder),
            folder,
            input: task.input.as_ref().clone(),
            limit: task.timeout.min(left()),
        };
        let (hearer, bell) = std::io::pipe()?;
        let work = self.host.blocking(move || {
            let ended = process::run(&order, &hearer);
            drop(seat);
            ended
        });
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            ended = &mut work => return ended,
            () = self.until_over() => {}
        }
        drop(bell);
        work.await
    }

    fn remember(&self, key: Key, ended: &Ended, duration: Duration) {
        let how = match ended {
            Ended::Exited { code, .. } => format!("exit code {code}"),
            Ended::Killed(signal) => format!("was ended by signal {signal}"),
            Ended::Late(_) => "took too long".to_owned(),
            Ended::Flooded(_) => "printed too much".to_owned(),
            Ended::NotRun(_) => "could not be run".to_owned(),
            Ended::Cut => "was ended with the plugin".to_owned(),
        };
        tracing::debug!("a hook for `{}` ended: {how}", key.0);
        let mut outcomes = self.lock();
        if outcomes.len() >= REMEMBERED && !outcomes.contains_key(&key) {
            outcomes.clear();
        }
        outcomes.insert(key, Outcome { at: self.host.now_ms(), duration, how });
    }

    /// How a hook ended last, since the plugin runs.
    pub(crate) fn last(&self, key: &Key) -> Option<Outcome> {
        self.lock().get(key).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Outcome>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every hook that runs, and those that are going to.
    pub(crate) fn end(&self) {
        self.is_over.send_replace(true);
    }

    async fn until_over(&self) {
        // It does not fail while this sender is here.
        let _ = self.is_over.subscribe().wait_for(|is_over| *is_over).await;
    }

    /// Waits until no hook runs.
    pub(crate) async fn until_idle(&self) {
        let all = self.seats.acquire_many(SEATS).await;
        let side = self.side_seats.acquire_many(SIDE_SEATS).await;
        drop((all, side));
    }
}
