//! What the model is told to do, behind what it is to sum up.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_stands_behind_the_rest() {
        assert_eq!(instruction(&[None, Some(" ")]), SUM_UP);
        assert!(
            instruction(&[Some("keep names\n"), Some("and dates")])
                .ends_with("whole files.\n\nBesides: keep names\n\nBesides: and dates")
        );
    }
}
