//! Drafts become entries: pieces are joined, messages put in the order of an append, calls without a result answered.

use std::collections::HashMap;

use transom_agent::log::{DraftPiece, Entry};
use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::{List, Maybe, Text};

use crate::entry::role_name;
use crate::reconcile::interrupted;

/// What was drafted of a turn, as entries.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Drafted {
    pub(crate) entries: Vec<Entry>,
    /// The last position that was drafted, and how many bytes of it.
    pub(crate) last: Option<(i64, u64)>,
    /// The highest position, with those of the answers that were made up.
    pub(crate) highest: i64,
}

impl Drafted {
    /// The chunks of all entries.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.entries.iter().flat_map(|entry| &entry.message.chunks)
    }
}

/// How many bytes of a chunk are shown in pieces.
pub(crate) fn length(chunk: &Chunk) -> u64 {
    match chunk {
        Chunk::Text { text } | Chunk::Thinking { text, .. } => text.len() as u64,
        _ => 0,
    }
}

/// Puts pieces, which come in the order of positions and offsets, together to entries of a turn of which `stored` is in
/// the log already, up to the position `latest`.
pub(crate) fn drafted(pieces: Vec<DraftPiece>, stored: &[Chunk], turn_id: &Text, latest: i64) -> Drafted {
    let mut entries = messages(joined(pieces), turn_id);
    let last = entries.iter().flat_map(shown).max_by_key(|(position, _)| *position);
    let last = last.map(|(position, chunk)| (position, length(chunk)));
    let mut highest = last.map_or(latest, |(position, _)| position.max(latest));
    let calls = Calls::of(stored, &entries);
    for (number, open) in calls.open().enumerate() {
        highest += 1;
        let message = Message {
            id: format!("{turn_id}-lost-{}", number + 1).into(),
            role: Role::Tool,
            chunks: List::from([open]),
        };
        let turn_id = Maybe::Some(turn_id.clone());
        entries.push(Entry { message, turn_id, positions: List::from([highest]) });
    }
    entries.sort_by_key(|entry| calls.rank(entry));
    Drafted { entries, last, highest }
}

fn shown(entry: &Entry) -> impl Iterator<Item = (i64, &Chunk)> {
    entry.positions.iter().copied().zip(&entry.message.chunks)
}

/// Joins the pieces of each text. One that does not begin where the text ends is cut to what is new, or left out with all
/// behind it when something is missing before it.
fn joined(pieces: Vec<DraftPiece>) -> Vec<DraftPiece> {
    let mut whole: Vec<DraftPiece> = Vec::new();
    for piece in pieces {
        match whole.last_mut() {
            Some(last) if last.position == piece.position => {
                extend(&mut last.chunk, piece.offset, &piece.chunk)
            }
            _ if piece.offset == 0 => whole.push(piece),
            _ => {}
        }
    }
    whole
}

fn extend(whole: &mut Chunk, offset: u64, piece: &Chunk) {
    let (text, more) = match (whole, piece) {
        (Chunk::Text { text }, Chunk::Text { text: more })
        | (Chunk::Thinking { text, .. }, Chunk::Thinking { text: more, .. }) => (text, more),
        _ => return,
    };
    let known = usize::try_from(offset).ok().and_then(|offset| text.len().checked_sub(offset));
    if let Some(new) = known.and_then(|known| more.get(known..)) {
        text.push_str(new);
    }
}

fn messages(pieces: Vec<DraftPiece>, turn_id: &Text) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: HashMap<(Text, &str), usize> = HashMap::new();
    for DraftPiece { message_id, role, position, chunk, .. } in pieces {
        // One id for two who speak is two messages; the second gets an id of its own when it is appended.
        let place = *places.entry((message_id.clone(), role_name(role))).or_insert_with(|| {
            let message = Message { id: message_id, role, chunks: List::new() };
            entries.push(Entry { message, turn_id: Maybe::Some(turn_id.clone()), positions: List::new() });
            entries.len() - 1
        });
        entries[place].message.chunks.push(chunk);
        entries[place].positions.push(position);
    }
    entries
}

/// Where a call was asked for: the position of its message, and how many were asked for before.
type Asked = (i64, usize);

/// The calls of a turn, in order, and which of them have a result.
struct Calls {
    calls: Vec<(Asked, Chunk, bool)>,
}

impl Calls {
    fn of(stored: &[Chunk], entries: &[Entry]) -> Self {
        let mut calls = Self { calls: Vec::new() };
        let drafted =
            |entry: &Entry| (entry.positions.first().copied().unwrap_or(0), entry.message.chunks.clone());
        let sources: Vec<(i64, List<Chunk>)> =
            std::iter::once((0, stored.into())).chain(entries.iter().map(drafted)).collect();
        for (position, chunks) in &sources {
            for chunk in chunks.iter().filter(|chunk| matches!(chunk, Chunk::ToolCall { .. })) {
                let asked = (*position, calls.calls.len() + 1);
                calls.calls.push((asked, chunk.clone(), false));
            }
        }
        let results = sources.iter().flat_map(|(_, chunks)| chunks).filter_map(result_of);
        results.for_each(|id| calls.answer(id));
        calls
    }

    /// A result belongs to the first call of its name that has none.
    fn answer(&mut self, id: &Text) {
        let open = |(_, call, answered): &&mut (Asked, Chunk, bool)| !*answered && call_of(call) == Some(id);
        if let Some((_, _, answered)) = self.calls.iter_mut().find(open) {
            *answered = true;
        }
    }

    /// What stands in for the results that are missing.
    fn open(&self) -> impl Iterator<Item = Chunk> {
        self.calls.iter().filter(|(_, _, answered)| !answered).filter_map(|(_, call, _)| interrupted(call))
    }

    /// The order of an append: what was said, behind it the results in the order of the calls, facts last.
    fn rank(&self, entry: &Entry) -> (bool, Asked) {
        let position = entry.positions.first().copied().unwrap_or(0);
        let chunks = &entry.message.chunks;
        let is_fact = chunks.iter().all(Chunk::is_fact);
        let result = chunks.iter().find_map(result_of);
        let call =
            result.and_then(|id| self.calls.iter().rev().find(|(_, call, _)| call_of(call) == Some(id)));
        (is_fact, call.map_or((position, 0), |(asked, _, _)| *asked))
    }
}

fn call_of(chunk: &Chunk) -> Option<&Text> {
    match chunk {
        Chunk::ToolCall { tool_call_id, .. } => Some(tool_call_id),
        _ => None,
    }
}

fn result_of(chunk: &Chunk) -> Option<&Text> {
    match chunk {
        Chunk::ToolResult { tool_call_id, .. } => Some(tool_call_id),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
