//! [`Model`]: a model that calls a tool as often as it is asked to, sums up, and looks at what it is shown.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::{FinishReason, MODEL, ModelInfo, ModelRequest, ProviderEvent, Usage};
use transom_agent::tool::{TOOL, ToolDefinition, ToolOutput};
use transom_plugin_api::{List, Maybe, Text};
use transom_testkit::Stand;

/// Tokens that fit into a request: some turns fill them.
const WINDOW: u64 = 1_500;
/// How long it thinks before each answer, so that others get in between.
const PAUSE: Duration = Duration::from_millis(1);

/// What it has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) summaries: u64,
    pub(crate) began_with_a_summary: u64,
    pub(crate) faults: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Model(Mutex<Seen>);

impl Model {
    pub(crate) fn seen(&self) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn put_on(self: &Arc<Self>, stand: &Stand) {
        let model = Arc::clone(self);
        let about = ModelInfo { context_window: Maybe::Some(WINDOW), ..ModelInfo::default() };
        stand.serve_stream_named(MODEL, "test/model", about, move |request: ModelRequest, mut items, _| {
            let events = model.answer(&request);
            async move {
                tokio::time::sleep(PAUSE).await;
                for event in events {
                    items.send(event).await;
                }
                Ok(())
            }
        });
        let definition = ToolDefinition {
            name: "look".into(),
            description: "Looks.".into(),
            parameters: json!({"type": "object"}).into(),
            concurrency_safe: true,
            effects: Maybe::Some(List::new()),
        };
        stand.serve_named(TOOL, "look", definition, |_, _| async {
            tokio::time::sleep(PAUSE).await;
            Ok(ToolOutput::ok("there is water all around ".repeat(10)))
        });
    }

    fn answer(&self, request: &ModelRequest) -> Vec<ProviderEvent> {
        let messages = &request.messages[..];
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.requests += 1;
        let faults = orphans(messages);
        seen.faults.extend(faults.into_iter().map(|fault| format!("`{}`: {fault}", request.conversation_id)));
        let first = messages.first().map_or("", |message| message.id.as_str());
        seen.began_with_a_summary += u64::from(first.starts_with("summary/"));
        let is_for_a_summary = messages.last().is_some_and(|last| last.id == "instruction");
        seen.summaries += u64::from(is_for_a_summary);
        let said = if is_for_a_summary || calls_left(messages) == 0 {
            ProviderEvent::TextDelta {
                delta: format!("So it is, {} times. ", seen.requests).repeat(5).into(),
            }
        } else {
            let tool_call_id = Text::from(format!("call-{}", seen.requests));
            ProviderEvent::ToolCall { tool_call_id, tool_name: "look".into(), input: json!({}).into() }
        };
        let is_call = matches!(said, ProviderEvent::ToolCall { .. });
        let reason = if is_call { FinishReason::ToolCalls } else { FinishReason::Stop };
        let input_tokens = messages.iter().map(tokens).sum();
        let usage = Usage { input_tokens, output_tokens: 20, ..Usage::default() };
        vec![said, ProviderEvent::Usage { usage }, ProviderEvent::Finish { reason }]
    }
}

fn tokens(message: &Message) -> u64 {
    let bytes = |chunk: &Chunk| match chunk {
        Chunk::Text { text } => text.len(),
        Chunk::ToolResult { content, .. } => content.len(),
        _ => 20,
    };
    message.chunks.iter().map(bytes).sum::<usize>() as u64 / 4
}

/// How many calls the person still wants; none where a summary has taken their words away.
fn calls_left(messages: &[Message]) -> usize {
    let Some(at) = messages.iter().rposition(|message| message.role == Role::User) else { return 0 };
    let wanted = messages[at].chunks.iter().find_map(|chunk| match chunk {
        Chunk::Text { text } => text.strip_prefix("look ")?.split_whitespace().next()?.parse().ok(),
        _ => None,
    });
    let made = messages[at..].iter().filter(|message| message.role == Role::Tool).count();
    wanted.unwrap_or(0_usize).saturating_sub(made)
}

/// What no provider would take: results of no call, calls without a result right behind them, messages that are there twice.
fn orphans(messages: &[Message]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut open: HashSet<&str> = HashSet::new();
    let mut ids = HashSet::new();
    for message in messages {
        if !ids.insert(message.id.as_str()) {
            faults.push(format!("message `{}` is shown twice", message.id));
        }
        if message.role != Role::Tool && !open.is_empty() {
            faults.push(format!("`{}` stands between calls and their results", message.id));
            open.clear();
        }
        for chunk in &message.chunks {
            match chunk {
                Chunk::ToolCall { tool_call_id, .. } => drop(open.insert(tool_call_id)),
                Chunk::ToolResult { tool_call_id, .. } if !open.remove(tool_call_id.as_str()) => {
                    faults.push(format!("`{tool_call_id}` is answered and was not asked"));
                }
                _ => {}
            }
        }
    }
    faults.extend(open.iter().map(|call| format!("`{call}` is not answered")));
    if messages.first().is_some_and(|first| first.role != Role::User) {
        faults.push("it does not begin with a person".to_owned());
    }
    faults
}
