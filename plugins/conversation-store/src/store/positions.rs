//! Which positions an entry may have: above all that were appended before, and each once.

use std::collections::HashSet;

use transom_agent::message::Chunk;
use transom_plugin_api::CallError;

/// The positions of one append, or of a whole log that is read again.
pub(crate) struct Positions {
    floor: i64,
    highest: i64,
    taken: HashSet<i64>,
}

impl Positions {
    /// For what comes behind a log that goes up to `latest`.
    pub(crate) fn above(latest: i64) -> Self {
        Self { floor: latest, highest: latest, taken: HashSet::new() }
    }

    /// The highest so far; the latest of before while there is none.
    pub(crate) const fn highest(&self) -> i64 {
        self.highest
    }

    /// Whether there was one.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Takes the position of a chunk. The end of a turn takes two, and it and a beginning stand behind everything that
    /// came before.
    ///
    /// # Errors
    /// `Conflict` when it is not free.
    pub(crate) fn take(&mut self, chunk: &Chunk, position: i64) -> Result<(), CallError> {
        let bounds_a_turn = matches!(chunk, Chunk::TurnStart { .. } | Chunk::TurnEnd { .. });
        let floor = if bounds_a_turn { self.highest } else { self.floor };
        if position <= floor {
            let message = format!("position {position} is taken, expected one above {floor}");
            return Err(CallError::conflict(message));
        }
        let last = if matches!(chunk, Chunk::TurnEnd { .. }) { position + 1 } else { position };
        for position in position..=last {
            if !self.taken.insert(position) {
                return Err(CallError::conflict(format!("position {position} is there twice")));
            }
        }
        self.highest = self.highest.max(last);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use transom_agent::turn::{EndReason, TurnRecord};
    use transom_plugin_api::Maybe;

    use super::*;

    fn words() -> Chunk {
        Chunk::Text { text: "a".into() }
    }

    fn end() -> Chunk {
        let record = TurnRecord {
            turn_id: "t".into(),
            model: "m".into(),
            reason: EndReason::Stop,
            usage: Default::default(),
            steps: 1,
            error_class: Maybe::None,
            context_size: Maybe::None,
            started_at: 1,
            duration_ms: 1,
        };
        Chunk::TurnEnd { record }
    }

    #[test]
    fn positions_inside_an_append_need_no_order_but_stand_above_all_before() {
        let mut positions = Positions::above(4);
        for position in [5, 8, 6, 7] {
            positions.take(&words(), position).expect("free");
        }
        assert_eq!(positions.highest(), 8);
        let error = positions.take(&words(), 4).expect_err("below");
        assert_eq!(error.message, "position 4 is taken, expected one above 4");
        let error = positions.take(&words(), 6).expect_err("twice");
        assert_eq!(error.message, "position 6 is there twice");
    }

    #[test]
    fn the_end_of_a_turn_takes_two_and_stands_behind_everything() {
        let mut positions = Positions::above(0);
        positions.take(&words(), 3).expect("free");
        positions.take(&end(), 2).expect_err("words stand behind it");
        positions.take(&end(), 4).expect("free");
        assert_eq!(positions.highest(), 5);
        positions.take(&words(), 5).expect_err("that is the second of the end");
    }
}
