//! The rule: what of a conversation is summed up, and what is kept as it is.
//!
//! The newest part is kept, as many tokens as are wished; it begins with a message of a person or a model, so that no call is parted
//! from its result.

#[cfg(test)]
mod tests;

use transom_agent::compaction::SUMMARY_ID;
use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::sabotage::sabotaged;

/// Bytes of a token, where nobody has counted.
pub(crate) const BYTES_OF_A_TOKEN: u64 = 4;
/// Bytes that a message takes besides what is said in it.
const BYTES_OF_A_MESSAGE: u64 = 16;
/// Messages that are worth a summary.
const LEAST: usize = 2;

/// Where a conversation is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The first message that is kept.
    pub(crate) at: usize,
    /// Tokens of what is kept, estimated.
    pub(crate) kept_tokens: u64,
}

/// Why a conversation is not cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uncut {
    /// It fits into what is to be kept.
    Short,
    /// All of it is one step.
    Whole,
}

/// Cuts so that at most `keep_tokens` are kept, but at least the newest step. `tokens` are those of all of it, where they were
/// counted.
///
/// # Errors
/// Why there is nothing to be summed up.
pub(crate) fn cut(messages: &[Message], keep_tokens: u64, tokens: Option<u64>) -> Result<Cut, Uncut> {
    let sizes: Vec<u64> = messages.iter().map(size).collect();
    let whole: u64 = sizes.iter().sum();
    // What was counted knows the language and the model; it is spread over the messages by their sizes.
    let scaled = |bytes: u64| match tokens {
        Some(tokens) if whole > 0 => {
            u64::try_from(u128::from(bytes) * u128::from(tokens) / u128::from(whole)).unwrap_or(u64::MAX)
        }
        _ => bytes / BYTES_OF_A_TOKEN,
    };
    let first = usize::from(messages.first().is_some_and(|first| first.id.starts_with(SUMMARY_ID)));
    let mut best = None;
    let mut kept = 0;
    for (at, message) in messages.iter().enumerate().rev() {
        kept += sizes[at];
        let is_whole = matches!(message.role, Role::User | Role::Assistant);
        if (is_whole || sabotaged("part-a-call-from-its-result")) && at > first {
            if best.is_some() && scaled(kept) > keep_tokens {
                break;
            }
            best = Some(Cut { at, kept_tokens: scaled(kept) });
        }
    }
    match best {
        None => Err(Uncut::Whole),
        Some(cut) if scaled(kept) <= keep_tokens || cut.at < first + LEAST => Err(Uncut::Short),
        Some(cut) => Ok(cut),
    }
}

/// Whether a model has said this last: it asks for nothing more.
fn is_an_answer(message: &Message) -> bool {
    let asks = |chunk: &Chunk| matches!(chunk, Chunk::ToolCall { .. });
    message.role == Role::Assistant && !message.chunks.iter().any(asks)
}

/// About how many bytes a provider is told of a message.
pub(crate) fn size(message: &Message) -> u64 {
    let chunks = message.chunks.iter().map(|chunk| match chunk {
        Chunk::Text { text } => text.len(),
        Chunk::ToolCall { tool_name, input, .. } => tool_name.len() + input.as_str().len(),
        Chunk::ToolResult { content, .. } => content.len(),
        Chunk::Unknown(unknown) => unknown.content().as_str().len(),
        // Most providers let go of the thoughts of earlier turns.
        _ => 0,
    });
    BYTES_OF_A_MESSAGE + chunks.sum::<usize>() as u64
}

/// The last thing that a person said, where it is not among what is kept and the model is still at it: that must not be lost. What
/// was answered is done.
pub(crate) fn last_request(summed_up: &[Message], kept: &[Message]) -> Option<String> {
    let said_by_a_person =
        |message: &&Message| message.role == Role::User && !message.id.starts_with(SUMMARY_ID);
    let is_kept = kept.iter().any(|message| said_by_a_person(&message));
    if is_kept || kept.iter().rfind(|message| message.role != Role::System).is_some_and(is_an_answer) {
        return None;
    }
    let last = summed_up.iter().rev().find(said_by_a_person)?;
    let words: Vec<&str> = last
        .chunks
        .iter()
        .filter_map(|chunk| match chunk {
            Chunk::Text { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    Some(words.join("\n")).filter(|words| !words.trim().is_empty())
}
