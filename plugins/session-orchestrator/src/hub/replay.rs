//! The frames of a turn for those who come later: merged, and bounded.

use std::collections::VecDeque;
use std::sync::Arc;

use transom_agent::event::AgentEventKind;

use super::frame::{Frame, merge};

/// Bytes a turn may hold back for late-comers.
const BYTES: usize = 4 * 1024 * 1024;
/// The frames at the front that are never let go: the person's message and the beginning of the turn.
const HEAD: usize = 2;

/// A bounded copy of a turn's frames.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    left_out: u64,
}

impl Replay {
    /// Takes in the next frame and, when there is too much, lets go of the oldest behind the head.
    pub(crate) fn push(&mut self, frame: &Arc<Frame>) {
        let merged = self.frames.back_mut().is_some_and(|last| {
            let before = last.weight();
            let merged = merge(last, frame);
            self.bytes += last.weight() - before;
            merged
        });
        if !merged {
            self.bytes += frame.weight();
            self.frames.push_back(Arc::clone(frame));
        }
        // The newest frame stays even if it alone is too large.
        while self.bytes > BYTES && self.frames.len() > HEAD + 1 {
            if let Some(oldest) = self.frames.remove(HEAD) {
                self.bytes -= oldest.weight();
                self.left_out += 1;
            }
        }
    }

    /// The frames for a late-comer. Where some are missing, one frame in their place says so.
    pub(crate) fn snapshot(&self) -> Vec<Arc<Frame>> {
        let mut frames: Vec<Arc<Frame>> = self.frames.iter().cloned().collect();
        if let (Some(first), true) = (self.frames.front(), self.left_out > 0) {
            let notice = AgentEventKind::Error {
                message: format!(
                    "{} earlier frames of this turn are not kept; read the conversation for what they said",
                    self.left_out
                )
                .into(),
                code: Some("replay-trimmed".into()).into(),
            };
            let first = first.event();
            let notice = notice.of(&first.conversation_id, &first.turn_id, first.at);
            frames.insert(HEAD.min(frames.len()), Arc::new(Frame::new(notice)));
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::tests::{frame, reasoning, text};
    use super::*;

    fn kinds(replay: &Replay) -> Vec<AgentEventKind> {
        replay.snapshot().iter().map(|frame| frame.event().what.clone()).collect()
    }

    fn result(content: &str) -> Arc<Frame> {
        frame(AgentEventKind::ToolResult {
            step_id: "s".into(),
            tool_call_id: "1".into(),
            tool_name: "x".into(),
            content: content.into(),
            is_error: false,
            duration_ms: 0,
        })
    }

    #[test]
    fn consecutive_deltas_are_one_frame_and_the_order_is_kept() {
        let mut replay = Replay::default();
        for frame in [text("a"), text("b"), reasoning("c"), reasoning("d"), text("e")] {
            replay.push(&frame);
        }
        let expected: Vec<_> =
            [text("ab"), reasoning("cd"), text("e")].iter().map(|frame| frame.event().what.clone()).collect();
        assert_eq!(kinds(&replay), expected);
    }

    #[test]
    fn a_million_deltas_stay_within_the_bound() {
        let mut replay = Replay::default();
        for _ in 0..1_000_000 {
            replay.push(&text("0123456789"));
        }
        assert!(replay.bytes <= BYTES, "{}", replay.bytes);
        let counted: usize = replay.frames.iter().map(|frame| frame.weight()).sum();
        assert_eq!(counted, replay.bytes);
    }

    #[test]
    fn what_is_left_out_is_told_behind_the_head() {
        let mut replay = Replay::default();
        replay.push(&frame(AgentEventKind::UserMessage { text: "hi".into() }));
        replay.push(&frame(AgentEventKind::TurnStart { model: "a/one".into() }));
        for number in 0..5 {
            replay.push(&result(&format!("{number}{}", "x".repeat(1024 * 1024))));
        }
        let kinds = kinds(&replay);
        assert!(matches!(kinds[0], AgentEventKind::UserMessage { .. }));
        assert!(matches!(kinds[1], AgentEventKind::TurnStart { .. }));
        assert!(matches!(&kinds[2], AgentEventKind::Error { code, message }
                if code.as_deref() == Some("replay-trimmed") && message.starts_with("2 earlier frames")));
        assert!(matches!(&kinds[3], AgentEventKind::ToolResult { content, .. } if content.starts_with('2')));
        assert_eq!(kinds.len(), 6);
    }
}
