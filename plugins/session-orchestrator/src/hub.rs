//! The hub: which turn holds a conversation, and who watches it.
//!
//! Viewers exist apart from turns. A turn hands each frame to the hub and goes on; what a viewer does with it is the
//! viewer's time. The hub keeps what the log does not have yet, and what those who keep up are about to take; everything else
//! a viewer reads in the log.

mod attached;
mod beginning;
mod channel;
mod claim;
pub(crate) mod frame;
mod line;
mod log;
mod memory;
mod pages;
mod places;
mod printed;
mod spot;
mod viewer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use transom_agent::tool::ToolPrinted;
use transom_agent::turn::Watch;
use transom_plugin_api::{CallError, CallErrorKind, Text};

pub(crate) use self::claim::Claim;
pub(crate) use self::places::Places;
pub(crate) use self::viewer::Viewer;

pub(crate) use self::log::Log;

use self::attached::End;
use self::channel::Channel;
use self::log::Logs;

/// Milliseconds for which a conversation is kept when nobody uses it.
const KEPT_MS: i64 = 60_000;
/// Conversations that are kept when nobody uses them.
const KEPT_CHANNELS: usize = 1_000;
/// How many more there may be before the oldest are looked for, and after how many milliseconds it is looked who was not used:
/// to look at all of them for each turn would take longer than the turn.
const SLACK: usize = KEPT_CHANNELS / 8;
const BETWEEN_LOOKS_MS: i64 = 1_000;

/// All conversations with a turn or a viewer, or which had one lately.
#[derive(Debug)]
pub(crate) struct Hub {
    logs: Logs,
    /// Claims and viewers are only made under this lock, so that a channel is never forgotten while it is taken.
    channels: Mutex<Channels>,
    claims: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Channels {
    closed: bool,
    /// Milliseconds since the epoch up to which nobody begins to watch: the plugin may be replaced by then.
    retiring_until: i64,
    /// When it was looked last who was not used.
    looked_at: i64,
    by_conversation: HashMap<Text, Arc<Channel>>,
}

impl Hub {
    /// A hub whose viewers read in these logs what they missed.
    pub(crate) fn new(logs: Arc<dyn Log>) -> Arc<Self> {
        let (channels, claims) = (Mutex::default(), watch::Sender::new(0));
        Arc::new(Self { logs: Logs(logs), channels, claims })
    }

    /// Makes `turn_id` the only turn of a conversation.
    ///
    /// # Errors
    /// `Conflict` while another turn holds it, `Unavailable` once the hub is closed.
    pub(crate) fn claim(
        self: &Arc<Self>,
        conversation_id: &Text,
        turn_id: Text,
        now_ms: i64,
    ) -> Result<Claim, CallError> {
        let mut channels = self.lock();
        if channels.closed {
            return Err(CallError::unavailable("no turn can be started, because the host is stopping"));
        }
        channels.forget_unused(now_ms);
        let channel = channels.channel(conversation_id, &self.logs);
        let stop = channel.claim(&turn_id, now_ms).map_err(|running| {
            CallError::conflict(format!(
                "conversation `{conversation_id}` is already active: turn `{running}` runs; wait for its end or stop it"
            ))
        })?;
        self.claims.send_modify(|claims| *claims += 1);
        Ok(Claim::new(Arc::clone(self), channel, turn_id, stop))
    }

    fn released(&self) {
        self.claims.send_modify(|claims| *claims -= 1);
    }

    /// Attaches a viewer. That what it wants to see is not there it says itself. `parked` is the conversation's turn that waits
    /// for a person, if there is one.
    ///
    /// # Errors
    /// `Unavailable` once the hub is closed, `Retired` while the plugin is about to be replaced.
    pub(crate) fn watch(
        &self,
        request: &Watch,
        parked: Option<&Text>,
        now_ms: i64,
    ) -> Result<Viewer, CallError> {
        let mut channels = self.lock();
        if channels.closed {
            return Err(CallError::unavailable("nothing can be watched, because the host is stopping"));
        }
        if now_ms < channels.retiring_until {
            let message = "whoever shows turns is being replaced; watch again, after the last that was seen";
            return Err(CallError::new(CallErrorKind::Retired, message));
        }
        channels.forget_unused(now_ms);
        let channel = channels.channel(&request.conversation_id, &self.logs);
        Ok(channel.watch(request.turn_id.as_ref(), request.after.into_option(), parked))
    }

    /// Stops the running turn of a conversation; whether there was one.
    pub(crate) fn stop(&self, conversation_id: &str) -> bool {
        self.find(conversation_id).is_some_and(|channel| channel.stop())
    }

