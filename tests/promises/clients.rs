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

/// Pages of plugins, and of what they do together: some of their examples are for a terminal of the operator's, and not followed here.
const FURTHER_PAGES: [&str; 7] = [
    "docs/guide/permissions.md",
    "docs/plugins/permissions.md",
    "docs/plugins/todo.md",
    "docs/plugins/surface-registry.md",
    "docs/plugins/hook-commands.md",
    "docs/plugins/trust.md",
    "docs/plugins/mcp.md",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_gets_the_answer_that_is_shown() {
    let all: Vec<Example> = PAGES.into_iter().flat_map(examples).collect();
    assert!(all.len() > 12, "the pages show more than {} examples", all.len());
    follow(Stage::new().await, &all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_on_the_page_of_a_plugin_gets_the_answer_that_is_shown() {
    follow(Stage::with_further().await, &requests_of_plugins()).await;
}

#[test]
fn every_route_of_the_plugins_that_ask_people_and_show_them_something_is_tried_on_a_page() {
    let pages = PAGES.into_iter().flat_map(examples).chain(requests_of_plugins());
    let lines = pages.flat_map(|example| example.steps).filter_map(|step| step.said.into_line());
    let stand_in = |name| (name, "http://host".to_owned());
    let variables = HashMap::from(["H", "J", "M", "Q", "I"].map(stand_in));
    let tried: Vec<Asked> = lines
        .map(|line| Asked::read(&line.replace("$J", "a: b"), &variables).expect("it is a line with `curl`"))
        .collect();
    let routes = stage::routes_of_further();
    assert!(routes.len() > 15, "{routes:?}");
    let untried: Vec<_> =
        routes.iter().filter(|route| !tried.iter().any(|asked| asked.is_for(route))).collect();
    assert!(untried.is_empty(), "no page tries {untried:?}");
}

/// The examples of the further pages that somebody follows who has nothing but `curl`.
fn requests_of_plugins() -> Vec<Example> {
    let all: Vec<Example> = FURTHER_PAGES.into_iter().flat_map(examples).collect();
    let is_of_curl =
        |example: &Example| matches!(&example.steps[0].said, Said::Line(line) if line.starts_with("curl "));
    let requests: Vec<Example> = all.into_iter().filter(is_of_curl).collect();
    let silent: Vec<_> = FURTHER_PAGES
        .iter()
        .filter(|page| !requests.iter().any(|example| example.place.starts_with(**page)))
        .collect();
    assert!(silent.is_empty(), "{silent:?} have no request to try");
    requests
}

async fn follow(stage: Stage, all: &[Example]) {
    let (mut reader, mut wrong) = (Reader::at(&stage).await, Vec::new());
    for example in all {
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
    /// The folder that is called `/home/ana/ship` on the pages.
    folder: String,
    variables: HashMap<&'static str, String>,
}

impl Reader {
    async fn at(stage: &Stage) -> Self {
        let (http, ws) = (stage.address("http").await, stage.address("ws").await);
        let json = "Content-Type: application/json".to_owned();
        let variables = HashMap::from([("H", format!("http://{http}")), ("J", json)]);
        Self { http, ws, folder: stage.folder(), variables }
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
        let here =
            |line: &str| line.replace("127.0.0.1:24203", &self.http).replace("/home/ana/ship", &self.folder);
        let asked = Asked::read(&here(line), &self.variables)?;
        let shown: Vec<String> = shown.iter().map(|line| here(line)).collect();
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
const IDS: [(&str, &str); 3] = [("\"messageId\":\"", "M"), ("\"questionId\":\"", "Q"), ("{\"id\":\"", "I")];

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
