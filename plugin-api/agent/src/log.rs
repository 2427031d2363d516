//! The log of a conversation: what happened in it, in the order in which it became durable. Served by the store.
//!
//! A log is a row of [entries](Entry), each a message or a fact about a turn. Every chunk of an entry takes the next `seq`:
//! from 1, gap-free, never used twice. What is known about a conversation (its title, status and settings, the turns it
//! had) follows from its log alone, and is changed in the transaction that appends.
//!
//! What viewers see is counted apart, by *positions*: see [`event`](crate::event). Until a step is appended, what was shown
//! of it is kept as [drafts](Draft), so that a crash loses no more than what was not drafted yet.

use transom_plugin_api::{List, Maybe, Service, Shared, StreamService, Text, contract};

use crate::conversation::Conversation;
use crate::message::{Chunk, Message, Role};

/// A message on its way into a log.
#[contract]
pub struct Entry {
    /// The message; its id is its identity in the log.
    #[serde(flatten)]
    pub message: Message,
    /// The turn it belongs to; absent for what happened outside of turns.
    pub turn_id: Maybe<Text>,
    /// The positions at which viewers see its chunks, one for each; empty when nobody is shown any of them.
    pub positions: List<i64>,
}

/// Entries for the end of a log, all of them or none.
#[contract]
pub struct Append {
    /// Which conversation; made when it is not there.
    pub conversation_id: Text,
    /// In order. One whose message is stored already with the same content is skipped.
    pub entries: List<Entry>,
}

/// Where an append ended up.
#[contract]
pub struct Appended {
    /// `seq` of the first chunk of these entries; 0 when there were none.
    pub first_seq: i64,
    /// `seq` of the last chunk of these entries; the log's latest when there were none.
    pub last_seq: i64,
    /// What is known about the conversation now.
    pub conversation: Conversation,
}

/// Appends in one transaction with everything that follows from it, and answers when that is durable.
///
/// A [`TurnStart`](Chunk::TurnStart) makes its turn the only one of the conversation, by one statement; a
/// [`TurnEnd`](Chunk::TurnEnd) ends it. Drafts at positions up to the highest of these entries are let go of.
///
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) when a message id is stored with other content, when a turn
/// starts while another one runs or is parked, when one ends that does not run, when a position is not above all
/// that were appended before, and when a [summary](Chunk::Compacted) keeps what does not begin with a message of a person or a model
/// behind the one from which on the summary before keeps. Then nothing is written.
///
/// `agent/conversation.append` · service · 30 s · the conversation store answers
pub const APPEND: Service<Append, Appended> = Service::new("agent/conversation.append");

/// What was shown of a running turn, or is about to be, and is not in the log yet.
#[contract]
pub struct Draft {
    /// Which conversation.
    pub conversation_id: Text,
    /// The turn; it has to run.
    pub turn_id: Text,
    /// In order of their positions.
    pub pieces: List<DraftPiece>,
}

/// A chunk, or a further piece of a text.
#[contract]
pub struct DraftPiece {
    /// The message it will be a part of.
    pub message_id: Text,
    /// Who speaks there.
    pub role: Role,
    /// The position at which it is shown.
    pub position: i64,
    /// For texts and thoughts: the bytes of it in the pieces before. 0 for everything else.
    pub offset: u64,
    /// The chunk; of a text only the piece that comes at this offset.
    pub chunk: Chunk,
}

/// What a draft was answered with.
#[contract]
pub struct Drafted {}

/// Keeps what was shown, and answers when that is durable. A piece at the same position and offset takes the place of the
/// one before; one at a position that is in the log already is left out.
///
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) when the turn does not run.
///
/// `agent/conversation.draft` · service · 30 s · the conversation store answers
pub const DRAFT: Service<Draft, Drafted> = Service::new("agent/conversation.draft");

/// Which turns go on after a start.
#[contract]
#[derive(Default)]
pub struct Repair {
    /// Turns that somebody still runs, by id.
    pub alive: List<Text>,
}

/// What was repaired.
#[contract]
pub struct Repaired {
    /// Turns that ended as lost, each with its conversation as it is now.
    pub lost: List<LostTurn>,
    /// Turns that wait for a person.
    pub parked: List<ParkedTurn>,
}

/// A turn whose host ended in the middle of it.
#[contract]
pub struct LostTurn {
    /// Its id.
    pub turn_id: Text,
    /// What is known about its conversation now.
    pub conversation: Conversation,
}

/// A turn that waits for a person.
#[contract]
pub struct ParkedTurn {
    /// Its id.
    pub turn_id: Text,
    /// Its conversation.
    pub conversation_id: Text,
}

/// Ends every turn that runs by the log and is not among those alive: what was drafted becomes entries, calls without a
/// result are answered with an error, and the turn ends as [`Lost`](crate::turn::EndReason::Lost), behind a
/// [`Repaired`](Chunk::Repaired) that says from where on viewers have to look again. Parked turns stay parked.
///
/// `agent/conversation.repair` · service · 120 s · the conversation store answers; the orchestrator calls when it starts
pub const REPAIR: Service<Repair, Repaired> = Service::new("agent/conversation.repair").deadline_ms(120_000);

/// Which history to load.
#[contract]
pub struct HistoryOf {
    /// Which conversation.
    pub conversation_id: Text,
    /// Only messages behind this `seq`; 0 for all. Has to be the last `seq` of a turn.
    pub after_seq: i64,
    /// Only what stands before this `seq`; all when absent. Should be the first `seq` of a message.
    pub before_seq: Maybe<i64>,
}

/// The messages a model may be shown.
#[contract]
pub struct History {
    /// Repaired: every tool call has a result right behind it; error chunks and facts are left out. Where a summary has taken the
    /// place of what was said, it comes first, and then what it keeps.
    pub messages: Shared<List<Message>>,
    /// The highest `seq` in the log.
    pub latest_seq: i64,
}

