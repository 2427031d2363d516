//! One conversation in the hub: its running turn, the frames of the current or last one, and its viewers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use transom_agent::event::{AgentEvent, AgentEventKind, Place};
use transom_agent::tool::ToolPrinted;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Text};

use super::frame::Frame;
use super::replay::Replay;
use super::viewer::{Mailbox, Viewer};
use crate::stop::{Stop, Stopper, signal};

/// A conversation's place in the hub. Everything in it happens under one lock, so that a viewer that attaches sees each
/// frame once: in its replay or live.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(super) conversation_id: Text,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Option<Running>,
    shown: Option<Shown>,
    viewers: Vec<Attached>,
    /// The last position that is known to be in the log.
    logged: i64,
    /// Milliseconds since the epoch.
    used_at: i64,
}

/// The turn that holds the conversation.
#[derive(Debug)]
struct Running {
    turn_id: Text,
    stopper: Stopper,
    /// Tools at work, whose prints are shown, each with the place of its next print.
    calls: Vec<(Text, Place)>,
}

/// The frames of the current or last turn.
#[derive(Debug)]
struct Shown {
    turn_id: Text,
    replay: Replay,
    sealed: bool,
}

#[derive(Debug)]
struct Attached {
    mailbox: Weak<Mailbox>,
    /// The only turn it wants to see.
    turn_id: Option<Text>,
}

