//! In which order things are told.

use super::*;
use crate::plain::PlainReader;

/// A reader of the same frames, whose streams say when they are over.
#[derive(Debug)]
struct Marked;

impl Reader for Marked {
    const NEEDS_ITS_MARK: bool = true;

    fn hear(&mut self, frame: &Frame, told: &mut Told) {
        PlainReader.hear(frame, told);
    }
}

fn heard<R: Reader>(reader: R, frames: &[&str]) -> Answer<R> {
    let mut answer = Answer::to(&[], reader);
    for data in frames {
        answer.hear(&Frame { event: String::new(), data: (*data).to_owned() });
    }
    answer
}

fn lines<R: Reader>(mut answer: Answer<R>) -> Vec<String> {
    assert!(answer.is_over());
    let line = |event: Result<ProviderEvent, Failure>| match event {
        Ok(ProviderEvent::TextDelta { delta }) => format!("text {delta}"),
        Ok(ProviderEvent::ToolCall { tool_name, input, .. }) => format!("{tool_name} {input}"),
        Ok(ProviderEvent::Usage { usage }) => format!("usage {} {}", usage.input_tokens, usage.output_tokens),
        Ok(ProviderEvent::Finish { reason }) => format!("finish {reason:?}"),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => format!("{:?} {}", failure.class, failure.what),
    };
    std::iter::from_fn(|| answer.next()).map(line).collect()
}

fn broken() -> Failure {
    Failure::new(FailureClass::Network, "broke")
}

const SAY: &str = r#"{"say":"Hello"}"#;
const CALL: &str = r#"{"call":"look","input":"{}"}"#;
const HALF: &str = r#"{"call":"read","input":"{\"at"}"#;
const USED: &str = r#"{"used":[9,2]}"#;
const STOP: &str = r#"{"stop":true}"#;

#[test]
fn tokens_and_the_finish_come_last_and_nothing_behind_them() {
    let answer = heard(PlainReader, &[SAY, STOP, USED, "end", SAY, "nonsense"]);
    assert_eq!(lines(answer), ["text Hello", "usage 9 2", "finish Stop"]);
}

#[test]
fn who_stopped_after_asking_for_tools_waits_for_them() {
    assert_eq!(lines(heard(PlainReader, &[CALL, STOP, "end"])), ["look {}", "finish ToolCalls"]);
}

#[test]
fn an_answer_that_breaks_off_keeps_its_whole_calls() {
    let mut answer = heard(PlainReader, &[SAY, CALL, HALF, USED]);
    answer.break_off(broken());
    assert_eq!(lines(answer), ["text Hello", "look {}", "usage 9 2", "Network broke"]);
}

#[test]
fn a_finish_without_an_end_is_one_unless_streams_say_when_they_are_over() {
    let truncated = ["Protocol ended in the middle of its answer"];
    let mut answer = heard(PlainReader, &[STOP]);
    answer.end();
    assert_eq!(lines(answer), ["finish Stop"]);
    let mut answer = heard(PlainReader, &[STOP]);
    answer.break_off(broken());
    assert_eq!(lines(answer), ["finish Stop"]);
    let mut answer = heard(Marked, &[STOP]);
    answer.end();
    assert_eq!(lines(answer), truncated);
    let mut answer = heard(Marked, &[STOP]);
    answer.break_off(broken());
    assert_eq!(lines(answer), ["Network broke"]);
    assert_eq!(lines(heard(Marked, &[STOP, "end"])), ["finish Stop"]);
    assert_eq!(lines(heard(Marked, &["end"])), truncated);
}

#[test]
fn a_failure_is_classed_as_the_format_says() {
    let answer = heard(PlainReader, &[r#"{"error":{"type":"busy"}}"#, SAY]);
    assert_eq!(lines(answer), ["Overloaded broke its answer off"]);
}
