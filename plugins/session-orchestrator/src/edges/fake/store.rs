//! A store in memory that keeps the promises of the real one, as far as a turn relies on them.

use std::collections::{BTreeMap, HashMap};

use transom_agent::compaction::Summary;
use transom_agent::conversation::{Conversation, CurrentTurn, Status, Update};
use transom_agent::log::{
    Append, Appended, Chunks, Draft, DraftPiece, Entry, History, HistoryOf, Located, LostTurn, MessageOf,
    ParkedTurn, Read, Repair, Repaired, StoredChunk,
};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::Usage;
use transom_agent::turn::{EndReason, TurnRecord, TurnState};
use transom_plugin_api::{CallError, List, Maybe, Shared, Text};

use super::log::part;

/// One that nothing happened in.
pub(crate) fn conversation(id: &Text) -> Conversation {
    Conversation::new(id.clone(), 0)
}

/// All conversations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    pub(crate) logs: BTreeMap<Text, Log>,
}

/// One conversation and everything that is durable of it.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) conversation: Conversation,
    pub(crate) chunks: Vec<StoredChunk>,
    pub(crate) drafts: Vec<DraftPiece>,
}

impl Log {
    fn new(id: &Text) -> Self {
        let conversation = conversation(id);
        Self { conversation, chunks: Vec::new(), drafts: Vec::new() }
    }

    fn message(&self, id: &str) -> List<Chunk> {
        let chunks = self.chunks.iter().filter(|stored| stored.message_id == id);
        chunks.map(|stored| stored.chunk.clone()).collect()
    }

    /// The messages behind `seq`, facts included.
    pub(crate) fn messages(&self, after_seq: i64) -> Vec<Message> {
        self.messages_between(after_seq, i64::MAX)
    }

    /// The last summary and where it stands.
    fn summary(&self) -> Option<(i64, Text, Summary)> {
        self.chunks.iter().rev().find_map(|stored| match &stored.chunk {
            Chunk::Compacted { summary } => Some((stored.seq, stored.message_id.clone(), summary.clone())),
            _ => None,
        })
    }

    fn messages_between(&self, after_seq: i64, before_seq: i64) -> Vec<Message> {
        let mut messages: Vec<Message> = Vec::new();
        let between = |stored: &&StoredChunk| stored.seq > after_seq && stored.seq < before_seq;
        for stored in self.chunks.iter().filter(between) {
            match messages.iter_mut().find(|message| message.id == stored.message_id) {
                Some(message) => message.chunks.push(stored.chunk.clone()),
                None => messages.push(Message {
                    id: stored.message_id.clone(),
                    role: stored.role,
                    chunks: List::from([stored.chunk.clone()]),
                }),
            }
        }
        messages
    }

    /// Whether what stands at a position is in the log or drafted.
    pub(crate) fn is_durable(&self, position: i64) -> bool {
        let stands = |stored: &StoredChunk| match (&stored.chunk, stored.position) {
            (Chunk::TurnEnd { .. }, Maybe::Some(at)) => at == position || at + 1 == position,
            (_, at) => at == Maybe::Some(position),
        };
        self.chunks.iter().any(stands) || self.drafts.iter().any(|piece| piece.position == position)
    }

    fn append(&mut self, entry: Entry, now_ms: i64) -> Result<(), CallError> {
        let Entry { message, turn_id, positions } = entry;
        let before = self.message(&message.id);
        if !before.is_empty() {
            return if before == message.chunks {
                Ok(())
            } else {
                Err(CallError::conflict(format!("message `{}` has another content", message.id)))
            };
        }
        if !positions.is_empty() && positions.len() != message.chunks.len() {
            return Err(CallError::invalid_input(format!("positions of `{}`: {positions:?}", message.id)));
        }
        for (index, chunk) in message.chunks.into_iter().enumerate() {
            self.follow(&chunk)?;
            self.conversation.latest_seq += 1;
            self.chunks.push(StoredChunk {
                seq: self.conversation.latest_seq,
                message_id: message.id.clone(),
                role: message.role,
                turn_id: turn_id.clone(),
                position: positions.get(index).copied().into(),
                created_at: now_ms,
                chunk,
            });
        }
        Ok(())
    }

