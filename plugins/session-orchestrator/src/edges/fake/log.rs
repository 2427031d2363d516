//! A log in memory, which is read as the store's is.

use std::collections::HashSet;

use transom_agent::log::{Append, Chunks, Read, StoredChunk};
use transom_agent::message::Chunk;
use transom_plugin_api::Text;

/// The chunks of these appends; a message that came twice is there once.
pub(crate) fn rows(appends: &[Append]) -> Vec<StoredChunk> {
    let mut known: HashSet<Text> = HashSet::new();
    let entries = appends.iter().flat_map(|append| &append.entries);
    let entries = entries.filter(|entry| known.insert(entry.message.id.clone()));
    let chunks = entries.flat_map(|entry| {
        entry.message.chunks.iter().enumerate().map(move |(index, chunk)| (entry, index, chunk))
    });
    let rows = chunks.zip(1..).map(|((entry, index, chunk), seq)| StoredChunk {
        seq,
        message_id: entry.message.id.clone(),
        role: entry.message.role,
        turn_id: entry.turn_id.clone(),
        position: entry.positions.get(index).copied().into(),
        created_at: 0,
        chunk: chunk.clone(),
    });
    rows.collect()
}

/// The part of it that was asked for.
pub(crate) fn part(rows: &[StoredChunk], read: &Read) -> Chunks {
    let since = read.since_seq.into_option().unwrap_or(0);
    let before = read.before_seq.into_option().unwrap_or(i64::MAX);
    let mut chunks: Vec<_> = rows.iter().filter(|row| row.seq > since && row.seq < before).cloned().collect();
    if let Some(from) = read.from_position.into_option() {
        chunks.retain(|row| row.position.into_option().is_some_and(|position| position >= from));
        chunks.sort_by_key(|row| row.position.into_option());
    }
    if let Some(limit) = read.limit.into_option() {
        let limit = usize::try_from(limit).unwrap();
        if read.oldest {
            chunks.truncate(limit);
        } else {
            chunks.drain(..chunks.len().saturating_sub(limit));
        }
    }
    let latest_position = rows.iter().map(last_position).max().unwrap_or(0);
    Chunks { chunks: chunks.into(), latest_seq: rows.len() as i64, latest_position }
}

fn last_position(row: &StoredChunk) -> i64 {
    let position = row.position.into_option().unwrap_or(0);
    match row.chunk {
        Chunk::TurnEnd { .. } if position > 0 => position + 1,
        _ => position,
    }
}
