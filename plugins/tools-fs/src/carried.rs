//! Which files a conversation has read and written, for the summary that takes its place.

use std::collections::HashSet;

use transom_agent::compaction::Draft;
use transom_agent::message::{Chunk, Message};
use transom_agent::refusal::shown;
use transom_plugin_api::{List, Text};

/// Characters of a path that are carried.
const LONGEST: usize = 300;

/// Adds the files of the calls that worked, the last use of each last.
pub(crate) fn add_files(mut draft: Draft) -> Draft {
    for (tool, path) in calls_that_worked(&draft.messages) {
        match tool {
            "read_file" => use_again(&mut draft.files_read, path),
            "write_file" | "edit_file" => use_again(&mut draft.files_written, path),
            _ => {}
        }
    }
    draft
}

/// The tool and the path of each.
fn calls_that_worked(messages: &[Message]) -> Vec<(&str, Text)> {
    let chunks = || messages.iter().flat_map(|message| message.chunks.iter());
    let failed: HashSet<&str> = chunks()
        .filter_map(|chunk| match chunk {
            Chunk::ToolResult { tool_call_id, is_error: true, .. } => Some(tool_call_id.as_str()),
            _ => None,
        })
        .collect();
    let calls = chunks().filter_map(|chunk| match chunk {
        Chunk::ToolCall { tool_call_id, tool_name, input, .. } if !failed.contains(tool_call_id.as_str()) => {
            let path = shown(input.value()["path"].as_str()?, LONGEST);
            Some((tool_name.as_str(), Text::from(path)))
        }
        _ => None,
    });
    calls.collect()
}

fn use_again(files: &mut List<Text>, path: Text) {
    files.retain(|other| *other != path);
    files.push(path);
}

#[cfg(test)]
mod tests {
    use transom_agent::message::Role;
    use transom_plugin_api::{Json, Maybe, Shared};

    use super::*;

    fn call(id: &str, tool: &str, input: &str) -> Chunk {
        let input = Json::parse(input).expect("JSON");
        Chunk::ToolCall { tool_call_id: id.into(), tool_name: tool.into(), input, step_id: Maybe::None }
    }

    fn result(id: &str, is_error: bool) -> Chunk {
        Chunk::ToolResult {
            tool_call_id: id.into(),
            tool_name: "any".into(),
            content: "…".into(),
            is_error,
            step_id: Maybe::None,
            duration_ms: Maybe::None,
        }
    }

    fn files(chunks: impl IntoIterator<Item = Chunk>) -> (Vec<String>, Vec<String>) {
        let message = Message { id: "m".into(), role: Role::Assistant, chunks: chunks.into_iter().collect() };
        let draft = add_files(Draft {
            conversation_id: "c".into(),
            cwd: "/".into(),
            messages: Shared::new(List::from([message])),
            instruction: "".into(),
            text: Maybe::None,
            postponed: Maybe::None,
            files_read: List::new(),
            files_written: List::new(),
            open_tasks: List::new(),
        });
        let texts = |list: List<Text>| list.into_iter().map(String::from).collect();
        (texts(draft.files_read), texts(draft.files_written))
    }

    #[test]
    fn files_are_told_once_with_their_last_use_last() {
        let (read, written) = files([
            call("1", "read_file", r#"{"path":"a"}"#),
            call("2", "read_file", r#"{"path":"b"}"#),
            call("3", "write_file", r#"{"path":"c","content":"x"}"#),
            call("4", "edit_file", r#"{"path":"d"}"#),
            call("5", "read_file", r#"{"path":"a"}"#),
            call("6", "list_dir", r#"{"path":"e"}"#),
        ]);
        assert_eq!((read, written), (vec!["b".to_owned(), "a".into()], vec!["c".to_owned(), "d".into()]));
    }

    #[test]
    fn calls_that_failed_or_make_no_sense_are_left_out() {
        let (read, written) = files([
            call("1", "read_file", r#"{"path":"a"}"#),
            result("1", true),
            call("2", "write_file", r#"{"path":7}"#),
            call("3", "edit_file", r#""broken""#),
            call("4", "write_file", r#"{"path":"b\nc"}"#),
            result("4", false),
        ]);
        assert_eq!((read, written), (vec![], vec!["b\\nc".to_owned()]));
    }
}
