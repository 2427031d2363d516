//! Where the frames of a conversation stand: the one place that counts them.

/// Counts what is shown of a conversation, as long as one turn holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    generation: u32,
    /// The last position that was given out.
    position: i64,
}

impl Places {
    /// Goes on behind `position`.
    pub(crate) const fn behind(generation: u32, position: i64) -> Self {
        Self { generation, position }
    }

    /// The position of what stands next.
    pub(crate) fn fresh(&mut self) -> i64 {
        self.position += 1;
        self.position
    }

    /// Takes back the position that was given out last, since nothing stands there. One that is not the last stays.
    pub(crate) fn give_back(&mut self, position: i64) {
        if self.position == position {
            self.position -= 1;
        }
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
