//! [`View`]: the frames of turns as a person or a program sees them.

use serde_json::Value;
use transom_agent::event::Cursor;

use super::asked::{Asked, Open};
use super::taken_back::Standing;
use crate::client::{Client, Events, Next};
use crate::program::{Common, DONE, FAILED};
use crate::terminal::{aside, complain, counted, now, print, print_aside, shown};

/// What is shown of the frames.
pub(crate) struct View<'a> {
    common: &'a Common,
    reasoning: bool,
    /// Whether it is shown what the person says, and how turns end that end well.
    whole: bool,
    /// Where a line was begun and not ended.
    in_line: Option<Line>,
    standing: Standing,
    /// What is said once everything up to a place was shown.
    at: Option<(Cursor, String)>,
    /// What waits for an answer.
    open: Open,
    /// Whoever may answer here.
    asked: Option<Asked>,
}

/// A line of what the model says, or of what a tool prints while it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    Said,
    Printed,
}

impl<'a> View<'a> {
    /// The answer to somebody who has asked.
    pub(crate) fn of_answer(common: &'a Common, reasoning: bool) -> Self {
        Self {
            common,
            reasoning,
            whole: false,
            in_line: None,
            standing: Standing::default(),
            at: None,
            open: Open::default(),
            asked: None,
        }
    }

    /// Everything, for somebody who looks on and has seen what stands up to a cursor.
    pub(crate) fn of_everything(common: &'a Common, reasoning: bool, after: Option<Cursor>) -> Self {
        Self { whole: true, standing: Standing::after(after), ..Self::of_answer(common, reasoning) }
    }

    /// Has questions answered by whoever sits in front of it, where somebody does.
    pub(crate) fn asking(mut self, client: &Client) -> Self {
        self.asked = (!self.common.json).then(|| Asked::at_terminal(client)).flatten();
        self
    }

    /// Whether the turn waits for a person.
    pub(crate) fn waits_for_an_answer(&self) -> bool {
        !self.open.is_empty()
    }

    /// Has something said once everything up to that place was shown.
    pub(crate) fn say_at(&mut self, place: Cursor, line: String) {
        self.at = Some((place, line));
    }

    /// Shows what comes, and answers how the last turn ended.
    pub(crate) async fn follow(&mut self, events: &mut Events) -> Result<u8, String> {
        let mut code = FAILED;
        loop {
            let next = match &mut self.asked {
                None => events.next().await?,
                Some(asked) => tokio::select! {
                    biased;
                    next = events.next() => next?,
                    told = asked.answered(&self.open) => {
                        self.remark(&told);
                        continue;
                    }
                },
            };
            match next {
                Next::Frame(frame) => {
                    if frame["type"] == "done" {
                        code = if frame["reason"] == "stop" { DONE } else { FAILED };
                    }
                    self.show(&frame);
                }
                Next::Broken(why) => {
                    self.remark(&format!("the stream broke off: {}; waiting for the host", shown(&why)))
                }
                Next::Back => self.remark("the host is there; the stream goes on"),
                Next::End => {
                    self.end_line();
                    return Ok(code);
                }
            }
        }
    }

    /// Ends a line that was begun.
    pub(crate) fn end_line(&mut self) {
        match self.in_line.take() {
            Some(Line::Said) => print("\n"),
            Some(Line::Printed) => print_aside("\n"),
            None => {}
        }
    }

    /// Says something beside what is shown.
    fn remark(&mut self, line: &str) {
        self.end_line();
        aside(line);
    }

    fn show(&mut self, frame: &Value) {
        let is_new = self.open.take(frame);
        if self.common.json {
            return print(&format!("{frame}\n"));
        }
        if !is_new {
            return;
        }
        let is_shown = frame["type"] != "reasoning-delta" || self.reasoning;
        if let Some(line) = self.standing.take(frame, is_shown).told() {
            self.remark(&line);
        }
        match self.shown_as(frame) {
            Shown::Text(text) => self.go_on(Line::Said, &text, print),
            Shown::Print(text) => self.go_on(Line::Printed, &text, print_aside),
            Shown::Aside(line) => self.remark(&line),
            Shown::Error(line) => {
                self.end_line();
                complain(&line);
            }
            Shown::End => self.end_line(),
            Shown::Nothing => {}
        }
        if let Some((_, line)) = self.at.take_if(|(place, _)| has_reached(frame, *place)) {
            self.remark(&line);
        }
    }