    /// Whether a turn holds the conversation.
    pub(crate) fn is_running(&self, conversation_id: &str) -> bool {
        self.running_turn(conversation_id).is_some()
    }

    /// The turn that holds the conversation.
    pub(crate) fn running_turn(&self, conversation_id: &str) -> Option<Text> {
        self.find(conversation_id)?.running()
    }

    /// Waits until no turn holds the conversation.
    pub(crate) async fn until_free(&self, conversation_id: &str) {
        if let Some(channel) = self.find(conversation_id) {
            channel.until_free().await;
        }
    }

    /// Shows what a running tool printed.
    pub(crate) fn printed(&self, printed: &ToolPrinted) {
        if printed.data.is_empty() {
            return;
        }
        if let Some(channel) = self.find(&printed.conversation_id) {
            channel.printed(printed);
        }
    }

    /// Takes no further turn, stops those that run, waits until all have ended, and ends the viewers.
    pub(crate) async fn close(&self) {
        self.lock().closed = true;
        for channel in self.all() {
            channel.close();
        }
        self.until_idle().await;
        for channel in self.all() {
            channel.end_viewers(End::Over);
        }
    }

    /// Stops the turns that run now.
    pub(crate) fn stop_all(&self) {
        for channel in self.all() {
            channel.stop();
        }
    }

    /// Has the turns that run now leave themselves to another generation.
    pub(crate) fn suspend_all(&self) {
        for channel in self.all() {
            channel.suspend();
        }
    }

    /// Takes that back.
    pub(crate) fn resume_all(&self) {
        for channel in self.all() {
            channel.resume();
        }
    }

    /// The turns that run now.
    pub(crate) fn turns(&self) -> Vec<Text> {
        self.all().iter().filter_map(|channel| channel.running()).collect()
    }

    /// Counts the turns that run; it changes whenever one begins to hold its conversation or lets go of it.
    pub(crate) fn claims(&self) -> watch::Receiver<usize> {
        self.claims.subscribe()
    }

    /// Waits until no turn runs.
    pub(crate) async fn until_idle(&self) {
        // The sender is `self`, so that waiting cannot fail.
        let _ = self.claims.subscribe().wait_for(|claims| *claims == 0).await;
    }

    /// Ends all viewers that are attached now, whether turns run or not; their streams end with `Retired`, and so do those of
    /// viewers who come before `until`: some are on their way already. Everything goes on for those who attach later.
    pub(crate) fn retire_viewers(&self, until: i64) {
        self.lock().retiring_until = until;
        self.all().iter().for_each(|channel| channel.end_viewers(End::Retired));
    }

    /// Sends the viewers of a conversation away: what became of it they are told when they come again.
    pub(crate) fn dismiss(&self, conversation_id: &str) {
        if let Some(channel) = self.find(conversation_id) {
            channel.end_viewers(End::Retired);
        }
    }

    fn all(&self) -> Vec<Arc<Channel>> {
        self.lock().by_conversation.values().cloned().collect()
    }

    fn find(&self, conversation_id: &str) -> Option<Arc<Channel>> {
        self.lock().by_conversation.get(conversation_id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channels {
    fn channel(&mut self, conversation_id: &Text, logs: &Logs) -> Arc<Channel> {
        let make = || Arc::new(Channel::new(conversation_id.clone(), logs.clone()));
        Arc::clone(self.by_conversation.entry(conversation_id.clone()).or_insert_with(make))
    }

    /// Forgets what nobody has used for a while, and of the rest the longest unused beyond the cap.
    fn forget_unused(&mut self, now_ms: i64) {
        let is_time = !(0..BETWEEN_LOOKS_MS).contains(&(now_ms - self.looked_at));
        if !is_time && self.by_conversation.len() <= KEPT_CHANNELS + SLACK {
            return;
        }
        self.looked_at = now_ms;
        self.by_conversation
            .retain(|_, channel| channel.unused_since().is_none_or(|at| now_ms - at <= KEPT_MS));
        let excess = self.by_conversation.len().saturating_sub(KEPT_CHANNELS);
        if excess == 0 {
            return;
        }
        let unused = self.by_conversation.iter();
        let mut unused: Vec<(i64, Text)> =
            unused.filter_map(|(id, channel)| Some((channel.unused_since()?, id.clone()))).collect();
        unused.sort_unstable();
        for (_, id) in unused.into_iter().take(excess) {
            self.by_conversation.remove(&id);
        }
    }
}

#[cfg(test)]
mod crowd_tests;
#[cfg(test)]
mod rewind_tests;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod view_tests;
