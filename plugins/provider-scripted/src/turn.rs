//! What a scripted model reads off a request: who said what last, and how far the turn is.

use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::ModelRequest;

/// What the person said last: the text of the last message that is theirs.
pub(crate) fn last_user_text(messages: &[Message]) -> Option<String> {
    let message = messages.iter().rfind(|message| message.role == Role::User)?;
    let texts = message.chunks.iter().filter_map(|chunk| match chunk {
        Chunk::Text { text } => Some(text.as_str()),
        _ => None,
    });
    Some(texts.collect::<Vec<_>>().join("\n"))
}

/// How often the model has answered since: the number of the step that is asked for now.
pub(crate) fn step_number(messages: &[Message]) -> usize {
    let answered = messages.iter().rev().take_while(|message| message.role != Role::User);
    answered.filter(|message| message.role == Role::Assistant).count()
}

/// What the tools answered since the model last spoke, for a person to read.
pub(crate) fn results(messages: &[Message]) -> String {
    let after = messages.iter().rposition(|message| message.role == Role::Assistant).map_or(0, |at| at + 1);
    let results = messages[after..].iter().flat_map(|message| message.chunks.iter()).filter_map(result);
    results.collect::<Vec<_>>().join("\n\n")
}

fn result(chunk: &Chunk) -> Option<String> {
    let Chunk::ToolResult { tool_name, content, is_error, .. } = chunk else { return None };
    let verb = if *is_error { "failed" } else { "answered" };
    Some(format!("`{tool_name}` {verb}:\n{}", excerpt(content)))
}

fn excerpt(content: &str) -> String {
    const SHOWN: usize = 1_000;
    let shown: String = content.chars().take(SHOWN).collect();
    let more = content[shown.len()..].chars().count();
    if more == 0 { shown } else { format!("{shown}… ({more} more characters)") }
}

/// An id for the next call of a tool that nothing in the conversation bears yet.
pub(crate) fn free_call_ids(messages: &[Message]) -> impl Iterator<Item = String> + use<'_> {
    let used: Vec<&str> = messages
        .iter()
        .flat_map(|message| message.chunks.iter())
        .filter_map(|chunk| match chunk {
            Chunk::ToolCall { tool_call_id, .. } => Some(tool_call_id.as_str()),
            _ => None,
        })
        .collect();
    (used.len() + 1..).map(|number| format!("call-{number}")).filter(move |id| !used.contains(&id.as_str()))
}

/// The words of the whole request, which is what a scripted model takes for its tokens.
pub(crate) fn words_of(request: &ModelRequest) -> u64 {
    let chunks = request.messages.iter().flat_map(|message| message.chunks.iter());
    let said: u64 = chunks.map(words_of_chunk).sum();
    said + request.system_prompt.as_deref().map_or(0, words)
}

fn words_of_chunk(chunk: &Chunk) -> u64 {
    match chunk {
        Chunk::Text { text } | Chunk::Thinking { text, .. } => words(text),
        Chunk::ToolCall { input, .. } => words(input.as_str()),
        Chunk::ToolResult { content, .. } => words(content),
        // What a model is not shown.
        _ => 0,
    }
}

/// Counts words.
pub(crate) fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::{Json, List, Maybe};

    use super::*;

    fn call(id: &str) -> Message {
        let chunk = Chunk::ToolCall {
            tool_call_id: id.into(),
            tool_name: "look".into(),
            input: Json::default(),
            step_id: Maybe::None,
        };
        Message { id: "c".into(), role: Role::Assistant, chunks: List::from([chunk]) }
    }

    fn answer(content: &str, is_error: bool) -> Message {
        let chunk = Chunk::ToolResult {
            tool_call_id: "1".into(),
            tool_name: "look".into(),
            content: content.into(),
            is_error,
            step_id: Maybe::None,
            duration_ms: Maybe::None,
        };
        Message { id: "r".into(), role: Role::Tool, chunks: List::from([chunk]) }
    }

    fn person(text: &str) -> Message {
        Message::text("u", Role::User, text)
    }

    #[test]
    fn steps_are_counted_from_the_last_word_of_the_person() {
        assert_eq!(step_number(&[]), 0);
        assert_eq!(step_number(&[person("a"), call("1"), answer("x", false), person("b")]), 0);
        assert_eq!(step_number(&[person("a"), call("1"), answer("x", false), answer("y", false)]), 1);
    }

    #[test]
    fn only_answers_since_the_last_step_are_results() {
        let messages = [
            person("a"),
            call("1"),
            answer("old", false),
            call("2"),
            answer("new", true),
            answer("b", false),
        ];
        assert_eq!(results(&messages), "`look` failed:\nnew\n\n`look` answered:\nb");
    }

    #[test]
    fn a_long_result_is_shown_in_part() {
        let shown = results(&[answer(&"ä".repeat(1_005), false)]);
        assert!(shown.ends_with("ä… (5 more characters)"), "{shown}");
    }

    #[test]
    fn call_ids_are_never_used_twice() {
        let messages = [person("a"), call("call-2"), call("call-3")];
        assert_eq!(free_call_ids(&messages).take(2).collect::<Vec<_>>(), ["call-4", "call-5"]);
        assert_eq!(free_call_ids(&messages[..2]).take(1).collect::<Vec<_>>(), ["call-3"]);
    }
}
