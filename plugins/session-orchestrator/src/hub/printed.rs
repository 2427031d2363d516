//! What running tools print: shown while it is new, to whoever keeps up. It is in no log.

use std::collections::VecDeque;
use std::sync::Arc;

use super::frame::Frame;
use super::spot::Spot;

/// Prints that wait for viewers.
const FRAMES: usize = 8192;
/// Bytes of them.
const BYTES: usize = 4 * 1024 * 1024;

/// The latest prints of a conversation, numbered. A viewer finds by the offsets of those it gets how much it missed.
#[derive(Debug, Default)]
pub(super) struct Printed {
    /// The number of the first one that is still here.
    first: u64,
    prints: VecDeque<Print>,
    bytes: usize,
}

#[derive(Debug)]
struct Print {
    /// What was shown before it.
    behind: Spot,
    frame: Arc<Frame>,
}

impl Printed {
    /// Takes in the next print.
    pub(super) fn push(&mut self, behind: Spot, frame: Frame) {
        self.bytes += frame.weight();
        self.prints.push_back(Print { behind, frame: Arc::new(frame) });
        while self.prints.len() > FRAMES || (self.bytes > BYTES && self.prints.len() > 1) {
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        if let Some(oldest) = self.prints.pop_front() {
            self.bytes -= oldest.frame.weight();
            self.first += 1;
        }
    }

    pub(super) fn clear(&mut self) {
        while !self.prints.is_empty() {
            self.let_go();
        }
    }

    /// The number of the first print that belongs to one of the calls that are at work, for somebody who comes now.
    pub(super) fn first_of(&self, is_at_work: impl Fn(i64) -> bool) -> u64 {
        let at_work = |print: &Print| is_at_work(print.frame.event().at.position);
        let index = self.prints.iter().position(at_work).unwrap_or(self.prints.len());
        self.first + index as u64
    }

    /// The print of that number, if somebody who has seen everything up to `spot` may see it. The number goes on to the next;
    /// over those that were let go of, which are counted.
    pub(super) fn next(&self, number: &mut u64, lost: &mut u64, spot: Spot) -> Option<Arc<Frame>> {
        *lost += self.first.saturating_sub(*number);
        *number = self.first.max(*number);
        let index = usize::try_from(*number - self.first).ok()?;
        let print = self.prints.get(index).filter(|print| print.behind <= spot)?;
        *number += 1;
        Some(Arc::clone(&print.frame))
    }
}

#[cfg(test)]
mod tests {
    use transom_agent::event::{AgentEventKind, Place};

    use super::*;

    fn print(position: i64, data: &str) -> Frame {
        let at = Place { generation: 0, position, offset: 0, volatile: true };
        let kind = AgentEventKind::ToolOutput {
            tool_call_id: "1".into(),
            data: data.into(),
            stream: "stdout".into(),
        };
        Frame::new(kind.of(&"c".into(), &"t".into(), at))
    }

    #[test]
    fn a_print_is_given_once_and_not_before_what_was_shown_before_it() {
        let mut printed = Printed::default();
        printed.push(Spot::behind(3), print(3, "a"));
        let (mut number, mut lost) = (0, 0);
        assert!(printed.next(&mut number, &mut lost, Spot::behind(2)).is_none());
        assert!(printed.next(&mut number, &mut lost, Spot::behind(3)).is_some());
        assert!(printed.next(&mut number, &mut lost, Spot::behind(3)).is_none());
        assert_eq!(lost, 0);
    }

    #[test]
    fn prints_stay_within_their_bounds_and_what_somebody_missed_is_counted() {
        let mut printed = Printed::default();
        for _ in 0..FRAMES + 10 {
            printed.push(Spot::behind(1), print(1, "a"));
        }
        let (mut number, mut lost) = (4, 0);
        assert!(printed.next(&mut number, &mut lost, Spot::behind(1)).is_some());
        let expected = printed.first - 4;
        assert_eq!((lost, number), (expected, printed.first + 1));
        printed.push(Spot::behind(1), print(1, &"x".repeat(BYTES)));
        assert_eq!(printed.prints.len(), 1, "the newest stays even if it alone is too much");
    }

    #[test]
    fn who_comes_later_sees_what_tools_at_work_have_printed() {
        let mut printed = Printed::default();
        printed.push(Spot::behind(1), print(1, "over"));
        printed.push(Spot::behind(1), print(2, "at work"));
        assert_eq!(printed.first_of(|position| position == 2), 1);
        assert_eq!(printed.first_of(|_| false), 2);
    }
}
