//! One generation of a plugin in the place of another, while everything else goes on.
//!
//! Plugins that can stand beside their successors are replaced together: all new generations start, their contributions
//! held back; then one change of the table puts them in the places of the old ones, whose calls under way may end. One
//! that owns something is replaced alone, behind a gate; see [`exclusive`].
//!
//! Until that change nothing is lost by a failure: the new generations are discarded, and the old ones never noticed.

mod exclusive;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use transom_plugin_api::abi::document::Encoded;
use transom_plugin_api::abi::task::resumed;
use transom_plugin_api::sabotage::sabotaged;

use crate::breadcrumb::{Phase, polled_during};
use crate::kernel::Shared;
use crate::lifecycle::{PluginToStart, STOP_SHARE, activate, discard, end, rest};
use crate::lives::Active;
use crate::seat::{Lineage, Seat};

/// What is under way has at least so long to notice that it is to end.
const SETTLE: Duration = Duration::from_secs(1);

/// How much time a reload takes at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadTerms {
    /// How long calls that are under way may go on. Past it, those of a plugin that can stand beside its successor end
    /// with [`Retired`](transom_plugin_api::CallErrorKind::Retired), and the reload of one that cannot is refused. With
    /// nothing they are told to end at once, and given a second to do so.
    pub drain: Duration,
}

impl Default for ReloadTerms {
    fn default() -> Self {
        Self { drain: Duration::from_secs(10) }
    }
}

/// How a reload went.
#[derive(Clone, Debug, Default)]
pub struct ReloadReport {
    /// What was replaced, in the order in which it was.
    pub reloaded: Vec<Reloaded>,
}

/// A plugin that was replaced.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The plugin.
    pub plugin: String,
    /// The generation that runs now.
    pub generation: u32,
    /// The longest that a call waited, where calls had to.
    pub longest_wait: Option<Duration>,
    /// What the old generation was doing when it was cut off.
    pub cut_off: Option<String>,
}

/// Why a plugin was not replaced.
#[derive(Clone, Debug)]
pub struct ReloadError {
    /// The plugin.
    pub plugin: String,
    /// What is wrong.
    pub reason: String,
    /// Whether the old generation runs; if not, the plugin is disabled.
    pub old_runs: bool,
    /// What had been replaced before, and stays so.
    pub before: Vec<Reloaded>,
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plugin, reason, old_runs, .. } = self;
        let now = if *old_runs { "the old generation goes on" } else { "it is disabled now" };
        write!(f, "plugin `{plugin}` was not reloaded, {now}: {reason}")
    }
}

impl std::error::Error for ReloadError {}

/// Replaces plugins of which all are known.
pub(crate) async fn reload(
    shared: &Arc<Shared>,
    plugins: Vec<PluginToStart>,
    terms: &ReloadTerms,
) -> Result<ReloadReport, ReloadError> {
    let _only = shared.lives.changing.lock().await;
    for plugin in &plugins {
        let id = &plugin.descriptor.id;
        if !shared.lives.knows(id) {
            return Err(refused(id, "there is no such plugin".to_owned(), Vec::new()));
        }
        shared.admit(&plugin.descriptor);
    }
    let mut report = ReloadReport::default();
    let (alone, together): (Vec<_>, Vec<_>) = plugins.into_iter().partition(|plugin| {
        let old = shared.lives.active(&plugin.descriptor.id);
        plugin.descriptor.is_exclusive() || old.is_some_and(|old| old.seat.descriptor.is_exclusive())
    });
    for plugin in alone {
        match exclusive::replace(shared, plugin, terms).await {
            Ok(reloaded) => report.reloaded.push(reloaded),
            Err(error) => return Err(ReloadError { before: report.reloaded, ..error }),
        }
    }
    match beside(shared, together, terms).await {
        Ok(reloaded) => report.reloaded.extend(reloaded),
        Err(error) => return Err(ReloadError { before: report.reloaded, ..error }),
    }
    Ok(report)
}

fn refused(plugin: &str, reason: String, before: Vec<Reloaded>) -> ReloadError {
    ReloadError { plugin: plugin.to_owned(), reason, old_runs: true, before }
}

/// A new generation that has started and is not visible yet.
struct Staged {
    origin: PluginToStart,
    seat: Arc<Seat>,
    old: Option<Active>,
}