    /// What follows from an entry.
    fn follow(&mut self, chunk: &Chunk) -> Result<(), CallError> {
        let known = &mut self.conversation;
        match chunk {
            Chunk::TurnStart { turn_id, .. } => {
                if let Maybe::Some(turn) = &known.turn {
                    return Err(CallError::conflict(format!("turn `{}` is under way", turn.turn_id)));
                }
                known.status = Status::Active;
                known.turn = Maybe::Some(CurrentTurn { turn_id: turn_id.clone(), state: TurnState::Running });
            }
            Chunk::TurnEnd { record } => {
                if known.turn.as_ref().is_none_or(|turn| turn.turn_id != record.turn_id) {
                    return Err(CallError::conflict(format!("turn `{}` does not run", record.turn_id)));
                }
                if known.status == Status::Active {
                    known.status = Status::Idle;
                }
                known.turn = Maybe::None;
            }
            Chunk::Question { .. } => self.state(TurnState::Parked),
            Chunk::GoneOn { .. } => self.state(TurnState::Running),
            _ => {}
        }
        Ok(())
    }

    fn state(&mut self, state: TurnState) {
        if let Maybe::Some(turn) = &mut self.conversation.turn {
            turn.state = state;
        }
    }

    /// Whether a turn has gone on after it had waited for a person, and its model has said nothing since.
    fn has_just_gone_on(&self, turn_id: &Text) -> bool {
        let of_turn = self.chunks.iter().rev().filter(|stored| stored.turn_id.as_ref() == Some(turn_id));
        let last = of_turn.map(|stored| &stored.chunk).find(|chunk| {
            matches!(chunk, Chunk::GoneOn { .. } | Chunk::StepComplete { .. } | Chunk::TurnStart { .. })
        });
        let is_silent = self.drafts.iter().all(|piece| piece.role != Role::Assistant);
        is_silent && matches!(last, Some(Chunk::GoneOn { .. }))
    }

    fn check_positions(&self, entries: &[Entry]) -> Result<i64, CallError> {
        let floor = self.conversation.latest_position;
        let new = entries.iter().filter(|entry| self.message(&entry.message.id).is_empty());
        let mut taken: Vec<i64> = Vec::new();
        for (chunk, position) in new.flat_map(|entry| entry.message.chunks.iter().zip(&entry.positions)) {
            taken.push(*position);
            if matches!(chunk, Chunk::TurnEnd { .. }) {
                taken.push(position + 1);
            }
        }
        taken.sort_unstable();
        if taken.windows(2).any(|pair| pair[0] == pair[1])
            || taken.first().is_some_and(|first| *first <= floor)
        {
            return Err(CallError::conflict(format!("positions {taken:?} behind {floor}")));
        }
        Ok(taken.last().copied().unwrap_or(floor))
    }

    /// What was drafted is in the log, and calls without an answer have one.
    fn mend(&mut self, turn_id: &Text, now_ms: i64) {
        for piece in std::mem::take(&mut self.drafts) {
            let seq = self.conversation.latest_seq + 1;
            self.conversation.latest_seq = seq;
            self.conversation.latest_position = self.conversation.latest_position.max(piece.position);
            self.chunks.push(StoredChunk {
                seq,
                message_id: piece.message_id,
                role: piece.role,
                turn_id: Maybe::Some(turn_id.clone()),
                position: Maybe::Some(piece.position),
                created_at: now_ms,
                chunk: piece.chunk,
            });
        }
        let results: Vec<Text> = self.chunks.iter().filter_map(|stored| result_of(&stored.chunk)).collect();
        for stored in self.chunks.clone() {
            let Chunk::ToolCall { tool_call_id, tool_name, step_id, .. } = stored.chunk else { continue };
            if !results.contains(&tool_call_id) {
                let id = format!("{turn_id}-lost-{tool_call_id}").into();
                let answer = interrupted(tool_call_id, tool_name, step_id);
                let message = Message { id, role: Role::Tool, chunks: List::from([answer]) };
                let at = self.conversation.latest_position + 1;
                let turn_id = Maybe::Some(turn_id.clone());
                self.append(Entry { message, turn_id, positions: List::from([at]) }, now_ms).unwrap();
                self.conversation.latest_position = at;
            }
        }
        self.conversation.generation += 1;
    }

