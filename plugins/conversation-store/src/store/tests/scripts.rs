//! Turns as an orchestrator appends them, in a few words.

use transom_agent::conversation::Update;
use transom_agent::log::{Draft, DraftPiece};
use transom_agent::provider::{ReasoningEffort, Usage};
use transom_agent::turn::{EndReason, TurnRecord};
use transom_plugin_api::{Json, Text};

use super::*;

pub(super) fn record(turn: &str, reason: EndReason) -> TurnRecord {
    TurnRecord {
        turn_id: turn.into(),
        model: "scripted/echo".into(),
        reason,
        usage: Usage::default(),
        steps: 1,
        error_class: Maybe::None,
        context_size: Maybe::None,
        started_at: 1,
        duration_ms: 2,
    }
}

pub(super) fn turn_start(turn: &str) -> Chunk {
    Chunk::TurnStart {
        turn_id: turn.into(),
        model: "scripted/echo".into(),
        cwd: "/srv".into(),
        reasoning_effort: ReasoningEffort::High,
    }
}

pub(super) fn text(text: &str) -> Chunk {
    Chunk::Text { text: text.into() }
}

pub(super) fn call(id: &str) -> Chunk {
    Chunk::ToolCall {
        tool_call_id: id.into(),
        tool_name: "tool".into(),
        input: Json::default(),
        step_id: Maybe::Some("s".into()),
    }
}

pub(super) fn result(id: &str) -> Chunk {
    Chunk::ToolResult {
        tool_call_id: id.into(),
        tool_name: "tool".into(),
        content: "done".into(),
        is_error: false,
        step_id: Maybe::Some("s".into()),
        duration_ms: Maybe::Some(3),
    }
}

pub(super) fn question(id: &str) -> Chunk {
    let choices = ["yes", "no"].map(Text::from).into();
    Chunk::Question {
        question_id: id.into(),
        tool_call_id: Maybe::None,
        text: "may it?".into(),
        choices,
        allowing: 1,
        answer_by: Maybe::None,
    }
}

pub(super) fn answer(id: &str) -> Chunk {
    Chunk::Answer { question_id: id.into(), choice: "yes".into(), is_overdue: false }
}

pub(super) fn gone_on(step: &str) -> Chunk {
    Chunk::GoneOn { step_id: step.into() }
}

pub(super) fn usage(step: &str, input_tokens: u64) -> Chunk {
    let usage = Usage { input_tokens, output_tokens: 5, ..Usage::default() };
    Chunk::Usage { step_id: step.into(), usage }
}

pub(super) fn step_complete(step: &str) -> Chunk {
    let gen_total_ms = 9;
    Chunk::StepComplete {
        step_id: step.into(),
        ttft_ms: Maybe::Some(1),
        decode_ms: Maybe::Some(2),
        gen_total_ms,
    }
}

/// An entry of one message whose chunks are shown from `position` on.
pub(super) fn entry<const N: usize>(
    id: &str,
    role: Role,
    turn: &str,
    position: i64,
    chunks: [Chunk; N],
) -> Entry {
    let positions = (position..).take(N).collect();
    let message = Message { id: id.into(), role, chunks: chunks.into() };
    Entry { message, turn_id: Maybe::Some(turn.into()), positions }
}

pub(super) fn of_entries(conversation: &str, entries: impl IntoIterator<Item = Entry>) -> Append {
    Append { conversation_id: conversation.into(), entries: entries.into_iter().collect() }
}

/// What a turn begins with, at `position` and the next one.
pub(super) fn beginning(conversation: &str, turn: &str, position: i64) -> Append {
    let said = entry(&format!("{turn}-said"), Role::User, turn, position, [text("hello")]);
    let start = entry(&format!("{turn}-start"), Role::System, turn, position + 1, [turn_start(turn)]);
    of_entries(conversation, [said, start])
}

/// What a plain turn ends with: from `position` on an answer, and two positions for its end.
pub(super) fn ending(conversation: &str, turn: &str, position: i64, reason: EndReason) -> Append {
    let answer = entry(&format!("{turn}-answer"), Role::Assistant, turn, position, [text("hi")]);
    let end = Chunk::TurnEnd { record: record(turn, reason) };
    of_entries(conversation, [answer, entry(&format!("{turn}-end"), Role::System, turn, position + 1, [end])])
}

/// Runs a whole turn of five positions behind `latest`.
pub(super) async fn run_turn(store: &Store, conversation: &str, turn: &str, latest: i64) {
    store.append(beginning(conversation, turn, latest + 1)).await.expect("it begins");
    store.append(ending(conversation, turn, latest + 3, EndReason::Stop)).await.expect("it ends");
}

pub(super) fn piece(id: &str, role: Role, position: i64, offset: u64, chunk: Chunk) -> DraftPiece {
    DraftPiece { message_id: id.into(), role, position, offset, chunk }
}

pub(super) fn draft(conversation: &str, turn: &str, pieces: impl IntoIterator<Item = DraftPiece>) -> Draft {
    let pieces = pieces.into_iter().collect();
    Draft { conversation_id: conversation.into(), turn_id: turn.into(), pieces }
}

/// The text of an answer, drafted at `position` from byte 0 on.
pub(super) fn draft_of_text(conversation: &str, turn: &str, position: i64, words: &str) -> Draft {
    let id = format!("{turn}-answer");
    draft(conversation, turn, [piece(&id, Role::Assistant, position, 0, text(words))])
}

pub(super) fn update(conversation: &str, change: impl FnOnce(&mut Update)) -> Update {
    let mut update = Update { conversation_id: conversation.into(), ..Update::default() };
    change(&mut update);
    update
}

/// How many drafts there are in the file.
pub(super) async fn drafts(store: &Store) -> i64 {
    count(store, "drafts").await
}

/// How many rows a table has.
pub(super) async fn count(store: &Store, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    let count =
        move |connection: &rusqlite::Connection| Ok(connection.query_row(&sql, (), |row| row.get(0))?);
    store.readers.read(count).await.expect("counted")
}
