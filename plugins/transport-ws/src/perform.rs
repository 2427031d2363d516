//! One operation, from the call to the reply.

use serde::Serialize;
use serde_json::Value;
use transom_agent::event::Cursor;
use transom_agent::queue::{Enqueued, Requeued};
use transom_entrance::public_message;
use transom_plugin_api::{CallError, CallErrorKind, Text};

use crate::asked::{Asked, Misread, Operation};
use crate::conversations::Conversations;
use crate::outbox::Outbox;
use crate::said::Said;
use crate::view::Start;

/// What who asked watches from now on.
#[derive(Debug)]
pub(crate) struct ToWatch {
    pub(crate) conversation: Text,
    pub(crate) start: Start,
}

/// Does what was asked, and says what became of it.
pub(crate) async fn perform<C: Conversations>(far: &C, outbox: &Outbox, asked: &Asked) -> Option<ToWatch> {
    match call(far, asked).await {
        Ok((result, began)) => {
            reply(outbox, asked, result).await;
            began
        }
        Err(error) => {
            fail(outbox, asked, &error).await;
            None
        }
    }
}

async fn call<C: Conversations>(far: &C, asked: &Asked) -> Result<(Value, Option<ToWatch>), CallError> {
    match &asked.operation {
        Operation::Send(turn) => {
            let started = far.start(turn.clone()).await?;
            let start = Start::Turn(started.turn_id.clone());
            let began = ToWatch { conversation: turn.conversation_id.clone(), start };
            Ok((document(&started)?, Some(began)))
        }
        Operation::Queue(message) => {
            let enqueued = far.enqueue(message.clone()).await.map_err(named_queue)?;
            Ok((document(&enqueued)?, began_by(&enqueued)))
        }
        Operation::Cancel(change) => {
            Ok((cancelled(&far.requeue(change.clone()).await.map_err(named_queue)?)?, None))
        }
        Operation::Subscribe(conversation, after) => {
            let origin = origin(far, conversation).await?.filter(|_| after.is_none());
            let start = Start::After { cursor: *after, origin };
            Ok((Value::Null, Some(ToWatch { conversation: conversation.clone(), start })))
        }
        Operation::Stop(conversation) => alone(far.stop(conversation.clone()).await),
        Operation::Answer(answer) => alone(far.answer(answer.clone()).await),
        Operation::Registered(input) => alone(far.operate(&asked.op, input.clone()).await),
        // What the connection did itself, and well.
        Operation::Unsubscribe(_) => Ok((Value::Null, None)),
    }
}

fn alone(result: Result<impl Serialize, CallError>) -> Result<(Value, Option<ToWatch>), CallError> {
    Ok((document(&result?)?, None))
}

fn document(result: &impl Serialize) -> Result<Value, CallError> {
    serde_json::to_value(result).map_err(CallError::failed)
}

/// The queue is a plugin that a host can do without.
fn named_queue(error: CallError) -> CallError {
    match error.kind {
        CallErrorKind::NoProvider => {
            CallError::unavailable("the message queue is not there: send the message when the turn has ended")
        }
        _ => error,
    }
}

fn began_by(enqueued: &Enqueued) -> Option<ToWatch> {
    let turn = enqueued.turn_id.as_ref().filter(|_| enqueued.started_turn)?.clone();
    Some(ToWatch { conversation: enqueued.queue.conversation_id.clone(), start: Start::Turn(turn) })
}

/// As over HTTP.
fn cancelled(change: &Requeued) -> Result<Value, CallError> {
    let mut result = document(&change.queue)?;
    result["cancelled"] = change.found.into();
    Ok(result)
}

/// Where an idle conversation stands. A client that gave no cursor and has seen nothing goes on from there, so that a turn
/// which came and went while the orchestrator was replaced is not missed.
///
/// # Errors
/// `NotFound` when there is no such conversation; that nobody can tell now is none.
async fn origin<C: Conversations>(far: &C, conversation: &Text) -> Result<Option<Cursor>, CallError> {
    match far.find(conversation.clone()).await {
        Ok(found) if found.turn.is_none() => {
            Ok(Some(Cursor { generation: found.generation, position: found.latest_position, offset: 0 }))
        }
        Err(error) if error.kind == CallErrorKind::NotFound => Err(error),
        _ => Ok(None),
    }
}

/// Operations on conversations are replied to when they have an id: what they do shows elsewhere.
pub(crate) async fn reply(outbox: &Outbox, asked: &Asked, result: Value) {
    let id = asked.id.as_ref();
    if id.is_some() || asked.conversation().is_none() {
        outbox.send(Said::Reply { id, op: &asked.op, result }.written()).await;
    }
}

/// Says why an operation failed. What the client cannot have caused is logged.
pub(crate) async fn fail(outbox: &Outbox, asked: &Asked, error: &CallError) {
    if matches!(error.kind, CallErrorKind::Failed | CallErrorKind::Panicked) {
        tracing::error!("operation `{}` failed: {error}", asked.op);
    }
    let message = public_message(error);
    let (op, id) = (Some(asked.op.as_str()), asked.id.as_ref());
    let said = match asked.conversation() {
        Some(id_of_it) => Said::ChatError { conversation_id: Some(id_of_it), message: &message, op, id },
        None => Said::Error { message: &message, op, id },
    };
    outbox.send(said.written()).await;
}

/// Says what is wrong with a message.
pub(crate) async fn refuse(outbox: &Outbox, misread: &Misread) {
    let (op, id, message) = (misread.op.as_deref(), misread.id.as_ref(), misread.message.as_str());
    let said = if misread.is_chat() {
        Said::ChatError { conversation_id: misread.conversation.as_deref(), message, op, id }
    } else {
        Said::Error { message, op, id }
    };
    outbox.send(said.written()).await;
}
