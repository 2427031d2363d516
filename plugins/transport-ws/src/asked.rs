//! [`Asked`]: what a client says, checked and read.
//!
//! A message is a JSON object with the operation as its `type`, and perhaps an `id`, which comes back with the reply and
//! with an error. An operation on conversations is replied to only when it has one.

use serde_json::{Map, Value};
use transom_agent::event::Cursor;
use transom_agent::question::AnswerQuestion;
use transom_agent::queue::{Enqueue, Requeue};
use transom_agent::turn::StartTurn;
use transom_entrance::json;
use transom_plugin_api::{Json, Maybe, Text};

use crate::fields::{Fields, cut, kind_of};

/// Bytes that the name of an operation, or the id of a message, may have.
const MOST_NAME: usize = 128;

/// One operation.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    /// Its name.
    pub(crate) op: String,
    /// What the client calls it.
    pub(crate) id: Option<Value>,
    /// What is to be done.
    pub(crate) operation: Operation,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Operation {
    /// Begin a turn, and watch its conversation.
    Send(StartTurn),
    /// Watch a conversation from behind there on.
    Subscribe(Text, Option<Cursor>),
    /// Watch it no longer.
    Unsubscribe(Text),
    /// Send a message or let it wait, and watch the turn that it may have begun.
    Queue(Enqueue),
    /// Take out a message that waits.
    Cancel(Requeue),
    /// Stop the running turn.
    Stop(Text),
    /// Answer a question of a parked turn.
    Answer(AnswerQuestion),
    /// Whatever somebody registered under that name.
    Registered(Json),
}

/// Why a message is none.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Misread {
    /// The operation, where it could be read.
    pub(crate) op: Option<String>,
    /// What the client calls it.
    pub(crate) id: Option<Value>,
    /// The conversation it would be on.
    pub(crate) conversation: Option<String>,
    /// What is wrong.
    pub(crate) message: String,
}

impl Asked {
    /// Reads a message; a conversation without an id gets one of `new_id`.
    ///
    /// # Errors
    /// With what is wrong, and as much as could be read to say where.
    pub(crate) fn read(text: &str, new_id: impl FnOnce() -> Text) -> Result<Self, Box<Misread>> {
        let message = object(text).map_err(|message| Misread { message, ..Misread::default() })?;
        let mut known = Misread::default();
        let read = (|| {
            known.id = id(&message)?;
            known.op = Some(op(&message)?);
            known.conversation = message.get("conversationId").and_then(Value::as_str).map(cut);
            operation(known.op.as_deref().unwrap_or_default(), &message, new_id)
        })();
        match read {
            Ok(operation) => Ok(Self { op: known.op.unwrap_or_default(), id: known.id, operation }),
            Err(message) => Err(Box::new(Misread { message, ..known })),
        }
    }

    /// The conversation it is on, if it is on one.
    pub(crate) const fn conversation(&self) -> Option<&Text> {
        match &self.operation {
            Operation::Send(turn) => Some(&turn.conversation_id),
            Operation::Queue(message) => Some(&message.conversation_id),
            Operation::Cancel(change) => Some(&change.conversation_id),
            Operation::Answer(answer) => Some(&answer.conversation_id),
            Operation::Subscribe(conversation, _)
            | Operation::Unsubscribe(conversation)
            | Operation::Stop(conversation) => Some(conversation),
            Operation::Registered(_) => None,
        }
    }
}

impl Misread {
    /// Whether it was about conversations.
    pub(crate) fn is_chat(&self) -> bool {
        self.op.as_deref().is_some_and(|op| op.starts_with("chat."))
    }
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    json::check(text).map_err(|problem| format!("the message {problem}"))?;
    match serde_json::from_str(text) {
        Ok(Value::Object(message)) => Ok(message),
        Ok(other) => Err(format!("the message is {}, expected an object with `type`", kind_of(&other))),
        Err(error) => Err(format!("the message is not JSON: {error}")),
    }
}

fn id(message: &Map<String, Value>) -> Result<Option<Value>, String> {
    match message.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if id.len() > MOST_NAME => {
            Err(format!("field `id` has more than {MOST_NAME} bytes"))
        }
        Some(id @ (Value::String(_) | Value::Number(_))) => Ok(Some(id.clone())),
        Some(other) => Err(format!("field `id` is {}, expected text or a number", kind_of(other))),
    }
}

fn op(message: &Map<String, Value>) -> Result<String, String> {
    match message.get("type") {
        None | Some(Value::Null) => Err("field `type` is missing".to_owned()),
        Some(Value::String(op)) if op.is_empty() => {
            Err("field `type` is empty, expected the name of an operation".to_owned())
        }
        Some(Value::String(op)) if op.len() > MOST_NAME => {
            Err(format!("field `type` has more than {MOST_NAME} bytes"))
        }
        Some(Value::String(op)) => Ok(op.clone()),
        Some(other) => Err(format!("field `type` is {}, expected text", kind_of(other))),
    }
}

fn operation(
    op: &str,
    message: &Map<String, Value>,
    new_id: impl FnOnce() -> Text,
) -> Result<Operation, String> {
    let fields = |known: &[&str]| Fields::of(message, known);
    Ok(match op {
        "chat.send" => Operation::Send(turn(message, new_id)?),
        "chat.subscribe" => {
            let fields = fields(&["conversationId", "after"])?;
            Operation::Subscribe(fields.conversation()?, fields.cursor("after")?)
        }
        "chat.unsubscribe" => Operation::Unsubscribe(fields(&["conversationId"])?.conversation()?),
        "chat.stop" => Operation::Stop(fields(&["conversationId"])?.conversation()?),
        "chat.queue" => Operation::Queue(queued(message)?),
        "chat.queue.cancel" => {
            let fields = fields(&["conversationId", "messageId"])?;
            Operation::Cancel(Requeue {
                conversation_id: fields.conversation()?,
                message_id: fields.required("messageId")?.into(),
                text: Maybe::None,
            })
        }
        "chat.answer" => {
            let fields = fields(&["conversationId", "questionId", "choice"])?;
            Operation::Answer(AnswerQuestion {
                conversation_id: fields.conversation()?,
                question_id: fields.required("questionId")?.into(),
                choice: fields.required("choice")?.into(),
            })
        }
        _ => Operation::Registered(registered(message)),
    })
}

fn turn(message: &Map<String, Value>, new_id: impl FnOnce() -> Text) -> Result<StartTurn, String> {
    let known = ["message", "conversationId", "model", "cwd", "reasoningEffort", "workspaceId"];
    let fields = Fields::of(message, &known)?;
    Ok(StartTurn {
        conversation_id: fields.named_conversation()?.unwrap_or_else(new_id),
        text: fields.words("message")?,
        model: fields.choice("model")?,
        cwd: fields.choice("cwd")?,
        reasoning_effort: fields.effort()?,
        workspace_id: fields.choice("workspaceId")?,
        message_id: Maybe::None,
    })
}

fn queued(message: &Map<String, Value>) -> Result<Enqueue, String> {
    let fields = Fields::of(message, &["conversationId", "text", "delivery", "workspaceId"])?;
    Ok(Enqueue {
        conversation_id: fields.conversation()?,
        text: fields.words("text")?,
        delivery: fields.delivery()?,
        workspace_id: fields.choice("workspaceId")?,
    })
}

/// What a registered operation is given: the message without what is for the transport.
fn registered(message: &Map<String, Value>) -> Json {
    let mut input = message.clone();
    input.shift_remove("type");
    input.shift_remove("id");
    Value::Object(input).into()
}
