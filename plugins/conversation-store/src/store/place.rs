//! The place of a chunk among those of all conversations: the number of its conversation and its `seq` in one key, so that
//! a window of a log is one range of the tree. Positions are kept the same way.

use std::ops::RangeInclusive;

/// The greatest `seq`, and the greatest position.
pub(crate) const LARGEST: i64 = u32::MAX as i64 - 1;

const BITS: u32 = 32;

/// The place of a `seq` or a position; one out of bounds becomes the nearest bound.
pub(crate) fn place(conversation: i64, seq: i64) -> i64 {
    conversation << BITS | seq.clamp(0, LARGEST + 1)
}

/// The `seq` or position at a place.
pub(crate) const fn seq_at(place: i64) -> i64 {
    place & u32::MAX as i64
}

/// Every place of a conversation.
pub(crate) fn places_of(conversation: i64) -> RangeInclusive<i64> {
    place(conversation, 0)..=place(conversation, LARGEST + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_gives_back_its_seq_and_lies_among_those_of_its_conversation() {
        for number in [1, 7, i64::from(i32::MAX)] {
            for seq in [0, 1, 80, LARGEST] {
                assert_eq!(seq_at(place(number, seq)), seq);
                assert!(places_of(number).contains(&place(number, seq)));
            }
            assert!(place(number, i64::MAX) < place(number + 1, i64::MIN) || number == i64::from(i32::MAX));
        }
    }
}
