//! The log of a conversation, and what is known about it. Served by the store.

use transom_plugin_api::{List, Maybe, Service, Shared, Text, contract};

use crate::message::{Chunk, Message, Role};
use crate::turn::TurnRecord;

/// What a conversation is doing.
#[contract(grows)]
#[derive(Eq)]
pub enum Status {
    /// A turn is running.
    Active,
    /// Nothing is running.
    Idle,
    /// Put away; sending a message opens it again.
    Closed,
}

/// What is known about a conversation without reading it.
#[contract]
pub struct Conversation {
    /// Its id, chosen by the client or the runtime: 1 to 128 characters of `A–Z a–z 0–9 - _ .`
    pub id: Text,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub last_activity_at: i64,
    /// The first 80 characters of the first user text, until someone sets another.
    pub title: Text,
    /// What it is doing.
    pub status: Status,
    /// The highest `seq` in its log; 0 when the log is empty.
    pub latest_seq: i64,
    /// The folder its turns work in, when one was chosen.
    pub cwd: Maybe<Text>,
    /// The model its turns use, when one was chosen.
    pub model: Maybe<Text>,
}

/// Messages for the end of a log, and how the turn they belong to ended.
#[contract]
pub struct Append {
    /// Which conversation; made when it is not there.
    pub conversation_id: Text,
    /// In order. A message whose id is stored already with the same content is skipped.
    pub messages: List<Message>,
    /// Written in the same transaction; present with the last append of a turn.
    pub turn: Maybe<TurnRecord>,
}

/// Where an append ended up.
#[contract]
pub struct Appended {
    /// `seq` of the first chunk of these messages; 0 when there were none.
    pub first_seq: i64,
    /// `seq` of the last chunk of these messages; the log's latest when there were none.
    pub last_seq: i64,
}

/// Appends in one transaction and answers when it is durable. The log is gap-free, one `seq` per chunk, from 1.
///
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) when a message id is stored with other content.
///
/// `agent/conversation.append` · service · 30 s · the conversation store answers
pub const APPEND: Service<Append, Appended> = Service::new("agent/conversation.append");

/// The messages a model may be shown.
#[contract]
pub struct History {
    /// Repaired: every tool call has a result right behind it, error chunks are left out.
    pub messages: Shared<List<Message>>,
    /// The highest `seq` in the log.
    pub latest_seq: i64,
}

/// Loads a conversation's history by id; empty for an unknown one.
///
/// `agent/conversation.history` · service · 30 s · the conversation store answers
pub const HISTORY: Service<Text, History> = Service::new("agent/conversation.history");

/// Which part of a log to read.
#[contract]
pub struct Read {
    /// Which conversation.
    pub conversation_id: Text,
    /// Only chunks after this `seq`.
    pub since_seq: Maybe<i64>,
    /// Only chunks before this `seq`.
    pub before_seq: Maybe<i64>,
    /// Only so many of them, the newest.
    pub limit: Maybe<u32>,
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
    /// The chunk.
    pub chunk: Chunk,
}

/// A part of a log, ascending.
#[contract]
pub struct Chunks {
    /// The chunks asked for.
    pub chunks: List<StoredChunk>,
    /// The highest `seq` in the whole log.
    pub latest_seq: i64,
}

/// Reads a part of a log. [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) for an unknown conversation.
///
/// `agent/conversation.read` · service · 30 s · the conversation store answers
pub const READ: Service<Read, Chunks> = Service::new("agent/conversation.read");

/// Which conversations to list.
#[contract]
#[derive(Default)]
pub struct Query {
    /// Only these statuses; all when empty.
    pub status: List<Status>,
    /// Only ids that begin so.
    pub prefix: Text,
}

/// Conversations, the most recently active first.
#[contract]
pub struct Conversations {
    /// The ones asked for.
    pub conversations: List<Conversation>,
}

/// Lists conversations.
///
/// `agent/conversation.list` · service · 30 s · the conversation store answers
pub const LIST: Service<Query, Conversations> = Service::new("agent/conversation.list");

/// Finds one conversation by id. [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is none.
///
/// `agent/conversation.find` · service · 30 s · the conversation store answers
pub const FIND: Service<Text, Conversation> = Service::new("agent/conversation.find");

/// What to change about a conversation; absent fields stay as they are.
#[contract]
pub struct Update {
    /// Which conversation; made when it is not there.
    pub conversation_id: Text,
    /// What it is doing.
    pub status: Maybe<Status>,
    /// The folder its turns work in.
    pub cwd: Maybe<Text>,
    /// The model its turns use.
    pub model: Maybe<Text>,
}

/// Changes what is known about a conversation, and answers what is known now.
///
/// `agent/conversation.update` · service · 30 s · the conversation store answers
pub const UPDATE: Service<Update, Conversation> = Service::new("agent/conversation.update");
