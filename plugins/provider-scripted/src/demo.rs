//! The tour that `scripted/demo` gives.

use transom_agent::tool::ToolDefinition;
use transom_plugin_api::Json;

use crate::script::{Action, Script};

/// The tool a file is read with.
const READ_FILE: &str = "read_file";

const TOUR: &str = "\
Hello! I am a scripted model: I run offline, cost nothing and always answer the same. I was just thinking; now I \
stream these words one by one.

Try one of these:

- `read README.md` makes me call a tool and say what it answered.
- `[[think: hm]] [[say: aha]]` makes me think and speak.
- `[[tool: list_dir {\"path\":\".\"}]]` calls any tool with any input.
- `[[fail: overloaded]]` fails the way a busy provider does.
- `[[hang]]` keeps you waiting until you stop me.

";

/// What the demo does when it is told `text` and may ask for `tools`.
pub(crate) fn tour(text: &str, tools: &[ToolDefinition]) -> Script {
    match file_to_read(text) {
        None => introduction(text),
        Some(path) if tools.iter().any(|tool| tool.name == READ_FILE) => reading(path),
        Some(path) => Script::saying(&format!(
            "I would read `{path}`, but this turn offers me no tool named `{READ_FILE}`. Start a plugin that serves it."
        )),
    }
}

fn introduction(text: &str) -> Script {
    script([
        Action::Think(format!("Somebody says “{}”. I should show what I can do.", text.trim())),
        Action::Say(TOUR.into()),
        Action::Say("What I answer is part of my program; `scripted/echo` repeats what you say.".into()),
    ])
}

fn reading(path: &str) -> Script {
    script([
        Action::Think(format!("I am asked to read `{path}`. There is a tool for that.")),
        Action::Say(format!("Let me look into `{path}`.")),
        Action::Call { tool: READ_FILE.into(), input: Json::from(serde_json::json!({ "path": path })) },
        Action::Think("The tool has answered.".into()),
        Action::SayResults,
    ])
}

fn script(actions: impl IntoIterator<Item = Action>) -> Script {
    let mut script = Script::default();
    actions.into_iter().for_each(|action| script.push(action));
    script
}

/// The file behind the word `read`; `the` and `file` may stand between, quotes around it.
fn file_to_read(text: &str) -> Option<&str> {
    let mut words = text.split_whitespace().skip_while(|word| !word.eq_ignore_ascii_case("read")).skip(1);
    let word = words.find(|word| !["the", "file"].iter().any(|filler| word.eq_ignore_ascii_case(filler)))?;
    let path = word.trim_matches(['`', '"', '\'', '“', '”', ',', ';', ':', '!', '?']);
    let path = path.strip_suffix('.').unwrap_or(path).trim_end_matches(['`', '"', '\'', '”']);
    (!path.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::Maybe;

    use super::*;

    fn tool(name: &str) -> ToolDefinition {
        ToolDefinition {
            name: name.into(),
            description: "".into(),
            parameters: Json::from(serde_json::json!({})),
            concurrency_safe: true,
            effects: Maybe::None,
        }
    }

    #[test]
    fn the_file_is_found_in_what_people_write() {
        for (text, expected) in [
            ("read README.md", Some("README.md")),
            ("Please read the file `src/lib.rs`.", Some("src/lib.rs")),
            ("READ \"a.txt\"!", Some("a.txt")),
            ("could you read .gitignore?", Some(".gitignore")),
            ("read Makefile", Some("Makefile")),
            ("read", None),
            ("read the file", None),
            ("I am reading a book", None),
            ("read .", None),
        ] {
            assert_eq!(file_to_read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_file_is_read_in_two_steps() {
        let script = tour("read a.txt", &[tool("list_dir"), tool(READ_FILE)]);
        let first = script.step(0).expect("a first step");
        let input = Json::parse("{\"path\":\"a.txt\"}").expect("JSON");
        assert_eq!(first.last(), Some(&Action::Call { tool: "read_file".into(), input }));
        assert_eq!(script.step(1).and_then(|step| step.last()), Some(&Action::SayResults));
        assert_eq!(script.step(2), None);
    }

    #[test]
    fn without_the_tool_nothing_is_called() {
        let script = tour("read a.txt", &[tool("list_dir")]);
        let Some([Action::Say(words)]) = script.step(0).map(Vec::as_slice) else { panic!("{script:?}") };
        assert!(words.contains("no tool named `read_file`"), "{words}");
    }

    #[test]
    fn anything_else_gets_the_tour() {
        let script = tour("hello", &[tool(READ_FILE)]);
        let first = script.step(0).expect("a first step");
        assert!(matches!(&first[0], Action::Think(thought) if thought.contains("“hello”")));
        assert_eq!(first[1], Action::Say(TOUR.into()));
    }
}
