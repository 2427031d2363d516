//! [`Kept`]: the frames of turns that ended lately, on their way from one generation of the plugin to the next.

use std::cmp::Reverse;

use transom_agent::event::AgentEvent;
use transom_plugin_api::{List, Text, codec, contract};

/// Bytes of all of it together, encoded. What does not fit is read from the conversation.
const BYTES: usize = 8 * 1024 * 1024;

/// Turns and their frames, the newest first.
#[contract]
#[derive(Default)]
pub(crate) struct Kept {
    pub(super) turns: List<KeptTurn>,
}

/// A turn that is over.
#[contract]
pub(crate) struct KeptTurn {
    pub(super) conversation_id: Text,
    pub(super) turn_id: Text,
    /// Milliseconds since the epoch.
    pub(super) used_at: i64,
    /// Frames that were let go of.
    pub(super) left_out: u64,
    /// The others, merged.
    pub(super) frames: List<AgentEvent>,
}

impl Kept {
    /// As many of these turns as may be handed over.
    pub(super) fn newest(turns: impl IntoIterator<Item = KeptTurn>) -> Self {
        let mut turns: Vec<KeptTurn> = turns.into_iter().collect();
        turns.sort_by_key(|turn| Reverse(turn.used_at));
        let mut left = BYTES;
        let fits = |turn: &KeptTurn| match codec::encode(turn) {
            Ok(bytes) => {
                let fits = bytes.len() <= left;
                left = left.saturating_sub(bytes.len());
                fits
            }
            Err(error) => {
                tracing::warn!("the frames of turn `{}` are not handed over: {error}", turn.turn_id);
                false
            }
        };
        turns.retain(fits);
        Self { turns: turns.into() }
    }
}

#[cfg(test)]
mod tests {
    use transom_agent::event::{AgentEventKind, Place};

    use super::*;

    fn turn(id: &str, used_at: i64, bytes: usize) -> KeptTurn {
        let text = AgentEventKind::TextDelta { delta: "x".repeat(bytes).into() };
        let frame = |what: AgentEventKind| what.of(&"c".into(), &id.into(), Place::default());
        let frames = List::from([frame(text), frame(AgentEventKind::TurnSealed {})]);
        KeptTurn { conversation_id: "c".into(), turn_id: id.into(), used_at, left_out: 3, frames }
    }

    #[test]
    fn the_newest_go_first_and_what_is_too_much_stays() {
        let half = BYTES / 2 - 1000;
        let kept = Kept::newest([turn("old", 1, half), turn("new", 3, half), turn("middle", 2, half)]);
        let ids: Vec<_> = kept.turns.iter().map(|turn| turn.turn_id.as_str()).collect();
        assert_eq!(ids, ["new", "middle"]);
        assert!(codec::encode(&kept).unwrap().len() <= BYTES + 100);
    }

    #[test]
    fn what_is_handed_over_is_read_as_it_was() {
        let kept = Kept::newest([turn("a", 1, 10)]);
        assert_eq!(codec::decode::<Kept>(&codec::encode(&kept).unwrap()).unwrap(), kept);
    }
}
