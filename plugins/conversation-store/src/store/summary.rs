//! Summaries: which may take the place of what was said, and what models are shown instead.

use rusqlite::Connection;
use transom_agent::compaction::Summary;
use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::CallError;
use transom_plugin_api::sabotage::sabotaged;

use super::conversations::Known;
use super::failure::Failure;
use super::log;

/// What models are shown of a conversation with a summary.
pub(crate) struct Shown {
    /// In the place of everything before.
    pub(crate) message: Message,
    /// The `seq` from which on they are shown what was said.
    pub(crate) kept_from: i64,
}

/// What models are shown since the last summary, if there is one.
pub(crate) fn shown(connection: &Connection, known: &Known) -> Result<Option<Shown>, Failure> {
    let Some(seq) = known.summary_seq else { return Ok(None) };
    let damaged =
        || CallError::failed(format!("the summary of conversation `{}` is damaged; run `doctor`", known.id));
    let stored = log::chunk_at(connection, known.number, seq)?.ok_or_else(damaged)?;
    let Chunk::Compacted { summary } = &stored.chunk else { return Err(damaged().into()) };
    let kept = log::span_of(connection, known.number, &summary.kept_from)?.ok_or_else(damaged)?;
    Ok(Some(Shown { message: summary.message(&stored.message_id), kept_from: kept.first_seq }))
}

/// Refuses a summary that would part a call from its result, or show models again what was summed up before.
///
/// # Errors
/// `InvalidInput` for a blank text, else `Conflict`.
pub(crate) fn check(connection: &Connection, known: &Known, summary: &Summary) -> Result<(), Failure> {
    let (id, kept_from) = (&known.id, &summary.kept_from);
    if summary.text.trim().is_empty() {
        return Err(CallError::invalid_input(format!("the summary of conversation `{id}` is blank")).into());
    }
    let refused = |problem: &str| {
        let message = format!(
            "a summary of conversation `{id}` cannot keep what comes from `{kept_from}` on: {problem}"
        );
        Err(CallError::conflict(message).into())
    };
    let Some(span) = log::span_of(connection, known.number, kept_from)? else {
        return refused("there is no such message");
    };
    let role = log::chunk_at(connection, known.number, span.first_seq)?.map(|stored| stored.role);
    if !matches!(role, Some(Role::User | Role::Assistant)) && !sabotaged("part-a-call-from-its-result") {
        return refused("it is not said by a person or a model");
    }
    match shown(connection, known)? {
        Some(before) if span.first_seq <= before.kept_from => {
            refused("it was summed up before, or is kept already")
        }
        _ => Ok(()),
    }
}
