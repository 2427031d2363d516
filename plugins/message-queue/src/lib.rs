//! Keeps messages for conversations that are busy, and delivers them.
//!
//! Serves [`ENQUEUE`], [`QUEUE`], [`REQUEUE`], [`TAKE`] and [`DELIVERED`], the same over HTTP, and the surface `message-queue`;
//! says [`SURFACE_CHANGED`]; hears [`SETTLED`] and [`CHANGED`]; calls [`START`] to begin turns. Does not run turns, and keeps nothing but what waits.
//!
//! # What becomes of a message
//!
//! A message for a conversation in which nothing waits is offered to the orchestrator as a turn of its own. While another
//! turn runs that is refused, and the message waits: it is acknowledged when it is durable.
//!
//! | it was sent to | it is delivered |
//! |---|---|
//! | steer | when the running turn asks for it, between two steps, with all others that steer, as one message |
//! | queue | when the turn has ended, with everything that waits, as one message that begins a turn |
//!
//! Messages that found no place between two steps go with those behind the turn. Several are joined by a blank line, in the
//! order in which they were sent. Nothing is delivered twice: what is on its way has an id, is durable before it goes, and
//! is looked for in the log before it goes again.
//!
//! # When it is held
//!
//! What waits goes on behind a turn that ended by itself: `stop`, `length`, `content-filter`, `max-steps`. It is *held*
//! behind one that ended as `aborted`, `lost`, `error` or for a reason that is not known here, when the conversation is
//! closed, and when a filter or the orchestrator refused it. Then it waits for somebody to send a message here, which goes
//! behind it, or for a turn that somebody starts otherwise and that ends by itself.
//!
//! Who sends a message while a turn is still being stopped sent it before that turn's end: it is held with the others.
//!
//! After a start everything that waits is looked at once: where a turn runs or is parked it waits on, where the last turn
//! ended badly it is held, else it is delivered.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod attempt;
mod delivery;
mod desk;
mod edges;
mod line;
mod queues;
mod routes;
mod rows;
mod surface;

use std::sync::Arc;
use std::time::Duration;

use transom_agent::conversation::{CHANGED, Conversation, FIND, METRICS, Metrics, Status};
use transom_agent::log::{LOCATE, Located, MessageOf};
use transom_agent::queue::{
    DELIVERED, Delivered, ENQUEUE, Enqueue, Enqueued, QUEUE, Queue, REQUEUE, Requeue, Requeued, TAKE, Taken,
};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_agent::surface::{
    SURFACE, SURFACE_ACTION, SURFACE_CHANGED, SurfaceAbout, SurfaceAct, SurfaceActed, SurfaceChanged,
    SurfaceOf, SurfaceSpec,
};
use transom_agent::turn::{SETTLED, START, StartTurn, TurnSettled, TurnStarted};
use transom_plugin_api::hosting::{Ready, STARTED_UP};
use transom_plugin_api::prelude::*;

use crate::edges::bus::Bus;
use crate::edges::{Edges, Work};
use crate::queues::Queues;

/// Ends of turns that may wait to be heard; if there are more, everything that waits is looked at.
const ENDS: u32 = 1024;
/// Changes of conversations that may wait to be heard. Whether one is closed is asked again before anything is delivered.
const CHANGES: u32 = 4096;
/// How long one waits before one looks everywhere again, when that failed.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What an operator may set: nothing.
#[derive(Settings)]
pub struct MessageQueue {}

/// What it touches.
#[derive(Clone, Debug, Ports)]
pub struct MessageQueuePorts {
    #[serves(ENQUEUE)]
    enqueue: Server<Enqueue, Enqueued>,
    #[serves(QUEUE)]
    list: Server<Text, Queue>,
    #[serves(REQUEUE)]
    change: Server<Requeue, Requeued>,
    #[serves(TAKE)]
    take: Server<Text, Taken>,
    #[serves(DELIVERED)]
    delivered: Server<Delivered, Queue>,
    #[serves(SURFACE, names = ["message-queue"])]
    surface: Server<SurfaceOf, SurfaceSpec, SurfaceAbout>,
    #[serves(SURFACE_ACTION, names = ["message-queue"])]
    act: Server<SurfaceAct, SurfaceActed, SurfaceAbout>,
    #[says(SURFACE_CHANGED)]
    surface_changed: Emitter<SurfaceChanged>,
    #[hears(SETTLED)]
    settled: Listener<TurnSettled>,
    #[hears(CHANGED)]
    changed: Listener<Conversation>,
    #[calls(STARTED_UP)]
    started_up: Caller<(), Ready>,
    #[calls(START)]
    start: Caller<StartTurn, TurnStarted>,
    #[calls(FIND)]
    find: Caller<Text, Conversation>,
    #[calls(METRICS)]
    metrics: Caller<Text, Metrics>,
    #[calls(LOCATE)]
    locate: Caller<MessageOf, Located>,
    #[calls(STORAGE_READ)]
    read: Caller<StorageRead, StorageRows>,
    #[calls(STORAGE_WRITE)]
    write: Caller<StorageWrites, StorageWritten>,
    #[serves(HTTP_ROUTE, names = [
        "POST /conversations/:id/queue",
        "GET /conversations/:id/queue",
        "PUT /conversations/:id/queue/:messageId",
        "DELETE /conversations/:id/queue/:messageId",
    ])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
}

impl Plugin for MessageQueue {
    type Ports = MessageQueuePorts;

    async fn start(self, ports: MessageQueuePorts, host: Host) -> Result<(), StartError> {
        let queues = Queues::new(Bus::new(host, ports.clone()));
        serve(&queues, &ports)?;
        hear(&queues, &ports)?;
        routes::register(&queues, &ports.routes)?;
        surface::register(&queues, &ports.surface, &ports.act)?;
        look_after_what_waits(&queues);
        Ok(())
    }
}

fn serve(queues: &Arc<Queues<Bus>>, ports: &MessageQueuePorts) -> Result<(), StartError> {
    ports.enqueue.serve_with(queues, async |queues, message, _| queues.enqueue(message).await)?;
    ports.list.serve_with(queues, async |queues, id, _| queues.list(id).await)?;
    ports.change.serve_with(queues, async |queues, change, _| queues.change(change).await)?;
    ports.take.serve_with(queues, async |queues, id, _| queues.take(id).await)?;
    ports.delivered.serve_with(queues, async |queues, delivered, _| queues.delivered(delivered).await)
}

fn hear(queues: &Arc<Queues<Bus>>, ports: &MessageQueuePorts) -> Result<(), StartError> {
    ports.settled.queued_with(queues, Mailbox::drop_oldest(ENDS), async |queues, turn, _| {
        if turn.lost() > 0 {
            look_after_what_waits(&queues);
        }
        queues.settled(&turn.conversation_id, &turn.record.reason).await;
    })?;
    ports.changed.queued_with(queues, Mailbox::drop_oldest(CHANGES), async |queues, conversation, _| {
        if conversation.status == Status::Closed {
            queues.closed(&conversation.id).await;
        }
    })
}

/// Delivers everything that can be delivered, in the background, once all plugins have started.
fn look_after_what_waits<E: Edges>(queues: &Arc<Queues<E>>) {
    let looker = Arc::clone(queues);
    let work: Work = Box::pin(async move {
        looker.edges.started_up().await;
        while let Err(error) = looker.look_everywhere().await {
            tracing::warn!("nobody can tell yet which messages wait: {error}");
            looker.edges.sleep(LOOK_AGAIN).await;
        }
    });
    queues.edges.spawn(work);
}

export_plugin!(MessageQueue, id = "message-queue", handover = "exclusive");
