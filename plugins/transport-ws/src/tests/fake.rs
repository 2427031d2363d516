//! Conversations that are played.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex as Turnstile, Semaphore};
use tokio::time::timeout;
use transom_agent::conversation::Conversation;
use transom_agent::event::{AgentEvent, AgentEventKind, Place};
use transom_agent::question::{AnswerQuestion, Answered};
use transom_agent::queue::{Enqueue, Enqueued, Queue, Requeue, Requeued};
use transom_agent::reach::WsPush;
use transom_agent::turn::{StartTurn, Stopped, TurnStarted, Watch};
use transom_plugin_api::{CallError, CallErrorKind, Json, List, Maybe, Text};

use super::{BOUND, conversation};
use crate::conversations::{Conversations, Frames};

pub(crate) type Item = Result<AgentEvent, CallError>;

/// Frames a test sends by hand. The sender sees when they are dropped.
pub(crate) struct FakeFrames(UnboundedReceiver<Item>);

/// Pushes a test sends by hand.
pub(crate) struct FakePushes(UnboundedReceiver<Result<WsPush, CallError>>);

impl Frames<WsPush> for FakePushes {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<WsPush, CallError>>> {
        self.0.poll_recv(context)
    }
}

/// Where the pushes of a subscription come from, and with what it was opened.
pub(crate) type Subscribed = (Json, UnboundedSender<Result<WsPush, CallError>>);

impl Frames<AgentEvent> for FakeFrames {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Item>> {
        self.0.poll_recv(context)
    }
}

/// Plays all of it. Each stream that is opened is handed to the test.
pub(crate) struct Fake {
    opened: UnboundedSender<(Watch, UnboundedSender<Item>)>,
    to_come: Turnstile<UnboundedReceiver<(Watch, UnboundedSender<Item>)>>,
    subscribed: UnboundedSender<Subscribed>,
    subscriptions: Turnstile<UnboundedReceiver<Subscribed>>,
    turns: AtomicU64,
    /// Whether nobody serves frames.
    pub(crate) is_away: AtomicBool,
    /// Whether there is a queue.
    pub(crate) has_queue: AtomicBool,
    /// What is to pass before a message `slow` begins a turn.
    pub(crate) gate: Semaphore,
    /// What was asked, in order.
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Default for Fake {
    fn default() -> Self {
        let (opened, to_come) = unbounded_channel();
        let (subscribed, subscriptions) = unbounded_channel();
        Self {
            opened,
            to_come: Turnstile::new(to_come),
            subscribed,
            subscriptions: Turnstile::new(subscriptions),
            turns: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
            has_queue: AtomicBool::new(false),
            gate: Semaphore::new(0),
            asked: Mutex::default(),
        }
    }
}

impl Fake {
    /// The next stream that is opened: what was wanted, and where its frames come from.
    pub(crate) async fn watched(&self) -> (Watch, UnboundedSender<Item>) {
        let mut to_come = self.to_come.lock().await;
        timeout(BOUND, to_come.recv()).await.expect("a stream within the bound").expect("the fake is there")
    }

    /// The next subscription that is opened.
    pub(crate) async fn subscribed(&self) -> Subscribed {
        let mut to_come = self.subscriptions.lock().await;
        timeout(BOUND, to_come.recv()).await.expect("one within the bound").expect("the fake is there")
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, what: impl Into<String>) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(what.into());
    }

    fn queue(&self) -> Result<(), CallError> {
        let missing = || CallError::new(CallErrorKind::NoProvider, "no plugin provides the service");
        if self.has_queue.load(Ordering::Relaxed) { Ok(()) } else { Err(missing()) }
    }
}

impl Conversations for Fake {
    type Frames = FakeFrames;
    type Pushes = FakePushes;

