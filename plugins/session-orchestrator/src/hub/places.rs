//! Where the frames of a conversation stand: the one place that counts them.

use transom_agent::event::{AgentEventKind, Place};

/// Counts what is shown of a conversation, as long as one turn holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    generation: u32,
    /// The last position that was given out.
    position: i64,
    /// The text that the last frame was a piece of, and its bytes so far.
    open: Option<(Sort, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Text,
    Reasoning,
}

impl Places {
    /// Goes on behind `position`.
    pub(crate) const fn behind(generation: u32, position: i64) -> Self {
        Self { generation, position, open: None }
    }

    /// The place of the next frame. A piece of the text that the last one was a piece of has its position; everything else
    /// ends that text.
    pub(crate) fn next(&mut self, what: &AgentEventKind) -> Place {
        let piece = match what {
            AgentEventKind::TextDelta { delta } => Some((Sort::Text, delta.len() as u64)),
            AgentEventKind::ReasoningDelta { delta } => Some((Sort::Reasoning, delta.len() as u64)),
            _ => None,
        };
        let offset = match (piece, self.open) {
            (Some((sort, _)), Some((open, offset))) if sort == open => offset,
            _ => {
                self.position += 1;
                0
            }
        };
        self.open = piece.map(|(sort, length)| (sort, offset + length));
        Place { generation: self.generation, position: self.position, offset, volatile: piece.is_some() }
    }

    /// A position of its own for what is to stand next.
    pub(crate) fn fresh(&mut self) -> i64 {
        self.position += 1;
        self.open = None;
        self.position
    }

    /// The last position that was given out.
    pub(crate) const fn position(&self) -> i64 {
        self.position
    }

    /// How often positions had to be taken back.
    pub(crate) const fn generation(&self) -> u32 {
        self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_position_until_something_else_is_shown_and_pieces_say_where_they_begin() {
        let text = |delta: &str| AgentEventKind::TextDelta { delta: delta.into() };
        let thought = |delta: &str| AgentEventKind::ReasoningDelta { delta: delta.into() };
        let mut places = Places::behind(3, 10);
        let told: Vec<_> = [
            AgentEventKind::TurnStart { model: "a/one".into() },
            thought("hm"),
            text("ü"),
            text("b"),
            AgentEventKind::TurnSealed {},
            text("c"),
        ]
        .iter()
        .map(|what| places.next(what))
        .map(|place| (place.generation, place.position, place.offset, place.volatile))
        .collect();
        let expected = [
            (3, 11, 0, false),
            (3, 12, 0, true),
            (3, 13, 0, true),
            (3, 13, 2, true),
            (3, 14, 0, false),
            (3, 15, 0, true),
        ];
        assert_eq!(told, expected);
        assert_eq!((places.position(), places.generation()), (15, 3));
    }
}