    /// Shows a piece of a line behind what was shown of it.
    fn go_on(&mut self, line: Line, text: &str, print: fn(&str)) {
        if self.in_line.is_some_and(|begun| begun != line) {
            self.end_line();
        }
        print(text);
        self.in_line = (!text.ends_with('\n')).then_some(line);
    }

    fn shown_as(&self, frame: &Value) -> Shown {
        let text = |key: &str| shown(frame[key].as_str().unwrap_or_default());
        match frame["type"].as_str().unwrap_or_default() {
            "text-delta" => Shown::Text(text("delta")),
            "user-message" if self.whole => Shown::Aside(quoted(&text("text"))),
            "steering" => Shown::Aside(quoted(&text("text"))),
            "reasoning-delta" if self.reasoning => Shown::Aside(text("delta")),
            "tool-call" => {
                Shown::Aside(format!("[{}] {}", text("toolName"), shown(&frame["input"].to_string())))
            }
            "tool-output" => Shown::Print(text("data")),
            "tool-result" if frame["isError"] == true => {
                Shown::Error(format!("[{}] failed: {}", text("toolName"), text("content")))
            }
            "tool-result" => {
                let lines = frame["content"].as_str().unwrap_or_default().lines().count();
                Shown::Aside(format!("[{}] answered, {}", text("toolName"), counted(lines, "line")))
            }
            "provider-retry" => {
                let seconds = frame["delayMs"].as_u64().unwrap_or_default().div_ceil(1_000);
                let then = if seconds == 0 { "now".to_owned() } else { format!("in {seconds} s") };
                Shown::Aside(format!("{}; the model is asked again {then}", text("message")))
            }
            "queued" => Shown::Aside(queued(frame)),
            "question" => {
                let is_answered_here = self.asked.is_some();
                Shown::Aside(question(frame, is_answered_here, |words| self.common.again(words)))
            }
            "answer" => Shown::Aside(format!("answered: {}", text("choice"))),
            "snapshot-required" => Shown::Aside(
                "too much was missed to be shown; `transom show` tells it, and what comes now follows"
                    .to_owned(),
            ),
            "error" => Shown::Error(format!("error: {}", text("message"))),
            "done" if frame["reason"] != "stop" => {
                Shown::Error(format!("the turn ended: {}", text("reason")))
            }
            "turn-sealed" => Shown::End,
            _ => Shown::Nothing,
        }
    }
}

/// What a request waits for: the end of a pause, or its turn.
fn queued(frame: &Value) -> String {
    let paused_ms = frame["pausedUntil"].as_i64().unwrap_or_default().saturating_sub(now());
    if paused_ms > 0 {
        let seconds = paused_ms / 1_000 + 1;
        return format!("the provider wants to be left alone for another {seconds} s; then it is asked");
    }
    match frame["ahead"].as_u64().unwrap_or_default() {
        0 => "the model has no room for this request yet; it is the next".to_owned(),
        ahead => format!("the model has no room for this request yet; {ahead} are in front"),
    }
}

/// Whether this is the frame at a place or one behind it, or nothing comes before what happens next.
fn has_reached(frame: &Value, place: Cursor) -> bool {
    let reached =
        (frame["generation"].as_u64().unwrap_or_default(), frame["position"].as_i64().unwrap_or_default());
    frame["type"] == "snapshot-required" || reached >= (u64::from(place.generation), place.position)
}

/// A question, its choices by their numbers, and how it is answered. `again` makes a command line of words for this host.
fn question(of: &Value, is_answered_here: bool, again: impl Fn(&str) -> String) -> String {
    let mut told = shown(of["text"].as_str().unwrap_or_default());
    let choices = of["choices"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for (number, choice) in (1..).zip(choices) {
        told += &format!("\n  {number}  {}", shown(choice));
    }
    let id = of["conversationId"].as_str().unwrap_or("ID");
    let elsewhere = again(&format!("answer {id} NUMBER"));
    told + &match is_answered_here {
        true => format!("\ntype a number; elsewhere: {elsewhere}"),
        false => format!("\nanswer with: {elsewhere}"),
    }
}

/// A word as a shell reads it.
pub(crate) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}

