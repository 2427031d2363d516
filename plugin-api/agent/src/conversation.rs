//! What is known about a conversation without reading its log. Served by the store.

use transom_plugin_api::{Event, List, Maybe, Service, Text, contract};

use crate::provider::{ReasoningEffort, Usage};
use crate::turn::{EndReason, TurnState};
use crate::workspace::DEFAULT_WORKSPACE;

/// Characters that the id of a conversation has at most.
pub const LONGEST_ID: usize = 128;

/// Whether a conversation may have this id: 1 to [`LONGEST_ID`] characters of `A–Z a–z 0–9 - _ .`, but neither `.` nor `..`.
#[must_use]
pub fn is_conversation_id(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    // A path with nothing but these dots is another path: clients and proxies take them out.
    let is_path = id == "." || id == "..";
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(is_allowed) && !is_path
}

/// What a conversation is doing.
#[contract(grows)]
#[derive(Eq)]
pub enum Status {
    /// A turn is running, or waits for a person.
    Active,
    /// Nothing is running.
    Idle,
    /// Put away; sending a message opens it again.
    Closed,
}

/// What is known about a conversation without reading it.
#[contract]
pub struct Conversation {
    /// Its id, chosen by the client or the runtime: see [`is_conversation_id`].
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
    /// The highest [position](crate::event) in its log; 0 when nothing was shown yet.
    pub latest_position: i64,
    /// How often positions had to be taken back after a crash.
    pub generation: u32,
    /// The workspace it belongs to; `default` unless another was chosen.
    pub workspace_id: Text,
    /// The folder its turns work in, when one was chosen.
    pub cwd: Maybe<Text>,
    /// The model its turns use, when one was chosen.
    pub model: Maybe<Text>,
    /// How hard its models are to think, when that was chosen.
    pub reasoning_effort: Maybe<ReasoningEffort>,
    /// The turn that runs or waits for a person.
    pub turn: Maybe<CurrentTurn>,
}

impl Conversation {
    /// One that was made at a time, in milliseconds since the epoch, and in which nothing has happened.
    #[must_use]
    pub fn new(id: impl Into<Text>, created_at: i64) -> Self {
        Self {
            id: id.into(),
            created_at,
            last_activity_at: created_at,
            title: Text::default(),
            status: Status::Idle,
            latest_seq: 0,
            latest_position: 0,
            generation: 0,
            workspace_id: DEFAULT_WORKSPACE.into(),
            cwd: Maybe::None,
            model: Maybe::None,
            reasoning_effort: Maybe::None,
            turn: Maybe::None,
        }
    }
}

/// The one turn of a conversation that has not ended.
#[contract]
pub struct CurrentTurn {
    /// Its id.
    pub turn_id: Text,
    /// Whether it runs or is parked.
    pub state: TurnState,
}

