//! What a turn asks, and whoever sits at the terminal and answers it: by the number of a choice, or its first letters.

use std::collections::VecDeque;
use std::io::{IsTerminal, stdin};

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::client::{Client, path};
use crate::terminal::shown;

/// The questions that wait for an answer, in the order in which they were asked.
#[derive(Debug, Default)]
pub(super) struct Open(VecDeque<Value>);

impl Open {
    /// Takes note of a frame. One that was taken before changes nothing: whether it is new.
    pub(super) fn take(&mut self, frame: &Value) -> bool {
        match frame["type"].as_str().unwrap_or_default() {
            "question" if self.0.iter().any(|asked| asked["questionId"] == frame["questionId"]) => {
                return false;
            }
            "question" => self.0.push_back(frame.clone()),
            "answer" => self.0.retain(|asked| asked["questionId"] != frame["questionId"]),
            "done" => self.0.clear(),
            _ => {}
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The lines that are typed, and what becomes of them.
pub(super) struct Asked {
    client: Client,
    lines: UnboundedReceiver<String>,
    /// What went wrong with answers that were given.
    problems: UnboundedReceiver<String>,
    tell: UnboundedSender<String>,
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
        Self { client, lines, problems, tell }
    }

    /// The next thing that is to be said to whoever types; for ever while nothing is. Nothing is lost when it is dropped.
    pub(super) async fn answered(&mut self, open: &Open) -> String {
        loop {
            let line = tokio::select! {
                biased;
                Some(problem) = self.problems.recv() => return problem,
                Some(line) = self.lines.recv() => line,
                else => return std::future::pending().await,
            };
            if let Some(told) = self.take_line(open, line.trim()) {
                return told;
            }
        }
    }

    /// Takes in what was typed; what is to be said to it, if anything is.
    fn take_line(&self, open: &Open, typed: &str) -> Option<String> {
        let Some(asked) = open.0.front() else {
            let told = "nothing is asked; `transom send` takes further messages";
            return (!typed.is_empty()).then(|| told.to_owned());
        };
        let choice = match choice(asked, typed) {
            Ok(choice) => choice,
            Err(problem) => return Some(problem),
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

/// The choice that is meant by its number or its first letters.
fn choice<'a>(asked: &'a Value, typed: &str) -> Result<&'a str, String> {
    let choices: Vec<&str> =
        asked["choices"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let by_number = typed.parse::<usize>().ok().and_then(|number| choices.get(number.checked_sub(1)?));
    let small = typed.to_lowercase();
    let mut begun =
        choices.iter().filter(|choice| !small.is_empty() && choice.to_lowercase().starts_with(&small));
    match (by_number, begun.next(), begun.next()) {
        (Some(choice), ..) | (None, Some(choice), None) => Ok(choice),
        (None, Some(one), Some(other)) => {
            Err(format!("`{}` may be `{}` or `{}`; type the number", shown(typed), shown(one), shown(other)))
        }
        (None, None, _) => Err(format!("`{}` is none of the choices; type the number of one", shown(typed))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_made_by_its_number_or_by_letters_that_only_one_begins_with() {
        let asked = json!({ "choices": ["Allow once", "Allow always", "Deny"] });
        for (typed, expected) in
            [("1", "Allow once"), ("3", "Deny"), ("deny", "Deny"), ("allow a", "Allow always")]
        {
            assert_eq!(choice(&asked, typed), Ok(expected), "{typed}");
        }
        for (typed, expected) in
            [("0", "none"), ("4", "none"), ("yes", "none"), ("", "none"), ("a", "may be")]
        {
            assert!(choice(&asked, typed).unwrap_err().contains(expected), "{typed}");
        }
    }

    #[tokio::test]
    async fn what_is_typed_is_for_the_question_that_came_first() {
        let (typed, lines) = unbounded_channel();
        let (mut asked, mut open) = (Asked::new(Client::new("127.0.0.1:1"), lines), Open::default());
        typed.send("1".to_owned()).unwrap();
        assert!(asked.answered(&open).await.starts_with("nothing is asked"));
        for (id, is_new) in [("a", true), ("b", true), ("b", false)] {
            let question =
                json!({ "type": "question", "questionId": id, "choices": ["yes"], "conversationId": "c" });
            assert_eq!(open.take(&question), is_new);
        }
        open.take(&json!({ "type": "answer", "questionId": "a" }));
        typed.send("9".to_owned()).unwrap();
        assert_eq!(asked.answered(&open).await, "`9` is none of the choices; type the number of one");
        assert_eq!(open.0.front().map(|asked| asked["questionId"].clone()), Some(json!("b")));
        typed.send("1".to_owned()).unwrap();
        assert!(!asked.answered(&open).await.is_empty(), "nobody answers there");
        open.take(&json!({ "type": "done" }));
        assert!(open.is_empty());
    }
}
