//! Makes a history that a model accepts out of whatever is in a log.
//!
//! The log itself is never rewritten: people go on seeing what happened.

use std::collections::{HashMap, HashSet};

use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::{List, Maybe, Text};

/// What a tool is said to have answered when nobody knows whether it ran to its end.
const INTERRUPTED: &str = "this call was interrupted before its result was recorded; it may have had effects";

/// What was different in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repairs {
    /// Calls without a result, which got one.
    pub(crate) calls_answered: usize,
    /// Results that stood too late, put behind their call.
    pub(crate) results_moved: usize,
    /// Results without a call, left out.
    pub(crate) results_dropped: usize,
    /// Error chunks, left out.
    pub(crate) errors_dropped: usize,
    /// Messages with nothing in them that a model may be shown.
    pub(crate) messages_dropped: usize,
}

/// Repairs a history: facts, errors and results without a call are left out, so are assistant messages without words or
/// calls; each call has its result directly behind the message that asked. The order is kept otherwise.
pub(crate) fn reconcile(log: Vec<Message>) -> (Vec<Message>, Repairs) {
    let mut repairs = Repairs::default();
    let messages = presentable(log, &mut repairs);
    let mut answers = Answers::default();
    let messages = answers.take_from(messages, &mut repairs);
    (answers.put_into(messages, &mut repairs), repairs)
}

fn presentable(log: Vec<Message>, repairs: &mut Repairs) -> Vec<Message> {
    let mut kept = Vec::with_capacity(log.len());
    for mut message in log {
        message.chunks.retain(|chunk| !chunk.is_fact());
        let before = message.chunks.len();
        if before == 0 {
            continue;
        }
        message.chunks.retain(|chunk| !matches!(chunk, Chunk::Error { .. }));
        repairs.errors_dropped += before - message.chunks.len();
        if says_something(&message) {
            kept.push(message);
        } else {
            repairs.messages_dropped += 1;
        }
    }
    kept
}

fn says_something(message: &Message) -> bool {
    match message.role {
        Role::Assistant => message.chunks.iter().any(|chunk| match chunk {
            Chunk::Text { text } => !text.is_empty(),
            // What is not known here may be what the model goes by; who asks it leaves out what it does not know.
            Chunk::ToolCall { .. } | Chunk::Unknown(_) => true,
            _ => false,
        }),
        _ => !message.chunks.is_empty(),
    }
}

/// A call by how many were asked for before it in the history.
type CallNumber = usize;

/// Which calls have their result, and the results that stood too late.
#[derive(Default)]
struct Answers {
    settled: HashSet<CallNumber>,
    late: HashMap<CallNumber, Message>,
}

/// Calls without a result so far, by the provider's name for them; each with the message that asked.
///
/// A result belongs to the latest of them: some providers begin to count anew in every step.
#[derive(Default)]
struct OpenCalls {
    asked: CallNumber,
    by_id: HashMap<Text, Vec<(CallNumber, usize)>>,
}

impl OpenCalls {
    fn ask(&mut self, id: &Text, message: usize) {
        self.by_id.entry(id.clone()).or_default().push((self.asked, message));
        self.asked += 1;
    }

    fn answer(&mut self, id: &Text) -> Option<(CallNumber, usize)> {
        self.by_id.get_mut(id)?.pop()
    }
}

impl Answers {
    /// Takes every result out of the messages that does not stand directly behind the message that asked, with
    /// nothing but other results between them.
    fn take_from(&mut self, messages: Vec<Message>, repairs: &mut Repairs) -> Vec<Message> {
        let mut open = OpenCalls::default();
        let mut speaker = None;
        let mut rest = Vec::with_capacity(messages.len());
        for (index, Message { id, role, chunks }) in messages.into_iter().enumerate() {
            if role != Role::Tool {
                speaker = Some(index);
            }
            let mut kept = List::with_capacity(chunks.len());
            for (position, chunk) in chunks.into_iter().enumerate() {
                let Chunk::ToolResult { tool_call_id, .. } = &chunk else {
                    if let Chunk::ToolCall { tool_call_id, .. } = &chunk {
                        open.ask(tool_call_id, index);
                    }
                    kept.push(chunk);
                    continue;
                };
                match open.answer(tool_call_id) {
                    None => repairs.results_dropped += 1,
                    Some((call, asker)) if role == Role::Tool && speaker == Some(asker) => {
                        self.settled.insert(call);
                        kept.push(chunk);
                    }
                    Some((call, _)) => {
                        repairs.results_moved += 1;
                        self.late.insert(call, tool_message(&id, position, chunk));
                    }
                }
            }
            rest.push(Message { id, role, chunks: kept });
        }
        rest
    }

    /// Puts a result directly behind each message that asked for one and has none; leaves out what is empty.
    fn put_into(mut self, messages: Vec<Message>, repairs: &mut Repairs) -> Vec<Message> {
        let mut history = Vec::with_capacity(messages.len());
        let mut call = 0;
        for message in messages {
            let mut answers = Vec::new();
            for (position, chunk) in message.chunks.iter().enumerate() {
                let Some(interrupted) = interrupted(chunk) else { continue };
                if !self.settled.contains(&call) {
                    answers.push(self.late.remove(&call).unwrap_or_else(|| {
                        repairs.calls_answered += 1;
                        tool_message(&message.id, position, interrupted)
                    }));
                }
                call += 1;
            }
            if !message.chunks.is_empty() {
                history.push(message);
            }
            history.extend(answers);
        }
        history
    }
}

/// A message of one result. Its id is made from where it comes from, so that it is the same at every load.
fn tool_message(origin: &Text, position: usize, result: Chunk) -> Message {
    Message { id: format!("{origin}/{position}").into(), role: Role::Tool, chunks: List::from([result]) }
}

/// What stands in for the result of a call; nothing for other chunks.
pub(crate) fn interrupted(chunk: &Chunk) -> Option<Chunk> {
    let Chunk::ToolCall { tool_call_id, tool_name, step_id, .. } = chunk else { return None };
    Some(Chunk::ToolResult {
        tool_call_id: tool_call_id.clone(),
        tool_name: tool_name.clone(),
        content: INTERRUPTED.into(),
        is_error: true,
        step_id: step_id.clone(),
        duration_ms: Maybe::None,
    })
}

#[cfg(test)]
mod tests;
