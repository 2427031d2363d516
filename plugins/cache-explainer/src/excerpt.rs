//! Where two texts differ, and what stands there.

/// Bytes of an excerpt in front of the first difference, and behind it.
const IN_FRONT: usize = 20;
const BEHIND: usize = 60;

/// Where two texts differ.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The first byte that is not the same in both, moved to the beginning of its character.
    pub(crate) offset: usize,
    /// What stands there in the first one.
    pub(crate) before: String,
    /// What stands there in the second one.
    pub(crate) after: String,
}

/// The first difference between two texts, if there is one.
pub(crate) fn difference(before: &str, after: &str) -> Option<Difference> {
    if before == after {
        return None;
    }
    let same = before.bytes().zip(after.bytes()).take_while(|(one, other)| one == other).count();
    // Both have the same bytes up to there, and so the same characters.
    let offset = before.floor_char_boundary(same);
    let around = |text: &str| {
        let (from, to) = (text.floor_char_boundary(offset.saturating_sub(IN_FRONT)), offset + BEHIND);
        text[from..text.floor_char_boundary(to)].to_owned()
    };
    Some(Difference { offset, before: around(before), after: around(after) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str, expected: Option<(usize, &str, &str)>) {
        let found = difference(before, after);
        let found = found.as_ref().map(|found| (found.offset, found.before.as_str(), found.after.as_str()));
        assert_eq!(found, expected);
    }

    #[test]
    fn it_is_where_the_first_byte_differs_at_the_beginning_of_a_character() {
        check("same", "same", None);
        check("", "", None);
        check("abc", "abd", Some((2, "abc", "abd")));
        check("abc", "ab", Some((2, "abc", "ab")));
        check("", "new", Some((0, "", "new")));
        // Two letters whose first bytes are the same.
        check("xä", "xö", Some((1, "xä", "xö")));
        check("x€", "x", Some((1, "x€", "x")));
    }

    #[test]
    fn of_long_texts_a_few_bytes_around_it_are_shown() {
        let (before, after) = (format!("{}b{}", "a".repeat(100), "c".repeat(100)), "a".repeat(500));
        let found = difference(&before, &after).unwrap();
        assert_eq!((found.offset, found.before.len(), found.after.len()), (100, 80, 80));
        assert!(found.before.starts_with(&format!("{}bc", "a".repeat(20))));
        let umlauts = "ä".repeat(200);
        assert_eq!(difference(&umlauts, &format!("{umlauts}x")).unwrap().before.len(), 20);
    }
}
