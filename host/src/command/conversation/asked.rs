//! [`Asked`]: whoever sits at the terminal answers what a turn asks, by typing the number of a choice.

use std::collections::VecDeque;
use std::io::{IsTerminal, stdin};

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::client::{Client, path};
use crate::terminal::shown;

/// What is asked, and the lines that are typed.
pub(super) struct Asked {
    client: Client,
    lines: UnboundedReceiver<String>,
    /// What went wrong with answers that were given.
    problems: UnboundedReceiver<String>,
    tell: UnboundedSender<String>,
    /// In the order in which it is asked.
    open: VecDeque<Value>,
}

impl Asked {
    /// Listens to the terminal; `None` where there is none.
    pub(super) fn at_terminal(client: &Client) -> Option<Self> {
        let (typed, lines) = unbounded_channel();
        if !stdin().is_terminal() {
            return None;
        }
        // Nobody waits for this thread: it ends with the program, or with what it reads.
        std::thread::spawn(move || {
            for line in stdin().lines().map_while(Result::ok) {
                if typed.send(line).is_err() {
                    return;
                }
            }
        });
        Some(Self::new(client.clone(), lines))
    }

    fn new(client: Client, lines: UnboundedReceiver<String>) -> Self {
        let (tell, problems) = unbounded_channel();
        Self { client, lines, problems, tell, open: VecDeque::new() }
    }

    /// Takes note of a frame.
    pub(super) fn take(&mut self, frame: &Value) {
        match frame["type"].as_str().unwrap_or_default() {
            "question" => self.open.push_back(frame.clone()),
            "answer" => self.open.retain(|asked| asked["questionId"] != frame["questionId"]),
            "done" => self.open.clear(),
            _ => {}
        }
    }

    /// The next thing that is to be said to whoever types; for ever while nothing is. Nothing is lost when it is dropped.
    pub(super) async fn answered(&mut self) -> String {
        loop {
            let line = tokio::select! {
                biased;
                Some(problem) = self.problems.recv() => return problem,
                Some(line) = self.lines.recv() => line,
                else => return std::future::pending().await,
            };
            if let Some(told) = self.take_line(line.trim()) {
                return told;
            }
        }
    }

    /// Takes in what was typed; what is to be said to it, if anything is.
    fn take_line(&self, typed: &str) -> Option<String> {
        let Some(asked) = self.open.front() else {
            let told = "nothing is asked; `transom send` takes further messages";
            return (!typed.is_empty()).then(|| told.to_owned());
        };
        let Some(choice) = choice(asked, typed) else {
            return Some(format!("`{}` is no number of a choice", shown(typed)));
        };
        let (client, tell) = (self.client.clone(), self.tell.clone());
        let id = asked["conversationId"].as_str().unwrap_or_default().to_owned();
        let body = json!({ "questionId": asked["questionId"], "choice": choice });
        tokio::spawn(async move {
            if let Err(problem) = client.post(&path(&["conversations", &id, "answer"], &[]), &body).await {
                // Whoever typed may have gone away.
                let _ = tell.send(shown(&problem.message));
            }
        });
        None
    }
}

fn choice<'a>(asked: &'a Value, typed: &str) -> Option<&'a str> {
    let number: usize = typed.parse().ok()?;
    asked["choices"].get(number.checked_sub(1)?)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_made_by_its_number_alone() {
        let asked = json!({ "choices": ["yes", "no"] });
        for (typed, expected) in
            [("1", Some("yes")), ("2", Some("no")), ("0", None), ("3", None), ("yes", None), ("", None)]
        {
            assert_eq!(choice(&asked, typed), expected, "{typed}");
        }
    }

    #[tokio::test]
    async fn what_is_typed_is_for_the_question_that_came_first() {
        let (typed, lines) = unbounded_channel();
        let mut asked = Asked::new(Client::new("127.0.0.1:1"), lines);
        typed.send("1".to_owned()).unwrap();
        assert!(asked.answered().await.starts_with("nothing is asked"));
        for id in ["a", "b"] {
            asked.take(
                &json!({ "type": "question", "questionId": id, "choices": ["yes"], "conversationId": "c" }),
            );
        }
        asked.take(&json!({ "type": "answer", "questionId": "a" }));
        typed.send("9".to_owned()).unwrap();
        assert_eq!(asked.answered().await, "`9` is no number of a choice");
        assert_eq!(asked.open.front().map(|asked| asked["questionId"].clone()), Some(json!("b")));
        typed.send("1".to_owned()).unwrap();
        assert!(!asked.answered().await.is_empty(), "nobody answers there");
        asked.take(&json!({ "type": "done" }));
        assert!(asked.open.is_empty());
    }
}
