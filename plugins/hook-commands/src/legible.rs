//! What somebody has written, as a person reads it on one line.

/// What stands as it is, though it would have to be escaped in a text of a program.
const AS_IT_IS: [char; 3] = ['"', '\'', '\\'];

/// The first `most` characters of a text, with `…` where there are more. What no line should hold, such as line ends and characters
/// that turn the order of others around, is escaped; quotes and backslashes are as they were written.
pub(crate) fn legible(text: &str, most: usize) -> String {
    let cut = text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end]);
    let mut legible = String::with_capacity(cut.len());
    for piece in cut.split_inclusive(AS_IT_IS) {
        let plain = piece.strip_suffix(AS_IT_IS).unwrap_or(piece);
        legible.extend(plain.escape_debug());
        legible.push_str(&piece[plain.len()..]);
    }
    if cut.len() < text.len() {
        legible.push('…');
    }
    legible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shown_as_it_was_written_but_for_what_would_break_a_line() {
        for (text, expected) in [
            (r#"echo "it's" \"no\""#, r#"echo "it's" \"no\""#),
            ("a\nb\u{202e}\u{1b}[2J", "a\\nb\\u{202e}\\u{1b}[2J"),
            ("cafe\u{301}", "cafe\u{301}"),
            ("", ""),
        ] {
            assert_eq!(legible(text, 40), expected);
            assert_eq!(legible(&legible(text, 40), 80), expected, "to show it twice changes nothing");
        }
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!((legible("über", 2).as_str(), legible("über", 4).as_str()), ("üb…", "über"));
        assert_eq!(legible("a", 0), "…");
    }
}
