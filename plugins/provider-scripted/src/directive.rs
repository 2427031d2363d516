//! One `[[directive]]`: where it begins, where it ends, what it means.

use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::Value;
use transom_agent::provider::{FailureClass, FinishReason, Usage};
use transom_plugin_api::{Json, Maybe};

use crate::script::{Action, Fail};

const KNOWN: &str = "think, say, results, tool, usage, pace, finish, fail, hang, break, step";
const CLASSES: &str = "network, timeout, rate-limited, overloaded, authentication, quota, context-length, \
                       invalid-request, protocol, unknown-model";

/// A directive that cannot be followed.
#[derive(Debug, PartialEq)]
pub(crate) struct BadDirective {
    directive: String,
    problem: String,
}

impl fmt::Display for BadDirective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "directive `{}`: {}", self.directive, self.problem)
    }
}

impl std::error::Error for BadDirective {}

/// What a directive asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Read {
    /// Something to do.
    Action(Action),
    /// The next step.
    Step,
}

/// Where the first directive of `text` begins: `[[`, a word of lower-case letters and dashes, then `:` or `]]`.
pub(crate) fn find(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text[from..].find("[[") {
        let at = from + found;
        if word(&text[at + 2..]).is_some() {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn word(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !(c.is_ascii_lowercase() || c == '-'))?;
    let behind = &text[end..];
    (end > 0 && (behind.starts_with(':') || behind.starts_with("]]"))).then(|| &text[..end])
}

/// Reads the directive that `text` begins with; answers it and the text behind it.
pub(crate) fn read(text: &str) -> Result<(Read, &str), BadDirective> {
    let name = text.get(2..).and_then(word).unwrap_or_default();
    let inside = &text[2 + name.len()..];
    let inside = inside.strip_prefix(':').unwrap_or(inside);
    let end = end_of(name, inside).map_err(|problem| bad(text, &problem))?;
    let argument = inside[..end].trim();
    let whole = &text[..text.len() - inside.len() + end + 2];
    let read = meaning(name, argument).map_err(|problem| bad(whole, &problem))?;
    Ok((read, &inside[end + 2..]))
}

fn bad(directive: &str, problem: &str) -> BadDirective {
    const SHOWN: usize = 80;
    let mut shown: String = directive.chars().take(SHOWN).collect();
    if shown.len() < directive.len() {
        shown.push('…');
    }
    BadDirective { directive: shown, problem: problem.to_owned() }
}

/// Where the closing brackets stand. Those inside a tool's input are not taken for them.
fn end_of(name: &str, inside: &str) -> Result<usize, String> {
    let from = if name == "tool" { input_end(inside).unwrap_or(0) } else { 0 };
    let end = inside[from..].find("]]").ok_or("it is not closed by `]]`")?;
    Ok(from + end)
}

/// Where the input ends that stands behind a tool's name.
fn input_end(inside: &str) -> Option<usize> {
    let name = inside.len() - inside.trim_start().len();
    let input = name + inside[name..].find(char::is_whitespace)?;
    (!inside[name..input].contains("]]")).then(|| input + json_length(&inside[input..]))
}

/// Bytes of the JSON document that `text` begins with; 0 when it begins with none.
fn json_length(text: &str) -> usize {
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match documents.next() {
        Some(Ok(_)) => documents.byte_offset(),
        _ => 0,
    }
}

fn meaning(name: &str, argument: &str) -> Result<Read, String> {
    let action = match name {
        "say" => Action::Say(argument.to_owned()),
        "think" => Action::Think(argument.to_owned()),
        "tool" => call(argument)?,
        "usage" => Action::Use(usage(argument)?),
        "pace" => Action::Pace(number(argument, "milliseconds between two pieces")?),
        "finish" => Action::Finish(
            choice(argument)
                .filter(|reason| !matches!(reason, FinishReason::Unknown(_)))
                .ok_or_else(|| unexpected(argument, "one of stop, tool-calls, length, content-filter"))?,
        ),
        "fail" => Action::Fail(fail(argument)?),
        "results" => without_argument(argument, Action::SayResults)?,
        "hang" => without_argument(argument, Action::Hang)?,
        "break" => without_argument(argument, Action::Break)?,
        "step" => return without_argument(argument, Read::Step),
        _ => return Err(format!("`{name}` is unknown, expected one of {KNOWN}")),
    };
    Ok(Read::Action(action))
}

fn unexpected(found: &str, expected: &str) -> String {
    format!("found `{found}`, expected {expected}")
}

fn without_argument<T>(argument: &str, meaning: T) -> Result<T, String> {
    if argument.is_empty() { Ok(meaning) } else { Err(unexpected(argument, "nothing behind the word")) }
}

/// A word in the encoded form of one of the vocabulary's enums.
fn choice<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(Value::from(word)).ok()
}

fn number<T: FromStr>(word: &str, what: &str) -> Result<T, String> {
    word.parse().map_err(|_| unexpected(word, &format!("a whole number of {what}")))
}

fn call(argument: &str) -> Result<Action, String> {
    let (tool, input) = argument.split_once(char::is_whitespace).unwrap_or((argument, "{}"));
    if tool.is_empty() {
        return Err("expected the tool's name and its input, such as `read_file {\"path\":\"a.txt\"}`".into());
    }
    let input = Json::parse(input).map_err(|error| format!("the input is not JSON: {error}"))?;
    Ok(Action::Call { tool: tool.to_owned(), input })
}

fn usage(argument: &str) -> Result<Usage, String> {
    let words: Vec<&str> = argument.split_whitespace().collect();
    let numbers = words.iter().map(|word| number(word, "tokens")).collect::<Result<Vec<u64>, _>>()?;
    let [input_tokens, output_tokens, cache @ ..] = numbers.as_slice() else {
        return Err(unexpected(argument, "tokens read and tokens written"));
    };
    if cache.len() > 2 {
        return Err(unexpected(argument, "at most four numbers"));
    }
    let cached = |at: usize| Maybe::from(cache.get(at).copied());
    Ok(Usage {
        input_tokens: *input_tokens,
        output_tokens: *output_tokens,
        cache_read_tokens: cached(0),
        cache_write_tokens: cached(1),
    })
}

fn fail(argument: &str) -> Result<Fail, String> {
    let mut words = argument.split_whitespace();
    let class = words.next().unwrap_or_default();
    let known = choice(class).filter(|class| !matches!(class, FailureClass::Unknown(_)));
    let class = known.ok_or_else(|| unexpected(class, &format!("one of {CLASSES}")))?;
    let retry_after_ms = words.next().map(|word| number(word, "milliseconds to wait")).transpose()?;
    let times = words.next().map(|word| number(word, "attempts that fail")).transpose()?;
    match words.next() {
        None => Ok(Fail { class, retry_after_ms, times }),
        Some(word) => Err(unexpected(word, "at most a class, milliseconds to wait and attempts that fail")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Action) {
        assert_eq!(read(text), Ok((Read::Action(expected), "")));
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = read(text).expect_err("a bad directive").to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn every_directive_has_its_meaning() {
        let fail = |class, retry_after_ms, times| Action::Fail(Fail { class, retry_after_ms, times });
        check("[[say: a b]]", Action::Say("a b".into()));
        check("[[think: a]]", Action::Think("a".into()));
        check("[[results]]", Action::SayResults);
        check(
            "[[tool: look]]",
            Action::Call { tool: "look".into(), input: Json::parse("{}").expect("JSON") },
        );
        check(
            "[[usage: 10 20]]",
            Action::Use(Usage { input_tokens: 10, output_tokens: 20, ..Usage::default() }),
        );
        check("[[pace: 0]]", Action::Pace(0));
        check("[[finish: length]]", Action::Finish(FinishReason::Length));
        check("[[fail: quota]]", fail(FailureClass::Quota, None, None));
        check("[[fail: rate-limited 2000]]", fail(FailureClass::RateLimited, Some(2000), None));
        check("[[fail: overloaded 5 2]]", fail(FailureClass::Overloaded, Some(5), Some(2)));
        check("[[hang]]", Action::Hang);
        check("[[break]]", Action::Break);
        assert_eq!(read("[[step]] x"), Ok((Read::Step, " x")));
    }

    #[test]
    fn usage_may_say_what_the_cache_did() {
        let cached = Usage {
            input_tokens: 9,
            output_tokens: 1,
            cache_read_tokens: Maybe::Some(7),
            cache_write_tokens: Maybe::Some(2),
        };
        check("[[usage: 9 1 7 2]]", Action::Use(cached));
    }

    #[test]
    fn brackets_inside_a_tools_input_do_not_close_the_directive() {
        let input = r#"{"grid":[[1,2]],"text":"]]"}"#;
        let expected = Action::Call { tool: "draw".into(), input: Json::parse(input).expect("JSON") };
        check(&format!("[[tool: draw {input}]]"), expected);
    }

    #[test]
    fn a_bad_directive_is_named_with_what_was_expected() {
        refused("[[dance: now]]", "directive `[[dance: now]]`: `dance` is unknown, expected one of think");
        refused("[[pace: fast]]", "found `fast`, expected a whole number of milliseconds");
        refused("[[pace: -1]]", "found `-1`");
        refused("[[finish: bored]]", "expected one of stop");
        refused("[[fail: slow]]", "expected one of network");
        refused("[[fail: quota soon]]", "milliseconds to wait");
        refused("[[fail: quota 1 2 3]]", "found `3`");
        refused("[[usage: 1]]", "tokens read and tokens written");
        refused("[[usage: 1 2 3 4 5]]", "at most four");
        refused("[[tool:]]", "expected the tool's name");
        refused("[[tool: look {\"path\":}]]", "the input is not JSON");
        refused("[[hang: long]]", "expected nothing");
        refused("[[think: for ever", "not closed");
    }

    #[test]
    fn a_long_bad_directive_is_shown_in_part() {
        let error = read(&format!("[[pace: {}]]", "ä".repeat(500))).expect_err("bad").directive;
        assert_eq!(error.chars().count(), 81);
    }
}