async fn beside(
    shared: &Arc<Shared>,
    plugins: Vec<PluginToStart>,
    terms: &ReloadTerms,
) -> Result<Vec<Reloaded>, ReloadError> {
    let old = |plugin: &PluginToStart| shared.lives.active(&plugin.descriptor.id);
    let gone: Vec<Arc<Seat>> = plugins.iter().filter_map(|plugin| Some(old(plugin)?.seat)).collect();
    let mut staged: Vec<Staged> = Vec::new();
    for origin in plugins {
        let id = origin.descriptor.id.clone();
        match stage(shared, origin, &gone, terms).await {
            Ok(new) => staged.push(new),
            Err(reason) => {
                discard_all(&staged).await;
                return Err(ReloadError {
                    old_runs: old_runs(shared, &id),
                    ..refused(&id, reason, Vec::new())
                });
            }
        }
    }
    let seats: Vec<Arc<Seat>> = staged.iter().map(|new| Arc::clone(&new.seat)).collect();
    match Seat::commit(&seats) {
        Ok(replaced) => {
            for Staged { origin, seat, old } in &staged {
                shared.lives.succeed(seat, origin.clone());
                if let Some(old) = old {
                    // What it contributed between that change and this moment, too.
                    old.seat.withdraw_all();
                    shared.lives.drains(seat.id, true);
                }
            }
            shared.let_go(replaced);
        }
        Err(error) => {
            discard_all(&staged).await;
            let id = staged.first().map_or("", |new| new.seat.id);
            return Err(refused(id, error.message.into(), Vec::new()));
        }
    }
    let mut reloaded = Vec::new();
    for Staged { seat, old, .. } in staged {
        let cut_off = match old {
            Some(old) => retire(shared, &old, terms.drain).await.err(),
            None => None,
        };
        let (plugin, generation) = (seat.id.to_owned(), seat.generation);
        reloaded.push(Reloaded { plugin, generation, longest_wait: None, cut_off });
    }
    Ok(reloaded)
}

fn old_runs(shared: &Shared, id: &str) -> bool {
    shared.lives.active(id).is_some()
}

async fn discard_all(staged: &[Staged]) {
    for new in staged.iter().rev() {
        discard(&new.seat, &new.origin).await;
    }
}

async fn stage(
    shared: &Arc<Shared>,
    origin: PluginToStart,
    gone: &[Arc<Seat>],
    terms: &ReloadTerms,
) -> Result<Staged, String> {
    let id = &origin.descriptor.id;
    let old = shared.lives.active(id);
    let inheritance = match &old {
        Some(old) => legacy(&old.seat, terms.drain).await?,
        None => None,
    };
    let generation = shared.lives.next_generation(id);
    let lineage = Lineage { generation, succeeds: gone.to_vec(), inheritance };
    let seat = activate(shared, &origin, lineage, |_| {}).await.map_err(|failed| failed.reason)?;
    Ok(Staged { origin, seat, old })
}

/// What a generation hands over; asked on a task of its own, so that one that blocks holds up nobody else.
async fn legacy(old: &Arc<Seat>, limit: Duration) -> Result<Option<Encoded>, String> {
    // Who wants no call to go on still wants what was left to be handed over.
    let limit = limit.max(SETTLE);
    let Some(task) = old.legacy(limit) else { return Ok(None) };
    // SAFETY: the SDK's maker makes tasks that write an `Encoded`.
    let task = polled_during(old.number, Phase::HandingOver, unsafe { resumed::<Encoded>(task) });
    let asked = old.shared.runtime.spawn(task);
    let abort = asked.abort_handle();
    match tokio::time::timeout(limit, asked).await {
        Ok(Ok(Ok(bytes))) if sabotaged("hand-nothing-over") => {
            drop(bytes);
            Ok(None)
        }
        Ok(Ok(Ok(bytes))) => Ok(Some(bytes)),
        Ok(Ok(Err(error))) => Err(format!("what the old generation is to hand over: {}", error.message)),
        Ok(Err(_)) => Err("what the old generation is to hand over: its task was ended".to_owned()),
        Err(_) => {
            abort.abort();
            let limit = limit.as_millis();
            Err(format!("the old generation did not say within {limit} ms what it hands over"))
        }
    }
}

/// Lets a generation bring to an end what would go on; what takes longer than it was told to, and some time to do it, is
/// left to what comes next.
async fn drain(old: &Arc<Seat>, patience: Duration) {
    for task in old.last_work(patience) {
        // SAFETY: the SDK's maker makes tasks without a value.
        let task = polled_during(old.number, Phase::HandingOver, unsafe { resumed::<()>(task) });
        let working = old.shared.runtime.spawn(task);
        let abort = working.abort_handle();
        if tokio::time::timeout(patience + SETTLE, working).await.is_err() {
            tracing::warn!(
                plugin = old.id,
                "did not end within {} ms what it has under way",
                patience.as_millis()
            );
            abort.abort();
        }
    }
}

/// Lets the calls of a generation that has been replaced end, and then the generation.
async fn retire(shared: &Shared, old: &Active, patience: Duration) -> Result<(), String> {
    let began = Instant::now();
    drain(&old.seat, patience).await;
    let left = patience.saturating_sub(began.elapsed()).max(SETTLE);
    let quiet = tokio::time::timeout(left, old.seat.until_quiet()).await;
    let ended = end(&old.seat, quiet.is_ok(), STOP_SHARE).await;
    old.seat.end_tasks().await;
    shared.lives.drains(old.seat.id, false);
    rest(&old.seat, &old.origin).await;
    ended
}
