//! What has to be so of the files that a crash leaves behind, once the store is opened as it is at the start.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use transom_agent::turn::TurnState;
use transom_plugin_api::Text;

use super::super::*;
use super::disk::Files;
use super::script::Step;
use super::state::State;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lays the files out in `folder`, opens them, repairs, and says what is wrong, or how many turns were lost.
///
/// # Errors
/// What is wrong, for a person. `done` are the steps of which one has to be there.
pub(super) async fn check(
    folder: &Path,
    files: &Files,
    steps: &[Step],
    done: RangeInclusive<usize>,
) -> Result<usize, String> {
    super::disk::lay_out(folder, files).map_err(|error| format!("it cannot be laid out: {error}"))?;
    let store = Store::open(folder, Durability::Full, || 10_000, |_| ())
        .map_err(|error| format!("it does not open: {error}"))?;
    let found = examine(&store, steps, done).await;
    store.close().await;
    found
}

async fn examine(store: &Store, steps: &[Step], done: RangeInclusive<usize>) -> Result<usize, String> {
    let state = State::of(store).await.map_err(said)?;
    let last = *done.end();
    if !done.rev().any(|step| is_at(&state, steps, step)) {
        return Err(format!(
            "it is not what step {last} was answered{}",
            state.difference(&steps[last].state)
        ));
    }
    let (logs, drafts) = (logs(store).await?, drafted(store).await?);
    let repaired = store.repair(Repair::default()).await.map_err(said)?;
    let after = self::logs(store).await?;
    for (id, log) in &logs {
        if !after.get(id).is_some_and(|after| after.starts_with(log)) {
            return Err(format!("the repair of `{id}` changed what was in its log"));
        }
    }
    check_drafts(&drafts, &after)?;
    for (id, log) in &after {
        let turn = store.find(id).await.map_err(said)?.turn.into_option();
        check_log(log, turn.map(|turn| (turn.turn_id, turn.state)))
            .map_err(|what| format!("`{id}`: {what}"))?;
    }
    check_second_repair(store).await?;
    check_file(store).await?;
    Ok(repaired.lost.len())
}

fn said(error: CallError) -> String {
    error.message.into_string()
}

/// A step, or what there is while the next one is done.
fn is_at(state: &State, steps: &[Step], step: usize) -> bool {
    let here = &steps[step];
    if *state == here.state {
        return true;
    }
    steps.get(step + 1).is_some_and(|next| {
        *state == next.state || (next.is_of_many && state.lies_between(&here.state, &next.state))
    })
}

type Logs = BTreeMap<String, Vec<StoredChunk>>;

async fn logs(store: &Store) -> Result<Logs, String> {
    let mut logs = Logs::new();
    for conversation in store.list(Query::default()).await.map_err(said)?.conversations {
        let log = store.read(everything(&conversation.id)).await.map_err(said)?;
        logs.insert(conversation.id.into_string(), log.chunks.into_vec());
    }
    Ok(logs)
}

/// What is drafted: of which conversation and turn, and which chunk.
type Draft = (String, String, Chunk);

async fn drafted(store: &Store) -> Result<Vec<Draft>, String> {
    let look = |connection: &rusqlite::Connection| {
        let sql =
            "SELECT c.id, t.turn_id, d.chunk FROM drafts d JOIN conversations c ON c.number = d.conversation
                   JOIN turns t ON t.number = d.turn WHERE c.id IS NOT NULL";
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map((), |row| {
            Ok((row.get(0)?, row.get(1)?, crate::entry::decode(row.get_ref(2)?.as_str()?)))
        })?;
        Ok(rows.collect::<rusqlite::Result<Vec<Draft>>>()?)
    };
    store.readers.read(look).await.map_err(said)
}

/// Everything that was drafted of the turns that ran is in the log.
fn check_drafts(drafts: &[Draft], logs: &Logs) -> Result<(), String> {
    for (id, turn, piece) in drafts {
        let holds = |stored: &StoredChunk| match (piece, &stored.chunk) {
            (Chunk::Text { text: piece }, Chunk::Text { text }) => text.contains(piece.as_str()),
            (piece, stored) => piece == stored,
        };
        if !logs.get(id).is_some_and(|log| log.iter().any(holds)) {
            return Err(format!("what was drafted of turn `{turn}` of `{id}` is not in its log: {piece:?}"));
        }
    }
    Ok(())
}

