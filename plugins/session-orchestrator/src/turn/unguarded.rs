//! What a person is asked about a call that no plugin has judged.

use transom_agent::refusal::shown;
use transom_agent::tool::{GatedCall, Verdict};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{List, Maybe};

/// Characters of an input that a person is shown.
const SHOWN: usize = 2_000;
/// Those of them that are the end of what is longer: what matters may be written behind what tires a reader.
const SHOWN_OF_THE_END: usize = 600;
/// Characters of a name.
const SHORT: usize = 100;

/// The question.
pub(super) fn question(call: &GatedCall) -> Verdict {
    Verdict::Ask {
        text: text(&call.tool_name, call.input.as_str()).into(),
        choices: List::from(["Allow".into(), "Deny".into()]),
        allowing: 1,
        answer_within_ms: Maybe::None,
    }
}

fn text(tool: &str, input: &str) -> String {
    let tool = shown(tool, SHORT);
    if sabotaged("ask-without-the-input") {
        return format!("May the tool `{tool}` run? No plugin of this host judges its calls.");
    }
    format!("May the tool `{tool}` run with {}? No plugin of this host judges its calls.", legible(input))
}

/// What a model has written, as a person reads it: its beginning and its end, with what no line should hold escaped.
fn legible(text: &str) -> String {
    let between = text.chars().count().saturating_sub(SHOWN);
    if between == 0 {
        return escaped(text.chars());
    }
    let begin = SHOWN - SHOWN_OF_THE_END;
    let (begun, ended) = (escaped(text.chars().take(begin)), escaped(text.chars().skip(begin + between)));
    format!("{begun} … ({between} characters between) … {ended}")
}

/// Quotes and backslashes stay as they were written: an input would be hard to read otherwise.
fn escaped(text: impl Iterator<Item = char>) -> String {
    text.fold(String::new(), |mut escaped, character| {
        match character {
            '"' | '\'' | '\\' => escaped.push(character),
            other => escaped.extend(other.escape_debug()),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_shown_what_is_to_run() {
        assert_eq!(
            text("run_shell", r#"{"command":"echo \"hi\""}"#),
            r#"May the tool `run_shell` run with {"command":"echo \"hi\""}? No plugin of this host judges its calls."#
        );
        let asked = text("x\n`", "\"a\u{1b}[2J\u{202e}\"");
        assert!(asked.starts_with(r#"May the tool `x\n`` run with "a\u{1b}[2J\u{202e}"? "#), "{asked}");
    }

    #[test]
    fn of_a_long_input_the_beginning_and_the_end_are_shown() {
        let whole = "x".repeat(SHOWN);
        assert_eq!(legible(&whole), whole);
        let asked = text("run_shell", &format!("{}é{}; rm -rf ~", "x".repeat(9_000), "y".repeat(1_000)));
        assert!(asked.contains("; rm -rf ~? No plugin"), "{asked}");
        assert!(asked.contains(&format!("{} … (8011 characters between) … ", "x".repeat(1_400))), "{asked}");
        assert!(!asked.contains('é') && asked.chars().count() < SHOWN + 200, "{asked}");
    }
}
