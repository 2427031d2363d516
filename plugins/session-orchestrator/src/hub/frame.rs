//! One frame as all viewers share it, and the joining of neighbours for those who come later.

use std::sync::{Arc, OnceLock};

use transom_agent::event::{AgentEvent, AgentEventKind};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{Json, Text};

use super::spot::Spot;

/// Bytes from which a frame takes in no further neighbour: copying it stays cheap, and a full memory can let go of a part
/// of a long text.
const JOINED_BYTES: usize = 64 * 1024;

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
            #[cfg(test)]
            tests::ENCODED.with(|encoded| encoded.set(encoded.get() + 1));
            Json::of(&self.event).unwrap_or_else(|error| {
                tracing::error!("a frame of turn `{}` cannot be encoded: {error}", self.event.turn_id);
                Json::default()
            })
        })
    }

    pub(crate) fn is_seal(&self) -> bool {
        matches!(self.event.what, AgentEventKind::TurnSealed {})
    }

    /// Whether it has no place among the others: a print, or what is told and never stored.
    pub(crate) fn is_passing(&self) -> bool {
        self.event.at.volatile && piece(&self.event.what).is_none()
    }

    /// Where somebody stands who has seen nothing of it and everything before.
    pub(crate) fn start(&self) -> Spot {
        Spot::within(self.event.at.position, self.event.at.offset)
    }

    /// Where somebody stands who has seen it.
    pub(crate) fn end(&self) -> Spot {
        let at = self.event.at;
        match piece(&self.event.what) {
            Some((_, piece)) => Spot::within(at.position, at.offset + piece.len() as u64),
            None => Spot::behind(at.position),
        }
    }

    /// What of it stands behind a spot in its middle.
    pub(crate) fn rest(self: &Arc<Self>, spot: Spot) -> Arc<Self> {
        let Some((_, text)) = piece(&self.event.what) else { return Arc::clone(self) };
        if spot <= self.start() || sabotaged("forget-the-offset") {
            return Arc::clone(self);
        }
        let seen = usize::try_from(spot.offset - self.event.at.offset).unwrap_or(usize::MAX);
        // Who names a byte in the middle of a character has not seen the character.
        let seen = text.floor_char_boundary(seen);
        let rest = Text::from(&text[seen..]);
        let mut event = self.event.clone();
        event.at.offset += seen as u64;
        if let Some(text) = piece_mut(&mut event.what) {
            *text = rest;
        }
        Arc::new(Self::new(event))
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
pub(crate) fn join(last: &mut Arc<Frame>, next: &Frame) -> bool {
    let Some((sort, text)) = piece(&next.event.what) else { return false };
    let continues = piece(&last.event.what).is_some_and(|(before, _)| before == sort)
        && last.event.turn_id == next.event.turn_id
        && last.end() == next.start();
    if !continues || last.weight() >= JOINED_BYTES {
        return false;
    }
    let last = Arc::make_mut(last);
    last.encoded = OnceLock::new();
    if let Some(before) = piece_mut(&mut last.event.what) {
        before.push_str(text);
    }
    true
}

#[derive(PartialEq, Eq)]
enum Sort {
    Text,
    Reasoning,
}

/// The piece of a text that a frame shows. What a tool prints is none: it has no place among the others.
fn piece(what: &AgentEventKind) -> Option<(Sort, &str)> {
    match what {
        AgentEventKind::TextDelta { delta } => Some((Sort::Text, delta)),
        AgentEventKind::ReasoningDelta { delta } => Some((Sort::Reasoning, delta)),
        _ => None,
    }
}

fn piece_mut(what: &mut AgentEventKind) -> Option<&mut Text> {
    match what {
        AgentEventKind::TextDelta { delta } | AgentEventKind::ReasoningDelta { delta } => Some(delta),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use transom_agent::event::Place;

    use super::*;

    thread_local! {
        /// How often this thread has encoded a frame.
        pub(crate) static ENCODED: Cell<usize> = const { Cell::new(0) };
    }

    pub(crate) fn text(position: i64, offset: u64, delta: &str) -> Arc<Frame> {
        frame(position, offset, AgentEventKind::TextDelta { delta: delta.into() })
    }

    fn reasoning(position: i64, offset: u64, delta: &str) -> Arc<Frame> {
        frame(position, offset, AgentEventKind::ReasoningDelta { delta: delta.into() })
    }

    pub(crate) fn frame(position: i64, offset: u64, what: AgentEventKind) -> Arc<Frame> {
        let at = Place { generation: 0, position, offset, volatile: false };
        Arc::new(Frame::new(what.of(&"c".into(), &"t".into(), at)))
    }

    #[test]
    fn neighbours_of_one_text_become_one_frame() {
        let mut last = text(3, 5, "a");
        assert!(join(&mut last, &text(3, 6, "b")));
        assert_eq!(last.event(), text(3, 5, "ab").event());
    }

    #[test]
    fn pieces_of_different_texts_stay_apart() {
        let seal = frame(4, 0, AgentEventKind::TurnSealed {});
        for (before, next) in [
            (text(3, 0, "a"), reasoning(3, 1, "b")),
            (reasoning(3, 0, "a"), text(3, 1, "b")),
            (text(3, 0, "a"), text(4, 0, "b")),
            (text(3, 0, "a"), text(3, 2, "b")),
            (text(3, 0, "a"), seal.clone()),
            (seal.clone(), text(5, 0, "a")),
            (seal.clone(), seal),
        ] {
            let mut last = before.clone();
            assert!(!join(&mut last, &next));
            assert_eq!(last.event(), before.event());
        }
    }

    #[test]
    fn joining_leaves_the_copy_of_another_viewer_alone_and_is_encoded_anew() {
        let shared = text(3, 0, "a");
        let mut mine = Arc::clone(&shared);
        assert_eq!(mine.json().value()["delta"], "a");
        assert!(join(&mut mine, &text(3, 1, "b")));
        assert_eq!(shared.json().value()["delta"], "a");
        assert_eq!(mine.json().value()["delta"], "ab");
    }

    #[test]
    fn a_large_frame_takes_in_no_more() {
        let mut last = text(3, 0, &"x".repeat(JOINED_BYTES));
        assert!(!join(&mut last, &text(3, JOINED_BYTES as u64, "b")));
    }

    #[test]
    fn the_rest_of_a_text_begins_behind_what_was_seen_and_never_inside_a_character() {
        let whole = text(3, 10, "aüb");
        for (seen, offset, rest) in
            [(0, 10, "aüb"), (10, 10, "aüb"), (11, 11, "üb"), (12, 11, "üb"), (13, 13, "b")]
        {
            assert_eq!(whole.rest(Spot::within(3, seen)).event(), text(3, offset, rest).event());
        }
        let seal = frame(4, 0, AgentEventKind::TurnSealed {});
        assert_eq!(seal.rest(Spot::within(4, 9)).event(), seal.event());
    }

    #[test]
    fn the_encoded_form_is_flat() {
        assert_eq!(
            text(3, 1, "a").json().as_str(),
            r#"{"conversationId":"c","turnId":"t","generation":0,"position":3,"offset":1,"volatile":false,"type":"text-delta","delta":"a"}"#
        );
    }
}
