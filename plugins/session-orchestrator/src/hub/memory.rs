//! The frames of a conversation that cannot be read in its log yet: joined, in order, and bounded.

use std::collections::VecDeque;
use std::sync::Arc;

use transom_plugin_api::sabotage::sabotaged;

use super::frame::{Frame, join};
use super::spot::Spot;

/// Bytes that may be held back, not counting what encoded forms take. Of more, the oldest are let go of; who lacks them
/// reads them in the log as soon as they are there. Tests need not fill all of it.
pub(crate) const BYTES: usize = if cfg!(test) { 1024 * 1024 } else { 16 * 1024 * 1024 };
/// The newest frames, which stay as they were shown, so that everybody who keeps up is given the same ones.
const PROMPT_FRAMES: usize = 64;

/// Everything that was shown behind its floor.
#[derive(Debug)]
pub(crate) struct Memory {
    joined: VecDeque<Arc<Frame>>,
    prompt: VecDeque<Arc<Frame>>,
    bytes: usize,
    floor: Spot,
    end: Spot,
}

impl Memory {
    /// Of a conversation that was shown up to a spot.
    pub(crate) const fn new(floor: Spot) -> Self {
        Self { joined: VecDeque::new(), prompt: VecDeque::new(), bytes: 0, floor, end: floor }
    }

    /// Behind here nothing is missing.
    pub(crate) const fn floor(&self) -> Spot {
        self.floor
    }

    /// Behind the last frame that was shown.
    pub(crate) const fn end(&self) -> Spot {
        self.end
    }

    /// Takes in the next frame.
    pub(crate) fn push(&mut self, frame: Arc<Frame>) {
        self.end = frame.end();
        self.bytes += frame.weight();
        self.prompt.push_back(frame);
        if self.prompt.len() > PROMPT_FRAMES
            && let Some(oldest) = self.prompt.pop_front()
        {
            self.join(oldest);
        }
    }

    fn join(&mut self, frame: Arc<Frame>) {
        if let Some(last) = self.joined.back_mut() {
            let before = last.weight();
            if join(last, &frame) {
                self.bytes = self.bytes - before - frame.weight() + last.weight();
                return;
            }
        }
        self.joined.push_back(frame);
    }

    /// Lets go of what is in the log, up to the position `logged`, and was seen by those who wait for it, up to `seen`;
    /// and of what is too much.
    pub(crate) fn let_go(&mut self, logged: i64, seen: Spot) {
        while let Some(oldest) = self.joined.front().or(self.prompt.front()) {
            let end = oldest.end();
            let is_bounded = self.bytes <= BYTES || sabotaged("hold-everything-for-the-slow");
            if is_bounded && (end.position > logged || end > seen) {
                return;
            }
            self.bytes -= oldest.weight();
            self.floor = end;
            if self.joined.pop_front().is_none() {
                self.prompt.pop_front();
            }
        }
    }

    /// What follows a spot that is not before the floor. A text in the middle is given from there on.
    pub(crate) fn behind(&self, spot: Spot) -> Option<Arc<Frame>> {
        let of = |frames: &VecDeque<Arc<Frame>>| {
            frames.get(frames.partition_point(|frame| frame.end() <= spot)).map(|frame| frame.rest(spot))
        };
        let frame = of(&self.joined).or_else(|| of(&self.prompt));
        if sabotaged("encode-for-each-viewer") {
            return frame.map(|frame| Arc::new(Frame::new(frame.event().clone())));
        }
        frame
    }

