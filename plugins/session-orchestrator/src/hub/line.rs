//! [`Line`]: what a conversation has shown, from the first turn that was begun here.

use std::sync::Arc;

use transom_agent::event::{AgentEvent, AgentEventKind, Cursor};
use transom_plugin_api::Text;

use super::frame::Frame;
use super::memory::Memory;
use super::spot::Spot;

/// The frames of a conversation that are in memory, and where the others are.
#[derive(Debug)]
pub(super) struct Line {
    generation: u32,
    /// The last position that is known to be in the log.
    logged: i64,
    memory: Memory,
    turn: LineTurn,
}

/// The current or last turn.
#[derive(Debug)]
struct LineTurn {
    turn_id: Text,
    /// Where it was taken up.
    base: Spot,
    /// It was taken up at its beginning.
    is_whole: bool,
    /// Behind its last frame.
    sealed: Option<Spot>,
}

/// What follows a spot.
#[derive(Debug)]
pub(super) enum Follows {
    Frame(Arc<Frame>),
    /// Nothing yet.
    Nothing,
    /// It is in the log, which goes up to this position at least.
    InLog {
        logged: i64,
        generation: u32,
    },
    /// It was too much to be held back, and is not in the log.
    Gone,
}

/// What there is where a cursor points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// It is that spot.
    At(Spot),
    /// What it names was not shown; this was the last.
    Beyond(Spot),
    /// The log knows.
    AskLog,
    /// Nobody knows.
    Gone,
}

impl Line {
    /// Of a conversation that is about to show the first frame of a turn here. Everything before is in the log.
    pub(super) fn new(first: &AgentEvent) -> Self {
        let base = base_of(first);
        let generation = first.at.generation;
        Self {
            generation,
            logged: base.position,
            memory: Memory::new(base),
            turn: LineTurn::new(first, base),
        }
    }

    /// The next turn is about to show its first frame, or the same one goes on; whether that takes back what was shown. Where
    /// it is not where the line ends, what is between, or instead, is in the log.
    pub(super) fn begin(&mut self, first: &AgentEvent) -> bool {
        let (end, base) = (self.memory.end(), base_of(first));
        let goes_on = self.turn.turn_id == first.turn_id && self.turn.sealed.is_none();
        let same = self.generation == first.at.generation;
        if same && end.position == base.position {
            self.logged = self.logged.max(base.position);
            if !goes_on {
                self.turn = LineTurn::new(first, end);
            }
            return false;
        }
        let before = std::mem::replace(self, Self::new(first));
        if goes_on && before.turn.base < self.turn.base {
            self.turn = before.turn;
        }
        !same || end.position > base.position
    }

    pub(super) fn show(&mut self, frame: Arc<Frame>) {
        if frame.start() < self.memory.end() {
            let (turn_id, at) = (&frame.event().turn_id, frame.event().at);
            tracing::error!(
                "a frame of turn `{turn_id}` is not shown, for its place is behind the others: {at:?}"
            );
            return;
        }
        if frame.is_seal() {
            self.turn.sealed = Some(frame.end());
            // The entry of a turn's end has two frames, and this is the second.
            if self.logged + 1 == frame.event().at.position {
                self.logged += 1;
            }
        }
        self.memory.push(frame);
    }

    /// What is shown up to `position` can be read in the log.
    pub(super) fn logged(&mut self, position: i64) {
        self.logged = self.logged.max(position);
    }

    /// Lets go of what can be read in the log and was seen by those who wait for it.
    pub(super) fn let_go(&mut self, seen: Spot) {
        self.memory.let_go(self.logged, seen);
    }

    pub(super) fn behind(&self, spot: Spot) -> Follows {
        let floor = self.memory.floor();
        if spot < floor {
            if floor.position > self.logged {
                return Follows::Gone;
            }
            return Follows::InLog { logged: self.logged, generation: self.generation };
        }
        self.memory.behind(spot).map_or(Follows::Nothing, Follows::Frame)
    }

    /// What a cursor of this generation points to.
    pub(super) fn stands(&self, cursor: Cursor) -> Stands {
        let (floor, end) = (self.memory.floor(), self.memory.end());
        let named = Spot::within(cursor.position, cursor.offset);
        if cursor.position <= self.logged && named < floor {
            return Stands::AskLog;
        }
        if named < floor {
            return Stands::Gone;
        }
        match self.memory.last_at(cursor.position).map(|frame| frame.end()) {
            Some(last) if last.is_whole() => Stands::At(last),
            Some(last) if named <= last => Stands::At(named),
            Some(last) => Stands::Beyond(last),
            None if named == floor => Stands::At(named),
            // Whether a text stands there, and how long it is, only the log knows.
            None if end.is_whole() && end == floor => Stands::AskLog,
            None if named > end => Stands::Beyond(end),
            None => Stands::Gone,
        }
    }

    pub(super) const fn generation(&self) -> u32 {
        self.generation
    }

    /// Behind the last frame that was shown.
    pub(super) const fn end(&self) -> Spot {
        self.memory.end()
    }

    /// Where a turn begins; `None` when that is not known here.
    pub(super) fn beginning_of(&self, turn_id: &str) -> Option<Spot> {
        (self.turn.turn_id == turn_id && self.turn.is_whole).then_some(self.turn.base)
    }

    /// Whether it is the current or last turn, and where that ended, if it has.
    pub(super) fn end_of(&self, turn_id: &str) -> Option<Option<Spot>> {
        (self.turn.turn_id == turn_id).then_some(self.turn.sealed)
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.memory.bytes()
    }
}

impl LineTurn {
    fn new(first: &AgentEvent, base: Spot) -> Self {
        let is_whole = matches!(first.what, AgentEventKind::UserMessage { .. });
        Self { turn_id: first.turn_id.clone(), base, is_whole, sealed: None }
    }
}

/// Where somebody stands who has seen everything before a frame.
pub(super) fn base_of(first: &AgentEvent) -> Spot {
    match first.at.offset {
        0 => Spot::behind(first.at.position - 1),
        offset => Spot::within(first.at.position, offset),
    }
}