#[derive(Debug, PartialEq)]
enum Shown {
    Text(String),
    /// Of a tool that runs.
    Print(String),
    Aside(String),
    Error(String),
    /// Of a line.
    End,
    Nothing,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(frame: Value, expected: &str) {
        let common = Common::default();
        let found = match View::of_answer(&common, false).shown_as(&frame) {
            Shown::Text(text) => format!("text {text}"),
            Shown::Print(text) => format!("print {text}"),
            Shown::Aside(line) => format!("aside {line}"),
            Shown::Error(line) => format!("error {line}"),
            Shown::End => "end".to_owned(),
            Shown::Nothing => "nothing".to_owned(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn words_calls_and_errors_are_told_apart() {
        check(json!({"type":"text-delta","delta":"hi"}), "text hi");
        check(json!({"type":"tool-output","data":"comp"}), "print comp");
        check(json!({"type":"reasoning-delta","delta":"hm"}), "nothing");
        check(json!({"type":"user-message","text":"hello"}), "nothing");
        check(json!({"type":"steering","text":"go\non"}), "aside > go\n> on");
        check(
            json!({"type":"tool-call","toolName":"read_file","input":{"path":"a"}}),
            r#"aside [read_file] {"path":"a"}"#,
        );
        check(
            json!({"type":"tool-result","toolName":"read_file","content":"a\nb","isError":false}),
            "aside [read_file] answered, 2 lines",
        );
        check(
            json!({"type":"tool-result","toolName":"read_file","content":"no","isError":true}),
            "error [read_file] failed: no",
        );
        check(
            json!({"type":"provider-retry","message":"overloaded","delayMs":1500}),
            "aside overloaded; the model is asked again in 2 s",
        );
        check(
            json!({"type":"provider-retry","message":"too many","delayMs":0}),
            "aside too many; the model is asked again now",
        );
        let told = "aside the model has no room for this request yet;";
        check(json!({"type":"queued","ahead":2}), &format!("{told} 2 are in front"));
        check(json!({"type":"queued","ahead":0}), &format!("{told} it is the next"));
        check(json!({"type":"queued","ahead":0,"pausedUntil":5}), &format!("{told} it is the next"));
        let until = now() + 59_500;
        let told = "aside the provider wants to be left alone for another 60 s; then it is asked";
        check(json!({"type":"queued","ahead":0,"pausedUntil":until}), told);
        check(json!({"type":"error","message":"gone"}), "error error: gone");
        check(json!({"type":"done","reason":"max-steps"}), "error the turn ended: max-steps");
        check(json!({"type":"turn-sealed"}), "end");
        check(json!({"type":"of-tomorrow"}), "nothing");
    }

    #[test]
    fn a_question_says_how_it_is_answered() {
        check(
            json!({"type":"question","conversationId":"c","questionId":"q1","text":"Sure?","choices":["yes","not now"]}),
            "aside Sure?\n  1  yes\n  2  not now\nanswer with: transom answer c NUMBER",
        );
    }

    #[test]
    fn a_question_is_shown_once_and_waits_until_it_is_answered() {
        let common = Common::default();
        let mut view = View::of_answer(&common, false);
        let question = json!({"type":"question","conversationId":"c","questionId":"q1","text":"Sure?","choices":["yes"]});
        view.show(&question);
        assert!(view.waits_for_an_answer());
        view.show(&json!({"type":"answer","questionId":"q1","choice":"yes"}));
        assert!(!view.waits_for_an_answer());
        assert!(
            super::question(&question, true, str::to_owned)
                .ends_with("type a number; elsewhere: answer c NUMBER")
        );
    }

    #[test]
    fn what_a_model_says_cannot_drive_the_terminal() {
        check(json!({"type":"text-delta","delta":"\u{1b}[2Jboo"}), "text \\u{1b}[2Jboo");
    }
}