    /// The last frame at a position.
    pub(crate) fn last_at(&self, position: i64) -> Option<&Arc<Frame>> {
        let of = |frames: &'_ VecDeque<Arc<Frame>>| {
            frames.partition_point(|frame| frame.event().at.position <= position).checked_sub(1)
        };
        let found = of(&self.prompt).and_then(|index| self.prompt.get(index));
        let found = found.or_else(|| of(&self.joined).and_then(|index| self.joined.get(index)));
        found.filter(|frame| frame.event().at.position == position)
    }

    /// All of it, in order.
    #[cfg(test)]
    pub(crate) fn frames(&self) -> impl Iterator<Item = &Arc<Frame>> {
        self.joined.iter().chain(&self.prompt)
    }

    /// About how many bytes it holds.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use transom_agent::event::AgentEventKind;

    use super::super::frame::tests::{frame, text};
    use super::*;

    const EVERYBODY: Spot = Spot::behind(i64::MAX);

    fn call(position: i64, name: &str) -> Arc<Frame> {
        frame(position, 0, AgentEventKind::UserMessage { text: name.into() })
    }

    /// All that follows a spot, as words.
    fn words(memory: &Memory, mut spot: Spot) -> String {
        let mut words = String::new();
        while let Some(frame) = memory.behind(spot) {
            assert!(frame.end() > spot);
            spot = frame.end();
            match &frame.event().what {
                AgentEventKind::TextDelta { delta } => words.push_str(delta),
                AgentEventKind::UserMessage { text } => words.push_str(text),
                other => panic!("{other:?}"),
            }
        }
        words
    }

    #[test]
    fn from_every_spot_what_follows_is_given_once() {
        let mut memory = Memory::new(Spot::behind(1));
        memory.push(call(2, "<"));
        for offset in 0..500_u64 {
            memory.push(text(3, offset, &(offset % 10).to_string()));
        }
        memory.push(call(4, ">"));
        memory.push(text(5, 0, "end"));
        let all = words(&memory, Spot::behind(1));
        assert_eq!((all.len(), words(&memory, Spot::behind(2)).len()), (505, 504));
        for seen in 0..=500 {
            assert_eq!(words(&memory, Spot::within(3, seen as u64)), all[1 + seen..]);
        }
        assert_eq!(words(&memory, Spot::behind(4)), "end");
        assert_eq!(words(&memory, Spot::within(5, 3)), "");
        assert!(memory.frames().count() < 100, "what is old is joined");
    }

    #[test]
    fn any_number_of_deltas_stays_within_the_bound() {
        let mut memory = Memory::new(Spot::behind(0));
        for number in 0..300_000 {
            memory.push(text(1, number * 10, "0123456789"));
            memory.let_go(0, EVERYBODY);
        }
        assert!(memory.bytes() <= BYTES, "{}", memory.bytes());
        let counted: usize = memory.frames().map(|frame| frame.weight()).sum();
        assert_eq!(counted, memory.bytes());
        assert!(memory.floor() > Spot::within(1, 0) && memory.end() == Spot::within(1, 3_000_000));
    }

    #[test]
    fn what_is_in_the_log_and_seen_is_let_go_of_and_nothing_else() {
        let mut memory = Memory::new(Spot::behind(0));
        for position in 1..=4 {
            memory.push(call(position, "x"));
        }
        memory.let_go(2, Spot::behind(1));
        assert_eq!(memory.floor(), Spot::behind(1));
        memory.let_go(2, EVERYBODY);
        assert_eq!((memory.floor(), words(&memory, Spot::behind(2)).len()), (Spot::behind(2), 2));
        memory.let_go(4, EVERYBODY);
        assert_eq!((memory.floor(), memory.end(), memory.bytes()), (Spot::behind(4), Spot::behind(4), 0));
    }

    #[test]
    fn the_last_frame_at_a_position_is_found() {
        let mut memory = Memory::new(Spot::behind(0));
        memory.push(call(1, "x"));
        for offset in 0..100 {
            memory.push(text(2, offset, "a"));
        }
        memory.push(call(4, "x"));
        assert_eq!(memory.last_at(2).map(|frame| frame.end()), Some(Spot::within(2, 100)));
        assert_eq!(memory.last_at(1).map(|frame| frame.end()), Some(Spot::behind(1)));
        assert!(memory.last_at(3).is_none() && memory.last_at(5).is_none() && memory.last_at(0).is_none());
    }
}
