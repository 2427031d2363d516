//! The claim on a conversation: whoever holds it is its only turn, and it ends exactly once on every way out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use transom_agent::event::{AgentEventKind, Place};
use transom_agent::provider::Usage;
use transom_agent::turn::EndReason;
use transom_plugin_api::{Maybe, Text};

use super::Hub;
use super::channel::Channel;
use super::places::Places;
use super::viewer::Viewer;
use crate::stop::Stop;

/// A turn's hold on its conversation. Dropped before it began, it leaves no trace; dropped later without its seal, it
/// tells viewers that the turn was lost.
#[derive(Debug)]
pub(crate) struct Claim {
    hub: Arc<Hub>,
    channel: Arc<Channel>,
    turn_id: Text,
    stop: Stop,
    stage: Stage,
    /// Only the turn counts what it shows.
    places: Mutex<Places>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Held,
    Begun,
    Sealed,
}

impl Claim {
    pub(super) fn new(hub: Arc<Hub>, channel: Arc<Channel>, turn_id: Text, stop: Stop) -> Self {
        Self { hub, channel, turn_id, stop, stage: Stage::Held, places: Mutex::default() }
    }

    pub(crate) fn conversation_id(&self) -> &Text {
        &self.channel.conversation_id
    }

    pub(crate) fn turn_id(&self) -> &Text {
        &self.turn_id
    }

    /// The signal that stops this turn.
    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// A viewer of this turn.
    pub(crate) fn viewer(&self) -> Viewer {
        self.channel.watch(Some(&self.turn_id), None)
    }

    /// Begins to show the turn, whose frames follow those that were counted by `places`.
    pub(crate) fn begin(&mut self, places: Places) {
        self.stage = Stage::Begun;
        self.places = Mutex::new(places);
        self.channel.begin();
    }

    /// Gives a frame its place, before it is shown: what stands there is made durable first.
    pub(crate) fn place(&self, what: &AgentEventKind) -> Place {
        self.places().next(what)
    }

    /// Shows a frame at its place to all viewers.
    pub(crate) fn show_at(&self, at: Place, what: AgentEventKind) {
        self.channel.show(what.of(self.conversation_id(), &self.turn_id, at));
    }

    /// Shows a frame at the next place to all viewers.
    pub(crate) fn show(&self, what: AgentEventKind) {
        let at = self.place(&what);
        self.show_at(at, what);
    }

    /// Everything up to `position` is in the log: who attaches later reads it there.
    pub(crate) fn logged(&self, position: i64) {
        self.channel.logged(position);
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the prints of this call are shown, as what belongs to `position`.
    pub(crate) fn tool_began(&self, tool_call_id: &Text, position: i64) {
        self.channel.tool_began(tool_call_id, self.places().generation(), position);
    }

    /// From now on they are not.
    pub(crate) fn tool_ended(&self, tool_call_id: &Text) {
        self.channel.tool_ended(tool_call_id);
    }

    /// Shows the last frame and gives the conversation free. The hub counts the turn until the claim is dropped.
    pub(crate) fn seal(&mut self, now_ms: i64) {
        if self.stage != Stage::Sealed {
            self.stage = Stage::Sealed;
            let at = self.place(&AgentEventKind::TurnSealed {});
            self.channel.seal(&self.turn_id, at, now_ms);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        match self.stage {
            Stage::Held => self.channel.abandon(&self.turn_id),
            Stage::Begun => {
                self.show(AgentEventKind::Done {
                    reason: EndReason::Lost,
                    duration_ms: 0,
                    usage: Usage::default(),
                    context_size: Maybe::None,
                });
                self.seal(0);
            }
            Stage::Sealed => {}
        }
        self.hub.released();
    }
}