impl Channel {
    pub(super) fn new(conversation_id: Text) -> Self {
        Self { conversation_id, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes `turn_id` the turn that holds the conversation.
    ///
    /// # Errors
    /// The id of the turn that does already.
    pub(super) fn claim(&self, turn_id: &Text, now_ms: i64) -> Result<Stop, Text> {
        let mut state = self.lock();
        if let Some(running) = &state.running {
            return Err(running.turn_id.clone());
        }
        let (stopper, stop) = signal();
        state.running = Some(Running { turn_id: turn_id.clone(), stopper, calls: Vec::new() });
        state.used_at = now_ms;
        Ok(stop)
    }

    /// Gives the conversation free again without a trace: the turn never began.
    pub(super) fn abandon(&self, turn_id: &Text) {
        let mut state = self.lock();
        state.running = None;
        state.viewers.retain(|viewer| {
            let for_this_turn = viewer.turn_id.as_ref() == Some(turn_id);
            if let (true, Some(mailbox)) = (for_this_turn, viewer.mailbox.upgrade()) {
                mailbox.end();
            }
            !for_this_turn
        });
    }

    /// Gives the conversation free although its turn is not over; its viewers stay.
    pub(super) fn park(&self) {
        self.lock().running = None;
    }

    /// Begins to show a turn, in place of the one before.
    pub(super) fn begin(&self, turn_id: &Text) {
        self.lock().shown =
            Some(Shown { turn_id: turn_id.clone(), replay: Replay::default(), sealed: false });
    }

    /// Shows a frame to everybody.
    pub(super) fn show(&self, event: AgentEvent) {
        self.lock().show(event);
    }

    /// What is shown up to `position` can be read in the log.
    pub(super) fn logged(&self, position: i64) {
        let mut state = self.lock();
        state.logged = state.logged.max(position);
    }

    /// Shows the last frame of a turn and gives the conversation free, in one step: who has seen the seal can start
    /// the next turn, and no frame of that comes before it.
    pub(super) fn seal(&self, turn_id: &Text, at: Place, now_ms: i64) {
        let mut state = self.lock();
        state.show(AgentEventKind::TurnSealed {}.of(&self.conversation_id, turn_id, at));
        state.running = None;
        state.used_at = state.used_at.max(now_ms);
    }

    pub(super) fn tool_began(&self, tool_call_id: &Text, generation: u32, position: i64) {
        if let Some(running) = &mut self.lock().running {
            let at = Place { generation, position, offset: 0, volatile: true };
            running.calls.push((tool_call_id.clone(), at));
        }
    }

    pub(super) fn tool_ended(&self, tool_call_id: &Text) {
        if let Some(running) = &mut self.lock().running {
            running.calls.retain(|(call, _)| call != tool_call_id);
        }
    }

    /// Shows what a tool printed while it is at work. Later prints belong to no turn any more.
    pub(super) fn printed(&self, printed: &ToolPrinted) {
        let mut state = self.lock();
        let Some(running) = &mut state.running else { return };
        let Some((_, at)) = running.calls.iter_mut().find(|(call, _)| *call == printed.tool_call_id) else {
            return;
        };
        let place = *at;
        at.offset += printed.data.len() as u64;
        let output = AgentEventKind::ToolOutput {
            tool_call_id: printed.tool_call_id.clone(),
            data: printed.data.clone(),
            stream: printed.stream.clone(),
        };
        let output = output.of(&self.conversation_id, &running.turn_id, place);
        state.show(output);
    }

    /// Stops the running turn; whether there was one.
    pub(super) fn stop(&self) -> bool {
        self.lock().running.as_ref().map(|running| running.stopper.stop()).is_some()
    }

    /// Has the running turn leave itself to another generation.
    pub(super) fn suspend(&self) {
        if let Some(running) = &self.lock().running {
            running.stopper.suspend();
        }
    }

    /// Takes that back.
    pub(super) fn resume(&self) {
        if let Some(running) = &self.lock().running {
            running.stopper.resume();
        }
    }

    /// Stops the running turn for good: nothing is waited for any more.
    pub(super) fn close(&self) {
        if let Some(running) = &self.lock().running {
            running.stopper.close();
        }
    }

    /// The turn that holds the conversation.
    pub(super) fn running(&self) -> Option<Text> {
        self.lock().running.as_ref().map(|running| running.turn_id.clone())
    }

    pub(super) fn is_running(&self) -> bool {
        self.lock().running.is_some()
    }

    /// A viewer of one turn.
    ///
    /// # Errors
    /// `NotFound` when its frames are gone.
    pub(super) fn watch_turn(&self, turn_id: &Text) -> Result<Viewer, CallError> {
        let mut state = self.lock();
        if let Some(shown) = state.shown.as_ref().filter(|shown| shown.turn_id == *turn_id) {
            let (frames, sealed) = (shown.replay.snapshot(), shown.sealed);
            let viewer = state.attach(Some(turn_id), &frames);
            if sealed {
                viewer.end();
            }
            return Ok(Viewer::new(viewer));
        }
        if state.running.as_ref().is_some_and(|running| running.turn_id == *turn_id) {
            return Ok(Viewer::new(state.attach(Some(turn_id), &[])));
        }
        Err(frames_are_gone(&self.conversation_id, turn_id))
    }

    /// A viewer of the running turn and of all that follow.
    pub(super) fn watch_all(&self) -> Viewer {
        let mut state = self.lock();
        let running = state.shown.as_ref().filter(|shown| !shown.sealed);
        let frames = running.map(|shown| shown.replay.snapshot()).unwrap_or_default();
        Viewer::new(state.attach(None, &frames))
    }

    /// Ends all viewers.
    pub(super) fn dismiss(&self) {
        for viewer in std::mem::take(&mut self.lock().viewers) {
            if let Some(mailbox) = viewer.mailbox.upgrade() {
                mailbox.end();
            }
        }
    }

    /// Ends viewers whom no turn ends; the next generation has what they wait for.
    pub(super) fn retire(&self) {
        for viewer in std::mem::take(&mut self.lock().viewers) {
            if let Some(mailbox) = viewer.mailbox.upgrade() {
                mailbox.retire();
            }
        }
    }

    /// When it was used last; `None` while somebody uses it.
    pub(super) fn unused_since(&self) -> Option<i64> {
        let mut state = self.lock();
        state.viewers.retain(|viewer| viewer.mailbox.strong_count() > 0);
        (state.running.is_none() && state.viewers.is_empty()).then_some(state.used_at)
    }
}

impl State {
    fn show(&mut self, event: AgentEvent) {
        let frame = Arc::new(Frame::new(event));
        let sealed = frame.is_seal();
        if let Some(shown) = &mut self.shown {
            shown.replay.push(&frame);
            shown.sealed |= sealed;
        }
        self.viewers.retain(|viewer| {
            let Some(mailbox) = viewer.mailbox.upgrade() else { return false };
            let open = mailbox.put(&frame);
            let last = sealed && viewer.turn_id.is_some();
            if last {
                mailbox.end();
            }
            open && !last
        });
        if sabotaged("stop-with-the-viewer")
            && self.viewers.is_empty()
            && let Some(running) = &self.running
        {
            running.stopper.stop();
        }
    }

    fn attach(&mut self, turn_id: Option<&Text>, frames: &[Arc<Frame>]) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::default());
        for frame in frames {
            mailbox.put(frame);
        }
        self.viewers.retain(|viewer| viewer.mailbox.strong_count() > 0);
        self.viewers.push(Attached { mailbox: Arc::downgrade(&mailbox), turn_id: turn_id.cloned() });
        mailbox
    }
}

/// Answers who wants to see a turn that is not shown here.
pub(super) fn frames_are_gone(conversation_id: &str, turn_id: &str) -> CallError {
    CallError::not_found(format!(
        "the frames of turn `{turn_id}` are not kept any more; read conversation `{conversation_id}` instead"
    ))
}
