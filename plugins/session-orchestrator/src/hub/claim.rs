//! The claim on a conversation: whoever holds it is its only turn, on every way out once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use transom_agent::event::{AgentEventKind, Cursor, Place};
use transom_plugin_api::Text;

use super::Hub;
use super::attached::End;
use super::channel::Channel;
use super::places::Places;
use super::viewer::Viewer;
use crate::stop::Stop;

/// A turn's hold on its conversation. Dropped before it began, it leaves no trace. Dropped later without its seal, it gives
/// the conversation free and says nothing: what became of the turn stands in the log.
#[derive(Debug)]
pub(crate) struct Claim {
    hub: Arc<Hub>,
    channel: Arc<Channel>,
    turn_id: Text,
    stop: Stop,
    stage: Stage,
    /// Only the turn counts what it shows.
    places: Mutex<Places>,
    /// The last that was shown.
    last: Mutex<Cursor>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Held,
    Begun,
    Sealed,
}

impl Claim {
    pub(super) fn new(hub: Arc<Hub>, channel: Arc<Channel>, turn_id: Text, stop: Stop) -> Self {
        let (places, last) = (Mutex::default(), Mutex::default());
        Self { hub, channel, turn_id, stop, stage: Stage::Held, places, last }
    }

    pub(crate) fn conversation_id(&self) -> &Text {
        &self.channel.conversation_id
    }

    pub(crate) fn turn_id(&self) -> &Text {
        &self.turn_id
    }

    /// The signal that interrupts this turn.
    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The hold on a turn that goes on: dropped, it leaves the conversation to the turn.
    pub(crate) fn of_one_that_goes_on(mut self) -> Self {
        self.stage = Stage::Begun;
        self
    }

    /// A viewer of this turn.
    pub(crate) fn viewer(&self) -> Viewer {
        self.channel.watch(Some(&self.turn_id), None, None)
    }

    /// Begins to show the turn, whose frames follow those that were counted by `places`.
    pub(crate) fn begin(&mut self, places: Places) {
        self.stage = Stage::Begun;
        let (generation, position) = (places.generation(), places.position());
        self.last = Mutex::new(Cursor { generation, position, offset: 0 });
        self.places = Mutex::new(places);
        self.channel.begin();
    }

    /// What counts the positions of this turn.
    pub(crate) fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of what is whole and stands next; it is made durable there before it is shown.
    pub(crate) fn fresh(&self) -> Place {
        let mut places = self.places();
        let (generation, position) = (places.generation(), places.fresh());
        Place { generation, position, offset: 0, volatile: false }
    }

    /// Nothing stands at a place that was given out: what comes next does, so that viewers find no gap.
    pub(crate) fn give_back(&self, at: Place) {
        self.places().give_back(at.position);
    }

    /// Shows a frame at its place to all viewers.
    pub(crate) fn show_at(&self, at: Place, what: AgentEventKind) {
        let frame = what.of(self.conversation_id(), &self.turn_id, at);
        if let Some(cursor) = frame.cursor() {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = cursor;
        }
        self.channel.show(frame);
    }

    /// Shows a frame that has no position of its own and is never stored: who has seen it stands where it stood before.
    pub(crate) fn tell(&self, what: AgentEventKind) {
        let Cursor { generation, position, offset } =
            *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Place { generation, position, offset, volatile: true };
        self.channel.show(what.of(self.conversation_id(), &self.turn_id, at));
    }

    /// Sends viewers away: what became of the turn they read in the log when they come again.
    pub(crate) fn dismiss(&self) {
        self.channel.end_viewers(End::Retired);
    }

    /// Everything up to `position` is in the log: who attaches later reads it there.
    pub(crate) fn logged(&self, position: i64) {
        self.channel.logged(position);
    }

    /// From now on the prints of this call are shown, as what belongs to `position`.
    pub(crate) fn tool_began(&self, tool_call_id: &Text, position: i64) {
        let generation = self.places().generation();
        self.channel.tool_began(tool_call_id, generation, position);
    }

    /// From now on they are not.
    pub(crate) fn tool_ended(&self, tool_call_id: &Text) {
        self.channel.tool_ended(tool_call_id);
    }

    /// Shows the last frame and gives the conversation free. The hub counts the turn until the claim is dropped.
    pub(crate) fn seal(&mut self, now_ms: i64) {
        if self.stage != Stage::Sealed {
            self.stage = Stage::Sealed;
            let at = self.fresh();
            self.channel.seal(&self.turn_id, at, now_ms);
        }
    }

    /// Gives the conversation free although the turn is not over: it waits for a person, or another generation goes on with
    /// it. Viewers stay.
    pub(crate) fn park(self) {
        debug_assert_eq!(self.stage, Stage::Begun);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        match self.stage {
            Stage::Held => self.channel.abandon(&self.turn_id),
            Stage::Begun => self.channel.park(),
            Stage::Sealed => {}
        }
        self.hub.released();
    }
}
