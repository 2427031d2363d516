//! Counts the words of conversations.
//!
//! Hears [`SETTLED`] and counts the words of each answer; links [`INPUT`] and adds to each message how long it is;
//! serves the tool `count_words` and the route `GET /x/word-count`. When it is reloaded it hands its counts over; it does not
//! keep them over a restart.

use std::future::ready;
use std::sync::{Arc, Mutex};

use serde_json::json;
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_agent::tool::{TOOL, ToolCall, ToolDefinition, ToolOutput};
use transom_agent::turn::{INPUT, SETTLED, TurnInput, TurnSettled};
use transom_plugin_api::prelude::*;

/// What an operator may set.
#[derive(Settings)]
pub struct WordCount {
    /// Whether ` (N words)` is added to what a person says.
    #[setting(default = true)]
    annotate: bool,
}

/// The points it touches; nothing else is within its reach.
#[derive(Ports)]
pub struct WordCountPorts {
    #[hears(SETTLED)]
    settled: Listener<TurnSettled>,
    #[links(INPUT)]
    input: Link<TurnInput>,
    #[serves(TOOL, names = ["count_words"])]
    tool: Server<ToolCall, ToolOutput, ToolDefinition>,
    #[serves(HTTP_ROUTE, names = ["GET /x/word-count"])]
    route: Server<HttpRequest, HttpReply, HttpRoute>,
}

impl Plugin for WordCount {
    type Ports = WordCountPorts;

    async fn start(self, ports: WordCountPorts, host: Host) -> Result<(), StartError> {
        let tally = host.handed_over::<Tally>()?.unwrap_or_default();
        let counts = Arc::new(Counts::new(tally));
        let left = Arc::clone(&counts);
        host.hand_over(move || ready(Ok(left.lock().expect("counting does not panic").clone())));
        let heard = Arc::clone(&counts);
        ports.settled.inline(move |turn, _| add(&heard, turn))?;
        if self.annotate {
            ports.input.link(|input, _| ready(Ok(annotated(input))))?;
        }
        ports.tool.serve_named("count_words", count_words(), |call, _| ready(Ok(counted(&call.input))))?;
        let about = HttpRoute::new("Words of the answers in each conversation");
        ports.route.serve_named("GET /x/word-count", about, move |_, _| ready(Ok(report(&counts))))
    }
}

export_plugin!(WordCount, id = "word-count");

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

fn annotated(input: TurnInput) -> TurnInput {
    let text = format!("{} ({} words)", input.text, words(&input.text)).into();
    TurnInput { text, ..input }
}

fn count_words() -> ToolDefinition {
    let text = json!({"type": "string"});
    ToolDefinition {
        name: "count_words".into(),
        description: "Counts the words of a text.".into(),
        parameters: json!({"type": "object", "properties": {"text": text}, "required": ["text"]}).into(),
        concurrency_safe: true,
        effects: Maybe::Some(List::new()),
    }
}

fn counted(input: &Json) -> ToolOutput {
    match input.value()["text"].as_str() {
        Some(text) => ToolOutput::ok(words(text).to_string()),
        None => ToolOutput::error("`text` is missing, expected the text to count"),
    }
}

/// Words of the answers so far; what one generation leaves to the next.
#[contract]
#[derive(Default)]
pub struct Tally {
    /// By conversation.
    pub words: Map<u64>,
}

type Counts = Mutex<Tally>;

fn add(counts: &Counts, turn: &TurnSettled) {
    let mut counts = counts.lock().expect("counting does not panic");
    let so_far = counts.words.get(&turn.conversation_id).copied().unwrap_or_default();
    counts.words.insert(turn.conversation_id.clone(), so_far + words(&turn.answer));
}

fn report(counts: &Counts) -> HttpReply {
    let counts = counts.lock().expect("counting does not panic");
    let total: u64 = counts.words.iter().map(|(_, words)| words).sum();
    HttpReply::ok(json!({"conversations": counts.words, "total": total}))
}

#[cfg(test)]
mod tests;
