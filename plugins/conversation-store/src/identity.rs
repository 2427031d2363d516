//! Which ids of messages, turns and workspaces are accepted.

use transom_agent::refusal::shown;
use transom_plugin_api::CallError;

/// The most bytes of a message's id, and of a turn's; ids that are made from one may be somewhat longer.
const LONGEST_MESSAGE: usize = 512;
const LONGEST_TURN: usize = 256;

/// Checks the ids of a message and of its turn, which came in as `message_field` and `turnId`.
pub(crate) fn check_entry_ids(
    message_field: &str,
    message: &str,
    turn: Option<&str>,
) -> Result<(), CallError> {
    check_bytes(message_field, message, LONGEST_MESSAGE)?;
    turn.map_or(Ok(()), |turn| check_bytes("turnId", turn, LONGEST_TURN))
}

fn check_bytes(field: &str, id: &str, longest: usize) -> Result<(), CallError> {
    let length = id.len();
    if (1..=longest).contains(&length) {
        return Ok(());
    }
    Err(CallError::invalid_input(format!("`{field}` has {length} bytes, expected 1 to {longest}")))
}

/// The most characters of a workspace's id.
const LONGEST_WORKSPACE: usize = 40;

/// Checks the id of a workspace that came in as `field`.
pub(crate) fn check_workspace_id(field: &str, id: &str) -> Result<(), CallError> {
    let is_inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = id.as_bytes();
    let is_fit = (1..=LONGEST_WORKSPACE).contains(&bytes.len())
        && bytes.iter().all(|byte| is_inside(*byte) || *byte == b'-')
        && bytes.first().is_some_and(|byte| is_inside(*byte))
        && bytes.last().is_some_and(|byte| is_inside(*byte));
    if is_fit {
        return Ok(());
    }
    let (shown, expected) =
        (shown(id, LONGEST_WORKSPACE + 1), "expected 1 to 40 of `a–z 0–9`, and hyphens between them");
    Err(CallError::invalid_input(format!("`{field}` is `{shown}`, {expected}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_messages_and_turns_are_of_any_letters_up_to_a_length() {
        check_entry_ids("id", &"ü".repeat(256), Some(&"x".repeat(256))).expect("accepted");
        let refusal =
            |message: &str, turn| check_entry_ids("id", message, turn).expect_err("refused").message;
        assert_eq!(refusal("", None), "`id` has 0 bytes, expected 1 to 512");
        assert_eq!(refusal(&"x".repeat(513), None), "`id` has 513 bytes, expected 1 to 512");
        assert_eq!(refusal("m", Some("")), "`turnId` has 0 bytes, expected 1 to 256");
        assert_eq!(refusal("m", Some(&"x".repeat(257))), "`turnId` has 257 bytes, expected 1 to 256");
    }

    #[test]
    fn a_workspace_is_called_by_small_letters_digits_and_hyphens_between_them() {
        for id in ["a", "7", "a-b--9", &"x".repeat(40)] {
            check_workspace_id("id", id).expect("accepted");
        }
        for id in ["", "-a", "a-", "A", "a_b", "ä", "a b", "..", &"x".repeat(41)] {
            let error = check_workspace_id("id", id).expect_err("refused");
            assert!(error.message.starts_with(&format!("`id` is `{id}`, expected 1 to 40")), "{error}");
        }
    }
}
