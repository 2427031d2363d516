//! What viewers missed, read in the log page by page.

use std::sync::Arc;

use tokio::sync::oneshot;
use transom_agent::log::{Chunks, Read, StoredChunk};
use transom_agent::message::Chunk;
use transom_agent::refusal::shown;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, List, Maybe, Text};

use super::channel::Channel;
use super::frame::Frame;
use super::line::Stands;
use super::spot::Spot;
use crate::admission::SHOWN;
use crate::shown::Shown;

/// Chunks that are read at once, when nothing is known about their size.
pub(super) const FIRST: u32 = 32;
/// Chunks that are read at once, when they are small.
pub(super) const MOST: u32 = 1024;
/// Chunks that are read at once, when they are large.
const FEWEST: u32 = 4;
/// Bytes that a page is to have.
const BYTES: usize = 512 * 1024;

/// A part of what follows a spot.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) frames: Vec<Arc<Frame>>,
    /// Behind all of it.
    pub(super) spot: Spot,
    /// Whether the log ends there.
    pub(super) is_last: bool,
    /// How many chunks the next page is to have.
    pub(super) next: u32,
}

/// The next page behind a spot, of so many chunks.
pub(super) async fn read(
    channel: &Channel,
    spot: Spot,
    generation: u32,
    limit: u32,
) -> Result<Page, CallError> {
    // With what stands at the spot itself: whether a person's message steers is told by what stands before it.
    let chunks = from_position(channel, spot.position, limit).await?;
    let is_last = chunks.chunks.len() < limit as usize;
    let mut reached = spot;
    let mut shown = Shown::new(channel.conversation_id.clone(), generation);
    let mut frames: Vec<Arc<Frame>> = Vec::new();
    for chunk in chunks.chunks {
        reached = reached.max(end_of(&chunk));
        let all = shown.next(chunk).into_iter().map(|event| Arc::new(Frame::new(event)));
        let unseen = all.filter(|frame| frame.end() > spot || sabotaged("repeat-a-frame"));
        frames.extend(unseen.map(|frame| frame.rest(spot)));
    }
    if is_last {
        let beyond = i64::from(sabotaged("drop-a-frame-at-the-boundary"));
        reached = reached.max(Spot::behind(chunks.latest_position + beyond));
    }
    let bytes = frames.iter().map(|frame| frame.weight()).sum();
    Ok(Page { frames, spot: reached, is_last, next: next_limit(limit, bytes) })
}

/// A page that is read while the one before is given. Nobody has to ask for it so that it comes to its end: a call that a slow
/// viewer left in its middle would keep the store from being replaced.
#[derive(Debug)]
pub(super) struct Ahead {
    behind: Spot,
    generation: u32,
    page: oneshot::Receiver<Result<Page, CallError>>,
}

impl Ahead {
    /// Begins to read what follows a page.
    pub(super) fn of(channel: &Arc<Channel>, page: &Page, generation: u32) -> Option<Self> {
        let (behind, limit, channel) = (page.spot, page.next, Arc::clone(channel));
        if page.is_last {
            return None;
        }
        let (send, page) = oneshot::channel();
        let logs = channel.logs.clone();
        logs.0.spawn(Box::pin(async move {
            // Whoever wanted it may have gone away.
            let _ = send.send(read(&channel, behind, generation, limit).await);
        }));
        Some(Self { behind, generation, page })
    }

    /// The page, if it is the one that follows the spot.
    pub(super) async fn page(self, spot: Spot, generation: u32) -> Option<Result<Page, CallError>> {
        let is_next = (self.behind, self.generation) == (spot, generation);
        if is_next { self.page.await.ok() } else { None }
    }
}

/// So many chunks that a page has about the bytes that it is to have, whatever they are like.
fn next_limit(limit: u32, bytes: usize) -> u32 {
    let next = if bytes > BYTES { limit / 4 } else { limit.saturating_mul(2) };
    next.clamp(FEWEST, MOST)
}

/// Behind the last position that a chunk takes.
fn end_of(chunk: &StoredChunk) -> Spot {
    let position = chunk.position.into_option().unwrap_or(0);
    Spot::behind(position + i64::from(matches!(chunk.chunk, Chunk::TurnEnd { .. })))
}