    fn lose(&mut self, turn_id: &Text, now_ms: i64) {
        self.mend(turn_id, now_ms);
        let record = TurnRecord {
            turn_id: turn_id.clone(),
            model: "".into(),
            reason: EndReason::Lost,
            usage: Usage::default(),
            steps: 0,
            error_class: Maybe::None,
            context_size: Maybe::None,
            started_at: 0,
            duration_ms: 0,
        };
        let id = format!("{turn_id}/lost").into();
        let message = Message { id, role: Role::System, chunks: List::from([Chunk::TurnEnd { record }]) };
        let at = self.conversation.latest_position + 1;
        let turn_id = Maybe::Some(turn_id.clone());
        self.append(Entry { message, turn_id, positions: List::from([at]) }, now_ms).unwrap();
        self.conversation.latest_position = at + 1;
    }
}

impl Store {
    fn log(&mut self, id: &Text) -> &mut Log {
        self.logs.entry(id.clone()).or_insert_with(|| Log::new(id))
    }

    fn known(&self, id: &str) -> Result<&Log, CallError> {
        self.logs.get(id).ok_or_else(|| CallError::not_found(format!("there is no conversation `{id}`")))
    }

    /// Puts a chunk behind all that is in a log, as if it had just been stored.
    pub(crate) fn put(&mut self, id: &str, stored: StoredChunk) {
        let log = self.log(&id.into());
        log.conversation.latest_seq += 1;
        log.conversation.latest_position = stored.position.unwrap_or(log.conversation.latest_position);
        let seq = log.conversation.latest_seq;
        log.chunks.push(StoredChunk { seq, ..stored });
    }

    pub(crate) fn find(&self, id: &str) -> Result<Conversation, CallError> {
        self.known(id).map(|log| log.conversation.clone())
    }

    pub(crate) fn append(&mut self, append: &Append, now_ms: i64) -> Result<Appended, CallError> {
        let id = &append.conversation_id;
        let mut log = self.logs.get(id).cloned().unwrap_or_else(|| Log::new(id));
        let latest_position = log.check_positions(&append.entries)?;
        let before = log.conversation.latest_seq;
        for entry in &append.entries {
            log.append(entry.clone(), now_ms)?;
        }
        log.conversation.latest_position = latest_position;
        log.drafts.retain(|piece| piece.position > latest_position);
        let conversation = log.conversation.clone();
        self.logs.insert(append.conversation_id.clone(), log);
        Ok(Appended { first_seq: before + 1, last_seq: conversation.latest_seq, conversation })
    }

    pub(crate) fn draft(&mut self, draft: Draft) -> Result<(), CallError> {
        let log = self.log(&draft.conversation_id);
        if log.conversation.turn.as_ref().is_none_or(|turn| turn.turn_id != draft.turn_id) {
            return Err(CallError::conflict(format!("turn `{}` does not run", draft.turn_id)));
        }
        for piece in draft.pieces {
            log.drafts.retain(|other| (other.position, other.offset) != (piece.position, piece.offset));
            if piece.position > log.conversation.latest_position {
                log.drafts.push(piece);
            }
        }
        log.drafts.sort_by_key(|piece| (piece.position, piece.offset));
        Ok(())
    }

    pub(crate) fn history(&self, of: &HistoryOf) -> Result<History, CallError> {
        let Ok(log) = self.known(&of.conversation_id) else {
            return Ok(History { messages: Shared::default(), latest_seq: 0 });
        };
        let (mut from, mut shown) = (of.after_seq, None);
        if let Some((seq, id, summary)) = log.summary() {
            if of.after_seq == 0 {
                let kept = log.chunks.iter().find(|stored| stored.message_id == summary.kept_from);
                (from, shown) = (kept.map_or(0, |kept| kept.seq - 1), Some(summary.message(&id)));
            } else if seq > of.after_seq {
                return Err(CallError::conflict("a summary stands behind it; load all of it"));
            }
        }
        let mut messages = log.messages_between(from, of.before_seq.unwrap_or(i64::MAX));
        for message in &mut messages {
            message.chunks.retain(|chunk| !chunk.is_fact() && !matches!(chunk, Chunk::Error { .. }));
        }
        let is_thought = |chunk: &Chunk| matches!(chunk, Chunk::Thinking { .. });
        messages.retain(|message| !message.chunks.iter().all(is_thought));
        let messages = shown.into_iter().chain(answered(messages)).collect();
        Ok(History { messages: Shared::new(messages), latest_seq: log.conversation.latest_seq })
    }