    async fn start(&self, turn: StartTurn) -> Result<TurnStarted, CallError> {
        match turn.text.as_str() {
            "busy" => return Err(CallError::conflict("conversation `c` is already active")),
            "panic" => return Err(CallError::new(CallErrorKind::Panicked, "panicked (at src/inside.rs:7)")),
            "slow" => self.gate.acquire().await.expect("the gate is there").forget(),
            _ => {}
        }
        self.note(format!("start {} {}", turn.conversation_id, turn.text));
        let turn_id = format!("turn-{}", self.turns.fetch_add(1, Ordering::Relaxed) + 1).into();
        let model = turn.model.unwrap_or_else(|| "a/model".into());
        Ok(TurnStarted { conversation_id: turn.conversation_id, turn_id, model, cwd: "/".into() })
    }

    async fn stop(&self, conversation: Text) -> Result<Stopped, CallError> {
        self.note(format!("stop {conversation}"));
        Ok(Stopped { conversation_id: conversation, aborted_turn: true })
    }

    async fn answer(&self, answer: AnswerQuestion) -> Result<Answered, CallError> {
        self.note(format!("answer {} {}", answer.question_id, answer.choice));
        Ok(Answered { open: 0 })
    }

    async fn enqueue(&self, message: Enqueue) -> Result<Enqueued, CallError> {
        self.queue()?;
        self.note(format!("enqueue {} {:?}", message.text, message.delivery));
        let queue = Queue { conversation_id: message.conversation_id, queue: List::new(), held: false };
        let turn_id = Maybe::Some("turn-queued".into());
        Ok(Enqueued { message_id: "m".into(), started_turn: message.text == "begin", turn_id, queue })
    }

    async fn requeue(&self, change: Requeue) -> Result<Requeued, CallError> {
        self.queue()?;
        self.note(format!("requeue {} {}", change.message_id, change.text.is_some()));
        let queue = Queue { conversation_id: change.conversation_id, queue: List::new(), held: false };
        Ok(Requeued { found: false, queue })
    }

    async fn find(&self, id: Text) -> Result<Conversation, CallError> {
        match id.as_str() {
            "nobody" => Err(CallError::not_found("there is no conversation `nobody`")),
            "known" => Ok(Conversation { generation: 2, latest_position: 40, ..conversation("known") }),
            id => Ok(conversation(id)),
        }
    }

    fn watch(&self, wanted: Watch) -> Result<FakeFrames, CallError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(CallError::new(CallErrorKind::NoProvider, "nobody serves frames"));
        }
        let (sender, frames) = unbounded_channel();
        // A test that looks at no stream drops them all.
        let _ = self.opened.send((wanted, sender));
        Ok(FakeFrames(frames))
    }

    fn has_subscription(&self, name: &str) -> bool {
        name == "tides"
    }

    fn subscribe(&self, _: &str, input: Json) -> Result<FakePushes, CallError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(CallError::new(CallErrorKind::NoProvider, "nobody pushes"));
        }
        let (sender, pushes) = unbounded_channel();
        let _ = self.subscribed.send((input, sender));
        Ok(FakePushes(pushes))
    }

    async fn operate(&self, name: &str, input: Json) -> Result<Json, CallError> {
        match name {
            "echo" => Ok(input),
            "fails" => Err(CallError::invalid_input("field `a` is missing")),
            _ => Err(CallError::new(
                CallErrorKind::NoProvider,
                format!("no plugin provides `{name}` at `ws/operation`"),
            )),
        }
    }
}

/// A piece of text at that position.
pub(crate) fn delta(conversation: &str, position: i64, text: &str) -> Item {
    let at = Place { generation: 0, position, offset: 0, volatile: true };
    Ok(AgentEventKind::TextDelta { delta: text.into() }.of(&conversation.into(), &"turn-1".into(), at))
}

/// Another frame at that position.
pub(crate) fn frame(conversation: &str, position: i64, what: AgentEventKind) -> Item {
    let at = Place { position, ..Place::default() };
    Ok(what.of(&conversation.into(), &"turn-1".into(), at))
}

/// A push of the subscription `tides`.
pub(crate) fn push(kind: &str, fields: serde_json::Value) -> Result<WsPush, CallError> {
    Ok(WsPush { kind: kind.into(), fields: fields.into() })
}

/// The end of a stream whose provider is replaced.
pub(crate) fn retired() -> Item {
    Err(CallError::new(CallErrorKind::Retired, "the plugin was replaced"))
}
