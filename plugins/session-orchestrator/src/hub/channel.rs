//! One conversation in the hub: the turn that holds it, what it has shown, and its viewers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use transom_agent::event::{AgentEvent, AgentEventKind, Cursor, Place};
use transom_agent::tool::ToolPrinted;
use transom_plugin_api::Text;
use transom_plugin_api::sabotage::sabotaged;

use super::attached::{Doubt, End, Viewers};
use super::frame::Frame;
use super::line::{self, Line};
use super::log::Logs;
use super::printed::Printed;
use super::viewer::Viewer;
use crate::stop::{Stop, Stopper, signal};

/// A conversation's place in the hub. Everything in it happens under one lock; nobody waits for a viewer.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(super) conversation_id: Text,
    pub(super) logs: Logs,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) running: Option<Running>,
    /// Absent until a turn is begun here.
    pub(super) line: Option<Line>,
    pub(super) printed: Printed,
    pub(super) viewers: Viewers,
    /// Milliseconds since the epoch.
    used_at: i64,
}

/// The turn that holds the conversation.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) turn_id: Text,
    /// Its beginning is in the log.
    pub(super) has_begun: bool,
    /// It has shown nothing since then.
    is_fresh: bool,
    /// The last position that it has in the log.
    logged: i64,
    stopper: Stopper,
    /// Tools at work, whose prints are shown, each with the place of its next print.
    calls: Vec<(Text, Place)>,
}

impl Channel {
    pub(super) fn new(conversation_id: Text, logs: Logs) -> Self {
        Self { conversation_id, logs, state: Mutex::default(), changed: Notify::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something that viewers wait for.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.notify_waiters();
        changed
    }

    /// Ready at the next change from now on.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
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
        let turn_id = turn_id.clone();
        let (has_begun, is_fresh, logged, calls) = (false, true, 0, Vec::new());
        state.running = Some(Running { turn_id, has_begun, is_fresh, logged, stopper, calls });
        state.used_at = now_ms;
        Ok(stop)
    }

    /// Gives the conversation free again without a trace: the turn never began.
    pub(super) fn abandon(&self, turn_id: &Text) {
        self.change(|state| {
            state.running = None;
            state.viewers.abandon(turn_id);
        });
    }

    /// Gives the conversation free although its turn is not over; its viewers stay.
    pub(super) fn park(&self) {
        self.change(|state| {
            state.running = None;
            state.forget_prints();
        });
    }

    /// Begins to show the turn that holds the conversation.
    pub(super) fn begin(&self) {
        if let Some(running) = &mut self.lock().running {
            running.has_begun = true;
        }
    }

    /// Shows a frame to everybody.
    pub(super) fn show(&self, event: AgentEvent) {
        self.change(|state| state.show(event));
    }

    /// What is shown up to `position` can be read in the log.
    pub(super) fn logged(&self, position: i64) {
        self.change(|state| {
            if let Some(running) = &mut state.running {
                running.logged = running.logged.max(position);
            }
            state.let_go();
        });
    }

    /// Shows the last frame of a turn and gives the conversation free, in one step: who has seen the seal can start
    /// the next turn, and no frame of that comes before it.
    pub(super) fn seal(&self, turn_id: &Text, at: Place, now_ms: i64) {
        self.change(|state| {
            state.show(AgentEventKind::TurnSealed {}.of(&self.conversation_id, turn_id, at));
            state.let_go();
            state.running = None;
            state.used_at = state.used_at.max(now_ms);
            state.forget_prints();
        });
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
        self.change(|state| state.print(&self.conversation_id, printed));
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

    /// Waits until no turn holds the conversation.
    pub(super) async fn until_free(&self) {
        loop {
            let changed = self.changed();
            if self.lock().running.is_none() {
                return;
            }
            changed.await;
        }
    }

    /// Attaches a viewer.
    pub(super) fn watch(
        self: &Arc<Self>,
        turn_id: Option<&Text>,
        after: Option<Cursor>,
        parked: Option<&Text>,
    ) -> Viewer {
        Viewer::attach(self, &mut self.lock(), turn_id, after, parked)
    }

    /// Ends the viewers that are attached now.
    pub(super) fn end_viewers(&self, end: End) {
        self.change(|state| state.viewers.end(end));
    }

    /// When it was used last; `None` while somebody uses it.
    pub(super) fn unused_since(&self) -> Option<i64> {
        let state = self.lock();
        (state.running.is_none() && state.viewers.is_empty()).then_some(state.used_at)
    }
}

impl State {
    fn show(&mut self, event: AgentEvent) {
        let frame = Frame::new(event);
        // What has no place of its own is for those who are here.
        if frame.is_passing() {
            return self.pass(frame);
        }
        if self.running.as_mut().is_some_and(|running| std::mem::take(&mut running.is_fresh)) {
            self.begin(frame.event());
        }
        let Some(line) = &mut self.line else { return };
        line.show(Arc::new(frame));
        self.let_go();
        if sabotaged("stop-with-the-viewer")
            && self.viewers.is_empty()
            && let Some(running) = &self.running
        {
            running.stopper.stop();
        }
    }

    fn pass(&mut self, frame: Frame) {
        if let Some(line) = &self.line {
            self.printed.push(line.end(), frame);
        }
    }

    /// Before the first frame of a turn.
    fn begin(&mut self, first: &AgentEvent) {
        let base = line::base_of(first);
        let doubt = match &mut self.line {
            Some(line) => line.begin(first).then_some(Doubt::TakenBack(base)),
            None => {
                self.line = Some(Line::new(first));
                Some(Doubt::Unknown)
            }
        };
        self.viewers.begin(&first.turn_id, base, doubt);
        self.printed.clear();
    }

    /// Lets go of frames that nobody needs to find here.
    pub(super) fn let_go(&mut self) {
        let Some(line) = &mut self.line else { return };
        // Until it shows something, a turn has its place behind the line.
        if let Some(running) = self.running.as_ref().filter(|running| !running.is_fresh) {
            line.logged(running.logged);
        }
        line.let_go(self.viewers.seen());
    }

    fn print(&mut self, conversation_id: &Text, printed: &ToolPrinted) {
        let Some(running) = &mut self.running else { return };
        let of_call = |(call, _): &&mut (Text, Place)| *call == printed.tool_call_id;
        let Some((_, at)) = running.calls.iter_mut().find(of_call) else { return };
        let place = *at;
        at.offset += printed.data.len() as u64;
        let output = AgentEventKind::ToolOutput {
            tool_call_id: printed.tool_call_id.clone(),
            data: printed.data.clone(),
            stream: printed.stream.clone(),
        };
        let output = output.of(conversation_id, &running.turn_id, place);
        self.pass(Frame::new(output));
    }

    /// The number of the first print that somebody is shown who comes now.
    pub(super) fn first_print(&self) -> u64 {
        let calls = self.running.as_ref().map(|running| &running.calls[..]).unwrap_or_default();
        self.printed.first_of(|position| calls.iter().any(|(_, at)| at.position == position))
    }

    /// Forgets what was printed when no tool is at work and nobody watches.
    pub(super) fn forget_prints(&mut self) {
        if self.running.is_none() && self.viewers.is_empty() {
            self.printed.clear();
        }
    }
}
