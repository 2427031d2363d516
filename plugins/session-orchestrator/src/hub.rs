//! The hub: which turn holds a conversation, and who watches it.
//!
//! Viewers exist apart from turns. A turn hands each frame to the hub and goes on; what a viewer does with it is the
//! viewer's time.

mod channel;
mod claim;
pub(crate) mod frame;
mod places;
mod replay;
mod viewer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use transom_agent::tool::ToolPrinted;
use transom_agent::turn::Watch;
use transom_plugin_api::{CallError, Text};

pub(crate) use self::claim::Claim;
pub(crate) use self::places::Places;
pub(crate) use self::viewer::Viewer;

use self::channel::{Channel, frames_are_gone};

/// Milliseconds for which the frames of a conversation's last turn stay when nobody uses them.
const KEPT_MS: i64 = 60_000;
/// Conversations that are kept when nobody uses them.
const KEPT_CHANNELS: usize = 1_000;

/// All conversations with a turn, a viewer, or frames of a turn that ended lately.
#[derive(Debug)]
pub(crate) struct Hub {
    /// Claims and viewers are only made under this lock, so that a channel is never forgotten while it is taken.
    channels: Mutex<Channels>,
    claims: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Channels {
    closed: bool,
    by_conversation: HashMap<Text, Arc<Channel>>,
}

impl Hub {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { channels: Mutex::default(), claims: watch::Sender::new(0) })
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
        let channel = channels.channel(conversation_id);
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

    /// Attaches a viewer.
    ///
    /// # Errors
    /// `NotFound` when the frames of the turn it wants are gone, `Unavailable` once the hub is closed.
    pub(crate) fn watch(&self, request: &Watch, now_ms: i64) -> Result<Viewer, CallError> {
        let mut channels = self.lock();
        if channels.closed {
            return Err(CallError::unavailable("nothing can be watched, because the host is stopping"));
        }
        channels.forget_unused(now_ms);
        match request.turn_id.as_ref() {
            None => Ok(channels.channel(&request.conversation_id).watch_all()),
            Some(turn_id) => match channels.by_conversation.get(&request.conversation_id) {
                Some(channel) => channel.watch_turn(turn_id),
                None => Err(frames_are_gone(&request.conversation_id, turn_id)),
            },
        }
    }

    /// Stops the running turn of a conversation; whether there was one.
    pub(crate) fn stop(&self, conversation_id: &str) -> bool {
        self.find(conversation_id).is_some_and(|channel| channel.stop())
    }

    /// Whether a turn holds the conversation.
    pub(crate) fn is_running(&self, conversation_id: &str) -> bool {
        self.find(conversation_id).is_some_and(|channel| channel.is_running())
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
            channel.dismiss();
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

    /// Ends the viewers whom no turn ends: the next generation has what they wait for. Their streams end with `Retired`.
    pub(crate) fn retire_viewers(&self) {
        for channel in self.all() {
            channel.retire();
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
    fn channel(&mut self, conversation_id: &Text) -> Arc<Channel> {
        let make = || Arc::new(Channel::new(conversation_id.clone()));
        Arc::clone(self.by_conversation.entry(conversation_id.clone()).or_insert_with(make))
    }

    /// Forgets what nobody has used for a while, and of the rest the longest unused beyond the cap.
    fn forget_unused(&mut self, now_ms: i64) {
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
mod tests;
