//! Messages that wait: for the next boundary of a running turn, or for its end. Served by the message queue.

use transom_plugin_api::{List, Maybe, Service, Text, contract};

/// When a message is delivered.
#[contract(grows)]
#[derive(Eq, Default)]
pub enum Delivery {
    /// Between two steps of the running turn, behind the results of its tools; in a turn of its own when there is no such
    /// place any more.
    Steer,
    /// In a turn of its own, when the running one has ended.
    #[default]
    Queue,
}

/// A message for a conversation that may be busy.
#[contract]
pub struct Enqueue {
    /// Which conversation; made when it is not there.
    pub conversation_id: Text,
    /// What the person says. Not blank.
    pub text: Text,
    /// When it is delivered.
    pub delivery: Delivery,
    /// The workspace of a conversation that is made; `default` when absent.
    pub workspace_id: Maybe<Text>,
}

/// A message that waits.
#[contract]
pub struct QueuedMessage {
    /// Its id, unique in its conversation.
    pub id: Text,
    /// The words.
    pub text: Text,
    /// When it is delivered.
    pub delivery: Delivery,
    /// Milliseconds since the epoch.
    pub queued_at: i64,
}

/// The messages of a conversation that wait, in the order of their delivery.
#[contract]
pub struct Queue {
    /// Which conversation.
    pub conversation_id: Text,
    /// Those that wait.
    pub queue: List<QueuedMessage>,
    /// Whether they wait for somebody to send a message: after a close or a stop, nothing is delivered by itself.
    pub held: bool,
}

/// What became of a message.
#[contract]
pub struct Enqueued {
    /// The id of the message.
    pub message_id: Text,
    /// Whether it began a turn at once.
    pub started_turn: bool,
    /// That turn.
    pub turn_id: Maybe<Text>,
    /// What waits now.
    #[serde(flatten)]
    pub queue: Queue,
}

/// Starts a turn with a message, or lets it wait while one runs; it is durable when this answers.
///
/// `agent/queue.enqueue` · service · 30 s · the message queue answers
pub const ENQUEUE: Service<Enqueue, Enqueued> = Service::new("agent/queue.enqueue");

/// What waits in a conversation, by its id. [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is none.
///
/// `agent/queue.list` · service · 30 s · the message queue answers
pub const QUEUE: Service<Text, Queue> = Service::new("agent/queue.list");

/// A change of a message that waits.
#[contract]
pub struct Requeue {
    /// Which conversation.
    pub conversation_id: Text,
    /// Which message.
    pub message_id: Text,
    /// Other words; the message is taken out when absent.
    pub text: Maybe<Text>,
}

/// What became of the change.
#[contract]
pub struct Requeued {
    /// Whether the message still waited.
    pub found: bool,
    /// What waits now.
    #[serde(flatten)]
    pub queue: Queue,
}

/// Changes or takes out a message that waits. One that is on its way already is not found.
/// [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is no such conversation.
///
/// `agent/queue.change` · service · 30 s · the message queue answers
pub const REQUEUE: Service<Requeue, Requeued> = Service::new("agent/queue.change");

/// Messages that steer a turn, joined by a blank line.
#[contract]
pub struct Steering {
    /// The id the message has in the log.
    pub message_id: Text,
    /// The words.
    pub text: Text,
}

/// Messages for the running turn of a conversation.
#[contract]
pub struct Taken {
    /// What to deliver; absent when nothing waits.
    pub steering: Maybe<Steering>,
}

/// Takes the messages that steer a conversation, by its id. Until [`DELIVERED`] they are taken again, as the same message.
///
/// `agent/queue.take` · service · 5 s · the message queue answers, the orchestrator calls between two steps
pub const TAKE: Service<Text, Taken> = Service::new("agent/queue.take").deadline_ms(5_000);

/// A message that is in the log.
#[contract]
pub struct Delivered {
    /// Which conversation.
    pub conversation_id: Text,
    /// The id of the message.
    pub message_id: Text,
}

/// Says that a taken message is durable in the log.
///
/// `agent/queue.delivered` · service · 5 s · the message queue answers, the orchestrator calls
pub const DELIVERED: Service<Delivered, Queue> = Service::new("agent/queue.delivered").deadline_ms(5_000);