    pub(crate) fn read(&self, read: &Read) -> Result<Chunks, CallError> {
        let log = self.known(&read.conversation_id)?;
        let latest_position = log.conversation.latest_position;
        Ok(Chunks { latest_position, ..part(&log.chunks, read) })
    }

    pub(crate) fn locate(&self, of: &MessageOf) -> Result<Located, CallError> {
        let found =
            self.known(&of.conversation_id)?.chunks.iter().find(|stored| stored.message_id == of.message_id);
        let found =
            found.ok_or_else(|| CallError::not_found(format!("there is no message `{}`", of.message_id)))?;
        Ok(Located { first_seq: found.seq, turn_id: found.turn_id.clone() })
    }

    pub(crate) fn update(&mut self, update: Update) -> Conversation {
        let known = &mut self.log(&update.conversation_id).conversation;
        let before = known.clone();
        known.status = update.status.unwrap_or_else(|| before.status.clone());
        known.workspace_id = update.workspace_id.unwrap_or_else(|| before.workspace_id.clone());
        if update.cwd.is_some() {
            known.cwd = update.cwd;
        }
        if update.model.is_some() {
            known.model = update.model.into_option().filter(|model| !model.is_empty()).into();
        }
        if *known != before {
            // Each change is an entry.
            known.latest_seq += 1;
        }
        known.clone()
    }

    pub(crate) fn repair(&mut self, repair: &Repair, now_ms: i64) -> Repaired {
        let (mut lost, mut parked) = (List::new(), List::new());
        for log in self.logs.values_mut() {
            let Maybe::Some(CurrentTurn { turn_id, state }) = log.conversation.turn.clone() else { continue };
            let conversation_id = log.conversation.id.clone();
            if state == TurnState::Parked {
                parked.push(ParkedTurn { turn_id, conversation_id });
            } else if repair.alive.contains(&turn_id) {
            } else if log.has_just_gone_on(&turn_id) {
                log.mend(&turn_id, now_ms);
                log.state(TurnState::Parked);
                parked.push(ParkedTurn { turn_id, conversation_id });
            } else {
                log.lose(&turn_id, now_ms);
                lost.push(LostTurn { turn_id, conversation: log.conversation.clone() });
            }
        }
        Repaired { lost, parked }
    }
}

fn result_of(chunk: &Chunk) -> Option<Text> {
    match chunk {
        Chunk::ToolResult { tool_call_id, .. } => Some(tool_call_id.clone()),
        _ => None,
    }
}

fn interrupted(tool_call_id: Text, tool_name: Text, step_id: Maybe<Text>) -> Chunk {
    Chunk::ToolResult {
        tool_call_id,
        tool_name,
        content: "interrupted".into(),
        is_error: true,
        step_id,
        duration_ms: Maybe::None,
    }
}

/// Puts an answer behind each call that has none.
fn answered(messages: Vec<Message>) -> List<Message> {
    let mut results: HashMap<Text, usize> = HashMap::new();
    for chunk in messages.iter().flat_map(|message| &message.chunks) {
        if let Chunk::ToolResult { tool_call_id, .. } = chunk {
            *results.entry(tool_call_id.clone()).or_default() += 1;
        }
    }
    let mut whole = List::new();
    for message in messages {
        let calls: Vec<Chunk> =
            message.chunks.iter().filter(|chunk| matches!(chunk, Chunk::ToolCall { .. })).cloned().collect();
        whole.push(message);
        for call in calls {
            let Chunk::ToolCall { tool_call_id, tool_name, step_id, .. } = call else { continue };
            match results.get_mut(&tool_call_id) {
                Some(left) if *left > 0 => *left -= 1,
                _ => whole.push(Message {
                    id: format!("repaired-{tool_call_id}").into(),
                    role: Role::Tool,
                    chunks: List::from([interrupted(tool_call_id, tool_name, step_id)]),
                }),
            }
        }
    }
    whole
}
