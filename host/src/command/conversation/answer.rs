//! `transom answer`: the questions a turn waits for, and answers to them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use clap::Args;
use serde_json::{Value, json};

use super::identity::find;
use super::pages::look_back;
use super::view::question;
use super::{Failure, One, host, tell};
use crate::client::{Client, path};
use crate::command::status::list;
use crate::program::{Common, DONE};
use crate::terminal::{counted, note};

/// Answer a question that a turn waits for, or list those that are open
#[derive(Args)]
#[command(after_help = "Examples:\n  transom answer 1e1d\n  transom answer 1e1d q-1 yes")]
pub(crate) struct Arguments {
    #[command(flatten)]
    one: One,
    /// The question's id; all that are open are listed when it is left out
    #[arg(requires = "choice")]
    question: Option<String>,
    /// One of the answers there are
    choice: Option<String>,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<u8, Failure> {
    let host = host(common)?;
    let id = find(&host.client, &arguments.one.id).await?;
    let Some((question_id, choice)) = arguments.question.as_ref().zip(arguments.choice.as_ref()) else {
        return listed(common, &host.client, &id).await;
    };
    let body = json!({ "questionId": question_id, "choice": choice });
    let answered = host.client.post(&path(&["conversations", &id, "answer"], &[]), &body).await?;
    tell(common, &answered, |answered| match answered["open"].as_u64().unwrap_or_default() {
        0 => "answered; the turn goes on\n".to_owned(),
        open => format!(
            "answered; {} still open\n",
            counted(usize::try_from(open).unwrap_or(usize::MAX), "question")
        ),
    });
    Ok(DONE)
}

async fn listed(common: &Common, client: &Client, id: &str) -> Result<u8, Failure> {
    let mut open = Open::default();
    look_back(client, id, |chunk| open.look(chunk)).await?;
    let open: Vec<Value> = open.questions.into_iter().rev().collect();
    if !common.json && open.is_empty() {
        note("nothing is asked");
    }
    let document = json!({ "conversationId": id, "questions": open });
    tell(common, &document, |document| {
        let told = |one: &Value| {
            let mut one = one.clone();
            one["conversationId"] = id.into();
            question(&one, |words| common.again(words)) + "\n"
        };
        list(document, "questions").map(told).collect()
    });
    Ok(DONE)
}

/// The questions of the last turn that nobody has answered, from the last to the first.
#[derive(Default)]
struct Open {
    answered: BTreeSet<String>,
    questions: Vec<Value>,
}

impl Open {
    fn look(&mut self, chunk: &Value) -> ControlFlow<()> {
        let chunk = &chunk["chunk"];
        let question_id = chunk["questionId"].as_str().unwrap_or_default();
        match chunk["type"].as_str().unwrap_or_default() {
            "turn-start" | "turn-end" => return ControlFlow::Break(()),
            "answer" => {
                self.answered.insert(question_id.to_owned());
            }
            "question" if !self.answered.contains(question_id) => self.questions.push(chunk.clone()),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_questions_of_a_turn_that_waits_are_open() {
        let question = |id: &str| json!({ "type": "question", "questionId": id });
        let log = [
            json!({ "type": "turn-start" }),
            question("before"),
            json!({ "type": "turn-end" }),
            json!({ "type": "turn-start" }),
            question("a"),
            question("b"),
            question("c"),
            json!({ "type": "answer", "questionId": "b" }),
        ];
        let mut open = Open::default();
        let _ = log.iter().rev().try_for_each(|chunk| open.look(&json!({ "chunk": chunk })));
        assert_eq!(open.questions, [question("c"), question("a")]);
        let mut over = Open::default();
        let _ = log[..3].iter().rev().try_for_each(|chunk| over.look(&json!({ "chunk": chunk })));
        assert_eq!(over.questions, Vec::<Value>::new());
    }
}
