//! A spot between what was seen of a conversation and what was not.

use transom_agent::event::{Cursor, Place};

/// Everything up to here was seen: the positions before, and so many bytes of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) position: i64,
    /// Bytes of a text. [`WHOLE`](Self::WHOLE) for what is seen at once or not at all.
    pub(crate) offset: u64,
}

impl Spot {
    /// More than any text has, so that nothing of the position is left.
    const WHOLE: u64 = u64::MAX;

    /// Behind all of a position.
    pub(crate) const fn behind(position: i64) -> Self {
        Self { position, offset: Self::WHOLE }
    }

    /// Behind so many bytes of the text at a position.
    pub(crate) const fn within(position: i64, offset: u64) -> Self {
        Self { position, offset }
    }

    /// As it is told to viewers, whose cursors have no bytes where there is no text.
    pub(crate) const fn place(self, generation: u32) -> Place {
        let offset = if self.offset == Self::WHOLE { 0 } else { self.offset };
        Place { generation, position: self.position, offset, volatile: false }
    }

    /// As a cursor.
    pub(crate) const fn cursor(self, generation: u32) -> Cursor {
        let Place { position, offset, .. } = self.place(generation);
        Cursor { generation, position, offset }
    }

    /// Whether it is known to stand behind all of its position.
    pub(crate) const fn is_whole(self) -> bool {
        self.offset == Self::WHOLE
    }
}