/// Loads a conversation's history, or the end of it; empty for an unknown one.
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) for an end with a summary in it: what stands before is not shown any more.
///
/// `agent/conversation.history` · service · 30 s · the conversation store answers
pub const HISTORY: Service<HistoryOf, History> = Service::new("agent/conversation.history");

/// Which part of a log to read.
#[contract]
#[derive(Default)]
pub struct Read {
    /// Which conversation.
    pub conversation_id: Text,
    /// Only chunks after this `seq`.
    pub since_seq: Maybe<i64>,
    /// Only chunks before this `seq`.
    pub before_seq: Maybe<i64>,
    /// Only chunks that are shown at this position or a later one, in the order of positions.
    pub from_position: Maybe<i64>,
    /// Only so many of them: the newest, or the first ones when [`oldest`](Self::oldest) says so.
    pub limit: Maybe<u32>,
    /// Whether a limit leaves the first ones instead of the newest.
    pub oldest: bool,
}

/// A chunk with its place in the log.
#[contract]
pub struct StoredChunk {
    /// 1-based, gap-free, never reused.
    pub seq: i64,
    /// The message it belongs to.
    pub message_id: Text,
    /// Who speaks.
    pub role: Role,
    /// The turn it belongs to, if any.
    pub turn_id: Maybe<Text>,
    /// Where viewers see it, if they do.
    pub position: Maybe<i64>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// The chunk.
    pub chunk: Chunk,
}

/// A part of a log, ascending by `seq`, or by position when that was asked for.
#[contract]
pub struct Chunks {
    /// The chunks asked for.
    pub chunks: List<StoredChunk>,
    /// The highest `seq` in the whole log.
    pub latest_seq: i64,
    /// The highest position in the whole log.
    pub latest_position: i64,
}

/// Reads a part of a log. [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) for an unknown conversation.
///
/// `agent/conversation.read` · service · 30 s · the conversation store answers
pub const READ: Service<Read, Chunks> = Service::new("agent/conversation.read");

/// A message, by its id.
#[contract]
pub struct MessageOf {
    /// Which conversation.
    pub conversation_id: Text,
    /// Which message.
    pub message_id: Text,
}

/// Where a message stands.
#[contract]
pub struct Located {
    /// `seq` of its first chunk.
    pub first_seq: i64,
    /// The turn it belongs to, if any.
    pub turn_id: Maybe<Text>,
}

/// Finds a message in a log; [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when it is not there. Who sends
/// something twice for want of an answer asks here first.
///
/// `agent/conversation.locate` · service · 30 s · the conversation store answers
pub const LOCATE: Service<MessageOf, Located> = Service::new("agent/conversation.locate");

/// What is to be examined: everything.
#[contract]
#[derive(Default)]
pub struct Doctor {}

/// Something that is known about a conversation and does not follow from its log.
#[contract]
pub struct Fault {
    /// Which conversation; empty where it is the file.
    pub conversation_id: Text,
    /// `file`, where the database is damaged, and nothing else was looked at; `log`, where the log itself is damaged; else what should follow from it: `conversation`, `turns`, `messages`,
    /// `positions` or `drafts`.
    pub projection: Text,
    /// What stands there, and what should.
    pub problem: Text,
}

/// What an examination found.
#[contract]
pub struct Diagnosis {
    /// Conversations that were examined.
    pub conversations: u64,
    /// What is wrong, one for each projection of a conversation; the first 1,000.
    pub faults: List<Fault>,
}

/// Reads every log from its beginning, and compares what follows from it with what is known about the conversation. Each
/// conversation is examined as it is at one moment; nothing is changed, and nobody is held up.
///
/// `agent/conversation.doctor` · service · 120 s · the conversation store answers; the host calls
pub const DOCTOR: Service<Doctor, Diagnosis> = Service::new("agent/conversation.doctor").deadline_ms(120_000);

/// Where a copy of everything goes.
#[contract]
pub struct Backup {
    /// The file to make: an absolute path on the host's machine, in a folder that is there.
    pub path: Text,
    /// Whether it may take the place of a file that is there already.
    pub replace: bool,
}

/// How far a copy is.
#[contract]
pub struct BackupProgress {
    /// Bytes that are copied; all of them when the copy is being examined.
    pub bytes: u64,
    /// Bytes there are to copy.
    pub of: u64,
    /// What the copy holds, in the last item: it is complete, examined, durable, and has its name.
    pub complete: Maybe<BackedUp>,
}

/// What a copy holds.
#[contract]
#[derive(Eq)]
pub struct BackedUp {
    /// Its size in bytes.
    pub bytes: u64,
    /// Conversations in it.
    pub conversations: u64,
    /// Entries of their logs.
    pub entries: u64,
}

/// Copies all conversations, as they are at one moment, into one file for its owner only, while others read and write. All
/// that was answered before the stream was opened is in it. The file has another name until it is complete; who drops
/// the stream before that leaves nothing behind.
///
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) when the file is there and may not be replaced,
/// [`InvalidInput`](transom_plugin_api::CallErrorKind::InvalidInput) when no copy can be at that path,
/// [`Unavailable`](transom_plugin_api::CallErrorKind::Unavailable) when it cannot be written now,
/// [`Failed`](transom_plugin_api::CallErrorKind::Failed) when the copy is damaged, since what was copied is.
///
/// Whoever may call this makes files: no route leads here, and the host calls it for its operator alone.
///
/// `agent/conversation.backup` · streaming service · the conversation store answers; the host calls
pub const BACKUP: StreamService<Backup, BackupProgress> = StreamService::new("agent/conversation.backup");