/// What a cursor of this generation points to by the log.
pub(super) async fn stands(channel: &Channel, cursor: Spot) -> Result<Stands, CallError> {
    let near = from_position(channel, cursor.position - 1, 3).await?;
    let latest = near.latest_position;
    if cursor.position <= latest {
        let found = near.chunks.into_iter().find(|chunk| end_of(chunk).position >= cursor.position);
        let found = found.filter(|chunk| chunk.position.into_option() <= Some(cursor.position));
        return Ok(match found.map(|chunk| last_shown(channel, chunk)) {
            None => Stands::Gone,
            Some(last) if last.is_whole() => Stands::At(Spot::behind(cursor.position)),
            Some(last) if cursor <= last => Stands::At(cursor),
            Some(last) => Stands::Beyond(last),
        });
    }
    let last = from_position(channel, latest - 1, 3).await?.chunks.into_iter().next_back();
    Ok(last.map_or(Stands::Gone, |chunk| Stands::Beyond(last_shown(channel, chunk))))
}

/// Behind the last frame of a chunk.
fn last_shown(channel: &Channel, chunk: StoredChunk) -> Spot {
    let end = end_of(&chunk);
    let frames = Shown::new(channel.conversation_id.clone(), 0).next(chunk);
    frames.into_iter().next_back().map_or(end, |event| Frame::new(event).end())
}

async fn from_position(channel: &Channel, position: i64, limit: u32) -> Result<Chunks, CallError> {
    let from_position = Maybe::Some(position.max(1));
    let limit = Maybe::Some(limit);
    ask(channel, Read { from_position, limit, oldest: true, ..Read::default() }).await
}

/// A log that is not there is empty.
async fn ask(channel: &Channel, read: Read) -> Result<Chunks, CallError> {
    let read = Read { conversation_id: channel.conversation_id.clone(), ..read };
    match channel.logs.0.read(read).await {
        Err(error) if error.kind == CallErrorKind::NotFound => {
            Ok(Chunks { chunks: List::new(), latest_seq: 0, latest_position: 0 })
        }
        read => read,
    }
}

/// A log from its end to its beginning, a page at a time, each in the order of the log.
struct Backwards<'a> {
    channel: &'a Channel,
    before: Maybe<i64>,
}

impl Backwards<'_> {
    /// The page before the last one; empty at the beginning.
    async fn next(&mut self) -> Result<List<StoredChunk>, CallError> {
        let (before_seq, limit) = (self.before, Maybe::Some(FIRST));
        let page = ask(self.channel, Read { before_seq, limit, ..Read::default() }).await?.chunks;
        self.before = Maybe::Some(page.first().map_or(1, |chunk| chunk.seq));
        Ok(page)
    }
}

/// The last spot that stands for somebody who has seen everything up to `seen` of a generation: nothing that any repair since
/// then has taken back. `None` when the log does not tell of all of them.
pub(super) async fn standing_since(
    channel: &Channel,
    seen: Spot,
    generation: u32,
    now: u32,
) -> Result<Option<Spot>, CallError> {
    let mut pages = Backwards { channel, before: Maybe::None };
    let (mut lowest, mut missing) = (seen, now.saturating_sub(generation));
    while missing > 0 {
        let page = pages.next().await?;
        if page.is_empty() {
            return Ok(None);
        }
        for chunk in page.into_iter().rev() {
            if let Chunk::Repaired { generation: repaired, position, offset } = chunk.chunk
                && repaired > generation
            {
                lowest = lowest.min(Spot::within(position, offset));
                missing = missing.saturating_sub(1);
            }
        }
    }
    Ok(Some(lowest))
}

/// A turn by the log.
pub(super) struct LoggedTurn {
    /// The position of the person's message.
    pub(super) first: i64,
    /// The position of the seal.
    pub(super) sealed: Option<i64>,
}

/// Finds a turn in the log.
///
/// # Errors
/// `NotFound` when it is not there; those of the store.
pub(super) async fn turn(channel: &Channel, turn_id: &Text) -> Result<LoggedTurn, CallError> {
    let mut pages = Backwards { channel, before: Maybe::None };
    let mut found: Option<LoggedTurn> = None;
    loop {
        let page = pages.next().await?;
        let is_first = page.is_empty();
        for chunk in page.into_iter().rev() {
            let Some(of) = chunk.turn_id.as_ref() else { continue };
            if of != turn_id {
                match found {
                    Some(turn) => return Ok(turn),
                    None => continue,
                }
            }
            let Some(position) = chunk.position.into_option() else { continue };
            let turn = found.get_or_insert(LoggedTurn { first: position, sealed: None });
            turn.first = turn.first.min(position);
            if let Chunk::TurnEnd { .. } = chunk.chunk {
                turn.sealed = Some(position + 1);
            }
        }
        if is_first {
            return found.ok_or_else(|| no_turn(channel, turn_id));
        }
    }
}

fn no_turn(channel: &Channel, turn_id: &str) -> CallError {
    let id = &channel.conversation_id;
    let turn_id = shown(turn_id, SHOWN);
    CallError::not_found(format!("there is no turn `{turn_id}` in conversation `{id}`"))
}
