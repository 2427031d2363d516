//! [`Model`]: a model that calls tools as often as it is asked to, sums up, and looks at what it is shown. One of the tools acts, so
//! that a person is asked before it runs.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::{FinishReason, MODEL, ModelInfo, ModelRequest, ProviderEvent, Usage};
use transom_agent::tool::{Effect, TOOL, ToolDefinition, ToolOutput};
use transom_plugin_api::{List, Maybe, Text};
use transom_testkit::Stand;

/// Tokens that fit into a request: some turns fill them.
const WINDOW: u64 = 1_500;
/// Its tools: one that reads, and one that acts.
const LOOK: &str = "look";
pub(crate) const STEER: &str = "steer";
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
pub(crate) struct Model {
    seen: Mutex<Seen>,
    /// How often each call of the tool that acts has run.
    runs: Mutex<HashMap<Text, u32>>,
}

impl Model {
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often a call has run.
    pub(crate) fn runs_of(&self, tool_call_id: &Text) -> u32 {
        self.runs().get(tool_call_id).copied().unwrap_or_default()
    }

    /// How many calls have run.
    pub(crate) fn all_that_ran(&self) -> usize {
        self.runs().len()
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<Text, u32>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
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
        stand.serve_named(TOOL, LOOK, tool(LOOK, []), |_, _| async {
            tokio::time::sleep(PAUSE).await;
            Ok(ToolOutput::ok("there is water all around ".repeat(10)))
        });
        let (model, steers) = (Arc::clone(self), Effect::Writes { path: "path".into() });
        stand.serve_named(TOOL, STEER, tool(STEER, [steers]), move |call, _| {
            *model.runs().entry(call.tool_call_id).or_default() += 1;
            async {
                tokio::time::sleep(PAUSE).await;
                Ok(ToolOutput::ok("the ship turns"))
            }
        });
    }

    fn answer(&self, request: &ModelRequest) -> Vec<ProviderEvent> {
        let messages = &request.messages[..];
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.requests += 1;
        let faults = orphans(messages);
        seen.faults.extend(faults.into_iter().map(|fault| format!("`{}`: {fault}", request.conversation_id)));
        let first = messages.first().map_or("", |message| message.id.as_str());
        seen.began_with_a_summary += u64::from(first.starts_with("summary/"));
        let is_for_a_summary = messages.last().is_some_and(|last| last.id == "instruction");
        seen.summaries += u64::from(is_for_a_summary);
        let wanted = if is_for_a_summary { Vec::new() } else { Wanted::of(messages).next_step() };
        let reason = if wanted.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
        let call = |(place, name): (usize, &'static str)| {
            let tool_call_id = Text::from(format!("call-{}-{place}", seen.requests));
            let input = json!({ "path": format!("course-{place}") }).into();
            ProviderEvent::ToolCall { tool_call_id, tool_name: name.into(), input }
        };
        let mut said: Vec<ProviderEvent> = wanted.into_iter().enumerate().map(call).collect();
        if said.is_empty() {
            let delta = format!("So it is, {} times. ", seen.requests).repeat(5).into();
            said.push(ProviderEvent::TextDelta { delta });
        }
        let input_tokens = messages.iter().map(tokens).sum();
        let usage = Usage { input_tokens, output_tokens: 20, ..Usage::default() };
        said.extend([ProviderEvent::Usage { usage }, ProviderEvent::Finish { reason }]);
        said
    }
}

fn tool<const N: usize>(name: &str, effects: [Effect; N]) -> ToolDefinition {
    ToolDefinition {
        name: name.into(),
        description: "Looks, or steers.".into(),
        parameters: json!({"type": "object"}).into(),
        concurrency_safe: true,
        effects: Maybe::Some(List::from(effects)),
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

/// What a person still wants; nothing where a summary has taken their words away.
#[derive(Default)]
struct Wanted {
    looks: usize,
    steers: usize,
}

impl Wanted {
    fn of(messages: &[Message]) -> Self {
        let Some(at) = messages.iter().rposition(|message| message.role == Role::User) else {
            return Self::default();
        };
        let said = messages[at].chunks.iter().find_map(|chunk| match chunk {
            Chunk::Text { text } => Some(text.as_str()),
            _ => None,
        });
        let after = |word: &str| {
            let mut words = said.unwrap_or_default().split_whitespace();
            words.find(|other| *other == word).and_then(|_| words.next()?.parse().ok()).unwrap_or(0_usize)
        };
        let chunks = messages[at..].iter().flat_map(|message| message.chunks.iter());
        let made = chunks.filter(|chunk| matches!(chunk, Chunk::ToolResult { .. })).count();
        let (looks, steers) = (after(LOOK), after(STEER));
        Self { looks: looks.saturating_sub(made), steers: (looks + steers).saturating_sub(made.max(looks)) }
    }

    /// It looks once in a step, and steers twice where it can.
    fn next_step(&self) -> Vec<&'static str> {
        match self.looks {
            0 => vec![STEER; self.steers.min(2)],
            _ => vec![LOOK],
        }
    }
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
