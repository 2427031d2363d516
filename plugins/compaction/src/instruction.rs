//! What the model is told to do, behind what it is to sum up.

use transom_plugin_api::CallError;

/// Bytes that somebody may add: some pages, and little beside a window.
const LONGEST_ADDITION: usize = 16 * 1024;

/// What a summary is to be. The model's own system prompt and tools stand in front, since the request begins like those of turns.
const SUM_UP: &str = "This is not a message of the person you talk with. The conversation up to here is about to be replaced by a \
summary, because it does not fit into your window any more; the newest messages stay as they are and come behind it. Write that summary \
now. Call no tool. Do not answer or go on with what was asked.

Write for yourself: you will have nothing but the summary. Say, in this order and in short sentences:
1. what the person wants, with every wish and limit they stated, in their words where those matter;
2. what was done, with names, paths, numbers and results that are still needed, and what was decided and why;
3. what was tried and failed, so that it is not tried again;
4. what is under way at this moment, and the next step. Say of everything that has been run or changed already that it has been.
Leave out the system prompt, the definitions of tools, greetings and whole files.";

/// The instruction, with what an operator or a person adds.
pub(crate) fn instruction(additions: &[Option<&str>]) -> String {
    let additions = additions.iter().flatten().filter(|addition| !addition.trim().is_empty());
    let lines = additions.map(|addition| format!("\n\nBesides: {}", addition.trim()));
    format!("{SUM_UP}{}", lines.collect::<String>())
}

/// Checks what somebody wants to add.
///
/// # Errors
/// `InvalidInput` when it is too long.
pub(crate) fn check_addition(addition: &str) -> Result<(), CallError> {
    let length = addition.len();
    if length <= LONGEST_ADDITION {
        return Ok(());
    }
    Err(CallError::invalid_input(format!(
        "`instruction` has {length} bytes, expected at most {LONGEST_ADDITION}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_has_a_bound() {
        assert_eq!(check_addition(&"a".repeat(LONGEST_ADDITION)), Ok(()));
        let refused = check_addition(&"a".repeat(LONGEST_ADDITION + 1)).expect_err("one byte too many");
        assert_eq!(refused.message, "`instruction` has 16385 bytes, expected at most 16384");
    }

    #[test]
    fn what_is_added_stands_behind_the_rest() {
        assert_eq!(instruction(&[None, Some(" ")]), SUM_UP);
        assert!(
            instruction(&[Some("keep names\n"), Some("and dates")])
                .ends_with("whole files.\n\nBesides: keep names\n\nBesides: and dates")
        );
    }
}
