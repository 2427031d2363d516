//! The pages for people who write clients say what a host does: their examples are run, their tables compared.

mod page;
mod screen;
mod shell;
mod shown;
mod socket;
mod stage;
mod tables;
mod wire;

use std::collections::HashMap;

use self::page::{Example, Said, Step, examples};
use self::shell::Asked;
use self::shown::{LEAVES, compare};
use self::socket::Socket;
use self::stage::{PATIENCE, Stage};
use self::wire::Answer;

/// The pages, in the order in which their examples are run.
const PAGES: [&str; 3] = ["docs/guide/clients.md", "docs/guide/http.md", "docs/guide/websocket.md"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_gets_the_answer_that_is_shown() {
    let stage = Stage::new().await;
    let mut reader = Reader::at(&stage).await;
    let (all, mut wrong) = (PAGES.into_iter().flat_map(examples).collect::<Vec<_>>(), Vec::new());
    assert!(all.len() > 12, "the pages show more than {} examples", all.len());
    for example in &all {
        let followed = tokio::time::timeout(PATIENCE, reader.follow(example)).await;
        let outcome = followed.unwrap_or_else(|_| Err("it waits for ever".to_owned()));
        wrong.extend(outcome.err().map(|problem| format!("{}: {problem}", example.place)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    stage.stop().await;
}

/// Somebody who types what stands on a page.
struct Reader {
    http: String,
    ws: String,
    variables: HashMap<&'static str, String>,
}

impl Reader {
    async fn at(stage: &Stage) -> Self {
        let (http, ws) = (stage.address("http").await, stage.address("ws").await);
        let json = "Content-Type: application/json".to_owned();
        let variables = HashMap::from([("H", format!("http://{http}")), ("J", json)]);
        Self { http, ws, variables }
    }

    async fn follow(&mut self, example: &Example) -> Result<(), String> {
        let mut socket = None;
        for Step { said, shown } in &example.steps {
            let outcome = match said {
                Said::Line(line) => self.type_line(line, shown).await,
                Said::Message(message) => {
                    let socket = match &mut socket {
                        Some(socket) => socket,
                        none => none.insert(Socket::open(&self.ws).await),
                    };
                    converse(socket, message, shown).await
                }
            };
            outcome.map_err(|problem| format!("{said:?} {problem}"))?;
        }
        Ok(())
    }

    async fn type_line(&mut self, line: &str, shown: &[String]) -> Result<(), String> {
        let asked = Asked::read(line, &self.variables)?;
        let mut shown = shown.to_vec();
        for line in &mut shown {
            *line = line.replace("127.0.0.1:24203", &self.http);
        }
        let mut answer = Remembering { answer: Answer::to(&asked, &self.http).await, ids: HashMap::new() };
        let outcome = compare(&shown, &mut answer).await;
        self.variables.extend(answer.ids);
        outcome
    }
}

async fn converse(socket: &mut Socket, message: &str, shown: &[String]) -> Result<(), String> {
    socket.skips_news = !shown.iter().any(|line| line.contains("conversation."));
    socket.send(message).await;
    // A connection does not end by itself.
    let mut shown = shown.to_vec();
    shown.push(LEAVES.to_owned());
    compare(&shown, socket).await
}

/// Ids that pages refer to later: what they are called in an answer, and on a page behind a `$`.
const IDS: [(&str, &str); 2] = [("\"messageId\":\"", "M"), ("\"questionId\":\"", "Q")];

/// An answer of which the last ids are remembered.
struct Remembering {
    answer: Answer,
    ids: HashMap<&'static str, String>,
}

impl shown::Lines for Remembering {
    async fn next(&mut self) -> Option<String> {
        let line = self.answer.next().await?;
        for (field, name) in IDS {
            let id = line.split_once(field).and_then(|(_, rest)| rest.split('"').next());
            self.ids.extend(id.map(|id| (name, id.to_owned())));
        }
        Some(line)
    }
}
