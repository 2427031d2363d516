//! What several plugins refuse, in the same words.

use transom_plugin_api::CallError;

use crate::conversation::{LONGEST_ID, is_conversation_id};

/// What somebody wrote that may be anything, in a sentence: its beginning, `most` characters at most, with what no line
/// should hold escaped.
#[must_use]
pub fn shown(text: &str, most: usize) -> String {
    let cut: String = text.chars().take(most).collect();
    cut.escape_debug().to_string()
}

/// Checks an id of a conversation that came in as `field`.
///
/// # Errors
/// `InvalidInput` when it is [none](is_conversation_id), with the field and what is wrong with it.
pub fn check_conversation_id(field: &str, id: &str) -> Result<(), CallError> {
    const ALLOWED: &str = "`A–Z a–z 0–9 - _ .`";
    if is_conversation_id(id) {
        return Ok(());
    }
    let length = id.chars().count();
    let is_odd = |character: &char| !is_conversation_id(&format!("a{character}"));
    Err(CallError::invalid_input(if !(1..=LONGEST_ID).contains(&length) {
        format!("`{field}` has {length} characters, expected 1 to {LONGEST_ID} of {ALLOWED}")
    } else if let Some(other) = id.chars().find(is_odd) {
        format!("`{field}` contains `{}`, expected only {ALLOWED}", other.escape_debug())
    } else {
        format!("`{field}` is `{id}`, expected more than dots")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(id: &str) -> String {
        check_conversation_id("id", id).expect_err("refused").message.into_string()
    }

    #[test]
    fn what_a_stranger_wrote_is_cut_between_characters_and_holds_no_line_break() {
        assert_eq!(shown("über", 2), "üb");
        assert_eq!(shown("a\nb\u{202e}\u{1b}", 40), "a\\nb\\u{202e}\\u{1b}");
        assert_eq!((shown("", 40), shown("a", 0)), (String::new(), String::new()));
    }

    #[test]
    fn letters_digits_and_three_signs_are_accepted_up_to_128_of_them() {
        for id in ["a", "A-z_0.9", &"x".repeat(128)] {
            check_conversation_id("id", id).expect("accepted");
        }
    }

    #[test]
    fn a_refusal_says_which_field_and_what_is_wrong_with_it() {
        assert_eq!(refusal(""), "`id` has 0 characters, expected 1 to 128 of `A–Z a–z 0–9 - _ .`");
        assert_eq!(
            refusal(&"x".repeat(129)),
            "`id` has 129 characters, expected 1 to 128 of `A–Z a–z 0–9 - _ .`"
        );
        assert_eq!(refusal(".."), "`id` is `..`, expected more than dots");
        assert_eq!(refusal("a\nb"), "`id` contains `\\n`, expected only `A–Z a–z 0–9 - _ .`");
        assert_eq!(refusal("über"), "`id` contains `ü`, expected only `A–Z a–z 0–9 - _ .`");
    }
}
