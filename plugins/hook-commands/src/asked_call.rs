//! What a call is given about which a person is asked: the question does not tell it, the log does.

use serde_json::Value;
use transom_agent::log::{Chunks, Read};
use transom_agent::message::Chunk;
use transom_agent::question::OpenQuestion;
use transom_agent::refusal::shown;
use transom_plugin_api::{CallError, Caller, Json, Maybe};

/// Chunks of a log that are read at a time, and how often at most: a call stands shortly before what is asked about it.
const PAGE: u32 = 100;
const MOST_PAGES: usize = 20;
/// Characters of an id in an error.
const SHOWN: usize = 100;

/// What the call of a question is going to be given.
///
/// # Errors
/// When the log cannot be read, or does not tell.
pub(crate) async fn input(read: &Caller<Read, Chunks>, question: &OpenQuestion) -> Result<Value, CallError> {
    let mut search = Search { question, is_behind: true };
    let mut before_seq = Maybe::None;
    for _ in 0..MOST_PAGES {
        let conversation_id = question.conversation_id.clone();
        let page = Read { conversation_id, before_seq, limit: Maybe::Some(PAGE), ..Read::default() };
        let page = read.call(page).await?;
        if let Some(input) = page.chunks.iter().rev().find_map(|stored| search.take(&stored.chunk)) {
            return Ok(input.value());
        }
        let Some(first) = page.chunks.first() else { break };
        before_seq = Maybe::Some(first.seq);
    }
    let id = shown(&question.question_id, SHOWN);
    Err(CallError::not_found(format!("the log does not tell what question `{id}` is about")))
}

/// Looks through a log from its end.
struct Search<'a> {
    question: &'a OpenQuestion,
    /// Whether what comes stands behind the question: a later call may have the same id.
    is_behind: bool,
}

impl Search<'_> {
    /// What the call is given, once that is reached: a change of it stands behind what the model wrote.
    fn take(&mut self, chunk: &Chunk) -> Option<Json> {
        let is_meant = |id| self.question.tool_call_id.as_ref() == Some(id);
        match chunk {
            Chunk::Question { question_id, .. } if *question_id == self.question.question_id => {
                self.is_behind = false;
                None
            }
            Chunk::ToolCall { tool_call_id, input, .. } | Chunk::InputChanged { tool_call_id, input }
                if !self.is_behind && is_meant(tool_call_id) =>
            {
                Some(input.clone())
            }
            _ => None,
        }
    }
}