/// `seq` without a gap, no turn that still runs, and one result of each call.
fn check_log(log: &[StoredChunk], current: Option<(Text, TurnState)>) -> Result<(), String> {
    if let Some(stored) =
        log.iter().zip(1..).find(|(stored, seq)| stored.seq != *seq).map(|(stored, _)| stored)
    {
        return Err(format!("there is a gap before seq {}", stored.seq));
    }
    let parked = match current {
        Some((turn, TurnState::Parked)) => Some(turn),
        Some((turn, state)) => return Err(format!("turn `{turn}` is {state:?} after the repair")),
        None => None,
    };
    let mut results: HashMap<&str, (usize, bool)> = HashMap::new();
    for stored in log {
        let waits = parked.is_some() && stored.turn_id.as_deref() == parked.as_deref();
        match &stored.chunk {
            Chunk::ToolCall { tool_call_id, .. } => results.entry(tool_call_id).or_default().1 = waits,
            Chunk::ToolResult { tool_call_id, .. } => results.entry(tool_call_id).or_default().0 += 1,
            _ => {}
        }
    }
    match results.into_iter().find(|(_, (count, waits))| *count != 1 && !(*waits && *count == 0)) {
        Some((call, (count, _))) => Err(format!("call `{call}` has {count} results")),
        None => Ok(()),
    }
}

/// A second repair finds nothing and changes nothing.
async fn check_second_repair(store: &Store) -> Result<(), String> {
    let before = State::of(store).await.map_err(said)?;
    let again = store.repair(Repair::default()).await.map_err(said)?;
    let after = State::of(store).await.map_err(said)?;
    if !again.lost.is_empty() || after != before {
        let lost = again.lost.len();
        return Err(format!("a second repair ended {lost} turns{}", after.difference(&before)));
    }
    Ok(())
}

/// The doctor and SQLite find nothing, and nothing is left of what was deleted.
async fn check_file(store: &Store) -> Result<(), String> {
    let faults = store.diagnose().await.map_err(said)?.faults;
    if let Some(fault) = faults.first() {
        return Err(format!("the doctor finds {fault:?}"));
    }
    wait_until_nothing_is_left(store).await?;
    let look = |connection: &rusqlite::Connection| {
        Ok(connection.query_row("PRAGMA integrity_check", (), |row| row.get::<_, String>(0))?)
    };
    match store.readers.read(look).await.map_err(said)?.as_str() {
        "ok" => Ok(()),
        fault => Err(format!("SQLite finds {fault}")),
    }
}

/// Waits until the rows of deleted conversations are gone, and says which are left of none at all.
pub(super) async fn wait_until_nothing_is_left(store: &Store) -> Result<(), String> {
    let began = Instant::now();
    while rows(store, "SELECT count(*) FROM conversations WHERE id IS NULL").await? > 0 {
        if began.elapsed() > PATIENCE {
            return Err(format!("rows of a deleted conversation are there after {PATIENCE:?}"));
        }
    }
    for (table, number) in [
        ("entries", "place >> 32"),
        ("messages", "conversation"),
        ("turns", "conversation"),
        ("drafts", "conversation"),
    ] {
        let numbers = "SELECT number FROM conversations";
        let left =
            rows(store, &format!("SELECT count(*) FROM {table} WHERE {number} NOT IN ({numbers})")).await?;
        if left > 0 {
            return Err(format!("{left} rows of `{table}` belong to no conversation"));
        }
    }
    Ok(())
}

async fn rows(store: &Store, sql: &str) -> Result<i64, String> {
    let sql = sql.to_owned();
    let look = move |connection: &rusqlite::Connection| Ok(connection.query_row(&sql, (), |row| row.get(0))?);
    store.readers.read(look).await.map_err(said)
}