/// Which conversations to list.
#[contract]
#[derive(Default)]
pub struct Query {
    /// Only these statuses; all when empty.
    pub status: List<Status>,
    /// Only ids that begin so.
    pub prefix: Text,
    /// Only those of this workspace.
    pub workspace_id: Maybe<Text>,
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

/// What to change about a conversation; absent fields stay as they are, an empty text takes a choice back.
#[contract]
#[derive(Default)]
pub struct Update {
    /// Which conversation; made when it is not there.
    pub conversation_id: Text,
    /// Closed, or idle again. That it is active follows from its turns.
    pub status: Maybe<Status>,
    /// Its title.
    pub title: Maybe<Text>,
    /// The folder its turns work in.
    pub cwd: Maybe<Text>,
    /// The model its turns use.
    pub model: Maybe<Text>,
    /// How hard its models are to think.
    pub reasoning_effort: Maybe<ReasoningEffort>,
    /// The workspace it belongs to; made when it is not there.
    pub workspace_id: Maybe<Text>,
}

/// Changes what is known about a conversation, and answers what is known now. Each change is an entry of its log.
///
/// `agent/conversation.update` · service · 30 s · the conversation store answers
pub const UPDATE: Service<Update, Conversation> = Service::new("agent/conversation.update");

/// Said by the store when something else is known about a conversation than before: after it is durable, once for each
/// transaction.
///
/// `agent/conversation.changed` · event · the conversation store says it
pub const CHANGED: Event<Conversation> = Event::new("agent/conversation.changed");

/// Somebody wants a conversation to be seen.
#[contract]
pub struct Opened {
    /// Which conversation.
    pub conversation_id: Text,
    /// The workspace it belongs to.
    pub workspace_id: Text,
}

/// Said when somebody asks for a conversation to be shown wherever conversations are shown. Nothing of it changes.
///
/// `agent/conversation.opened` · event · the orchestrator says it
pub const OPENED: Event<Opened> = Event::new("agent/conversation.opened");

/// Somebody begins to work in a conversation.
#[contract]
pub struct Begun {
    /// Which conversation.
    pub conversation_id: Text,
    /// The folder its turn works in.
    pub cwd: Text,
    /// The model that answers.
    pub model: Text,
    /// Whether it was put away before, and is opened again.
    pub was_closed: bool,
}

/// Said by the orchestrator with the first turn of a conversation, and with the first after it was put away, when the person's
/// message is durable. Nobody can refuse it.
///
/// `agent/conversation.begun` · event · the orchestrator says it
pub const BEGUN: Event<Begun> = Event::new("agent/conversation.begun");

/// Said by the orchestrator when a conversation was put away that was not before, by its id. Nobody can refuse it.
///
/// `agent/conversation.closed` · event · the orchestrator says it
pub const CLOSED: Event<Text> = Event::new("agent/conversation.closed");

/// A copy of a conversation up to a place in its log.
#[contract]
pub struct Fork {
    /// The one to copy.
    pub from: Text,
    /// The id of the copy; nothing has it yet.
    pub to: Text,
    /// Entries up to this `seq`; all of them when absent. Has to be the end of a turn, or in none.
    pub at_seq: Maybe<i64>,
}

/// Copies a conversation: its messages with their ids, its settings, its ended turns; `seq` and positions begin anew.
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) when the copy's id is taken, or the place lies in a turn.
///
/// `agent/conversation.fork` · service · 30 s · the conversation store answers
pub const FORK: Service<Fork, Conversation> = Service::new("agent/conversation.fork");

/// Deletes a conversation by id: it is gone for everybody when this answers, and its rows some time later. A conversation
/// that is made by the same id afterwards is another one.
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) while a turn runs.
///
/// `agent/conversation.delete` · service · 30 s · the conversation store answers
pub const DELETE: Service<Text, Deleted> = Service::new("agent/conversation.delete");

/// What a deletion found.
#[contract]
pub struct Deleted {
    /// Whether it was there.
    pub deleted: bool,
}

/// How a turn went.
#[contract]
pub struct TurnMetrics {
    /// The turn's id.
    pub turn_id: Text,
    /// The model that answered.
    pub model: Text,
    /// Milliseconds since the epoch.
    pub started_at: i64,
    /// Whether it runs, is parked or has ended.
    pub state: TurnState,
    /// Why it ended.
    pub reason: Maybe<EndReason>,
    /// Tokens of all its steps.
    pub usage: Usage,
    /// Milliseconds it took; absent before its end.
    pub duration_ms: Maybe<u64>,
    /// Tokens of the last step, in and out; absent when none were reported.
    pub context_size: Maybe<u64>,
    /// Its requests to the model, in order.
    pub steps: List<StepMetrics>,
}

/// How a step went.
#[contract]
pub struct StepMetrics {
    /// Its id.
    pub step_id: Text,
    /// Its tokens; zeros when none were reported.
    pub usage: Usage,
    /// Milliseconds until the first token; absent when there was no text.
    pub ttft_ms: Maybe<u64>,
    /// Milliseconds from the first token to the last; absent when there was no text.
    pub decode_ms: Maybe<u64>,
    /// Milliseconds of the whole stream; absent when it was interrupted.
    pub gen_total_ms: Maybe<u64>,
}

/// The turns of a conversation, the oldest first.
#[contract]
pub struct Metrics {
    /// The turns.
    pub turns: List<TurnMetrics>,
}

/// How the turns of a conversation went, by its id; [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is
/// none.
///
/// `agent/conversation.metrics` · service · 30 s · the conversation store answers
pub const METRICS: Service<Text, Metrics> = Service::new("agent/conversation.metrics");
