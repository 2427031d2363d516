//! One frame as all viewers share it, and the merging of neighbours for those who are behind.

use std::sync::{Arc, OnceLock};

use transom_agent::event::{AgentEvent, AgentEventKind};
use transom_plugin_api::{Json, Text};

/// Bytes from which a frame takes in no further neighbour: copying it for one more viewer stays cheap, and a full
/// buffer can let go of a part of a long text.
const MERGED_BYTES: usize = 64 * 1024;

/// A frame, with its encoded form once somebody has asked for it.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    event: AgentEvent,
    encoded: OnceLock<Json>,
}

impl Frame {
    pub(crate) fn new(event: AgentEvent) -> Self {
        Self { event, encoded: OnceLock::new() }
    }

    /// What the frame says.
    pub(crate) fn event(&self) -> &AgentEvent {
        &self.event
    }

    /// Its encoded form, made once for all viewers.
    pub(crate) fn json(&self) -> &Json {
        self.encoded.get_or_init(|| {
            Json::of(&self.event).unwrap_or_else(|error| {
                tracing::error!("a frame of turn `{}` cannot be encoded: {error}", self.event.turn_id);
                Json::default()
            })
        })
    }

    pub(crate) fn is_seal(&self) -> bool {
        matches!(self.event.what, AgentEventKind::TurnSealed {})
    }

    /// About how many bytes it holds.
    pub(crate) fn weight(&self) -> usize {
        let texts = match &self.event.what {
            AgentEventKind::UserMessage { text } | AgentEventKind::Steering { text } => text.len(),
            AgentEventKind::TextDelta { delta } | AgentEventKind::ReasoningDelta { delta } => delta.len(),
            AgentEventKind::ToolCall { input, .. } => input.as_str().len(),
            AgentEventKind::ToolOutput { data, .. } => data.len(),
            AgentEventKind::ToolResult { content, .. } => content.len(),
            AgentEventKind::Error { message, .. } => message.len(),
            AgentEventKind::Unknown(unknown) => unknown.content().as_str().len(),
            _ => 0,
        };
        size_of::<Self>() + texts
    }
}

/// Adds `next` to the frame before it when both are pieces of one text; whether it did.
pub(crate) fn merge(last: &mut Arc<Frame>, next: &Frame) -> bool {
    let Some((of, piece)) = piece(&next.event.what) else { return false };
    let continues = self::piece(&last.event.what).is_some_and(|(before, _)| before == of)
        && last.event.turn_id == next.event.turn_id;
    if !continues || last.weight() >= MERGED_BYTES {
        return false;
    }
    let last = Arc::make_mut(last);
    last.encoded = OnceLock::new();
    if let Some(text) = piece_mut(&mut last.event.what) {
        text.push_str(piece);
    }
    true
}

/// Which text a piece belongs to.
#[derive(PartialEq, Eq)]
enum PieceOf<'a> {
    Text,
    Reasoning,
    Output { tool_call_id: &'a str, stream: &'a str },
}

fn piece(what: &AgentEventKind) -> Option<(PieceOf<'_>, &str)> {
    match what {
        AgentEventKind::TextDelta { delta } => Some((PieceOf::Text, delta)),
        AgentEventKind::ReasoningDelta { delta } => Some((PieceOf::Reasoning, delta)),
        AgentEventKind::ToolOutput { tool_call_id, data, stream } => {
            Some((PieceOf::Output { tool_call_id, stream }, data))
        }
        _ => None,
    }
}

fn piece_mut(what: &mut AgentEventKind) -> Option<&mut Text> {
    match what {
        AgentEventKind::TextDelta { delta } | AgentEventKind::ReasoningDelta { delta } => Some(delta),
        AgentEventKind::ToolOutput { data, .. } => Some(data),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use transom_agent::event::Place;

    use super::*;

    pub(crate) fn text(delta: &str) -> Arc<Frame> {
        frame(AgentEventKind::TextDelta { delta: delta.into() })
    }

    pub(crate) fn reasoning(delta: &str) -> Arc<Frame> {
        frame(AgentEventKind::ReasoningDelta { delta: delta.into() })
    }

    pub(crate) fn frame(what: AgentEventKind) -> Arc<Frame> {
        Arc::new(Frame::new(what.of(&"c".into(), &"t".into(), Place::default())))
    }

    fn output(call: &str, data: &str) -> Arc<Frame> {
        frame(AgentEventKind::ToolOutput {
            tool_call_id: call.into(),
            data: data.into(),
            stream: "stdout".into(),
        })
    }

    #[test]
    fn neighbours_of_one_text_become_one_frame() {
        let mut last = text("a");
        assert!(merge(&mut last, &text("b")));
        assert_eq!(last.event(), text("ab").event());
        let mut last = output("1", "a");
        assert!(merge(&mut last, &output("1", "b")));
        assert_eq!(last.event(), output("1", "ab").event());
    }

    #[test]
    fn pieces_of_different_texts_stay_apart() {
        let seal = frame(AgentEventKind::TurnSealed {});
        for (before, next) in [
            (text("a"), reasoning("b")),
            (reasoning("a"), text("b")),
            (output("1", "a"), output("2", "b")),
            (text("a"), seal.clone()),
            (seal.clone(), text("a")),
            (seal.clone(), seal),
        ] {
            let mut last = before.clone();
            assert!(!merge(&mut last, &next));
            assert_eq!(last.event(), before.event());
        }
    }

    #[test]
    fn merging_leaves_the_copy_of_another_viewer_alone_and_is_encoded_anew() {
        let shared = text("a");
        let mut mine = Arc::clone(&shared);
        assert_eq!(mine.json().value()["delta"], "a");
        assert!(merge(&mut mine, &text("b")));
        assert_eq!(shared.json().value()["delta"], "a");
        assert_eq!(mine.json().value()["delta"], "ab");
    }

    #[test]
    fn a_large_frame_takes_in_no_more() {
        let mut last = text(&"x".repeat(MERGED_BYTES));
        assert!(!merge(&mut last, &text("b")));
    }

    #[test]
    fn the_encoded_form_is_flat() {
        assert_eq!(
            text("a").json().as_str(),
            r#"{"conversationId":"c","turnId":"t","generation":0,"position":0,"offset":0,"volatile":false,"type":"text-delta","delta":"a"}"#
        );
    }
}
