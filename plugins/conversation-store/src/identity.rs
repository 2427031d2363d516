//! Which conversation ids are accepted.

use transom_plugin_api::CallError;

const LONGEST: usize = 128;
const ALLOWED: &str = "`A–Z a–z 0–9 - _ .`";

/// Checks an id that came in as `field`.
pub(crate) fn check_conversation_id(field: &str, id: &str) -> Result<(), CallError> {
    let length = id.chars().count();
    if !(1..=LONGEST).contains(&length) {
        let expected = format!("expected 1 to {LONGEST} of {ALLOWED}");
        return Err(CallError::invalid_input(format!("`{field}` has {length} characters, {expected}")));
    }
    // A path with them is another path: clients and proxies take them out.
    if id == "." || id == ".." {
        return Err(CallError::invalid_input(format!("`{field}` is `{id}`, expected more than dots")));
    }
    match id.chars().find(|character| !is_allowed(*character)) {
        Some(other) => {
            let other = other.escape_debug();
            Err(CallError::invalid_input(format!("`{field}` contains `{other}`, expected only {ALLOWED}")))
        }
        None => Ok(()),
    }
}

const fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(id: &str) -> String {
        check_conversation_id("id", id).expect_err("refused").message.into_string()
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
