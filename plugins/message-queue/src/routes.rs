//! The HTTP form of the queue.

mod body;

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::queue::{Queue, Requeue};
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::shown;
use transom_plugin_api::{CallError, Maybe, Server, StartError, Text};

use crate::edges::Edges;
use crate::queues::Queues;

/// Puts the routes on the bus.
pub(crate) fn register<E: Edges>(
    queues: &Arc<Queues<E>>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let about = with_body("starts a turn with a message, or lets it wait while one runs", body::ENQUEUE);
    routes.serve_named_with("POST /conversations/:id/queue", about, queues, async |queues, request, _| {
        enqueue(queues, &request).await
    })?;
    let about = HttpRoute::new("the messages of a conversation that wait");
    routes.serve_named_with("GET /conversations/:id/queue", about, queues, async |queues, request, _| {
        HttpReply::json(&queues.list(conversation_of(&request)).await?)
    })?;
    let about = with_body("gives a message that waits other words", body::REWORD);
    let name = "PUT /conversations/:id/queue/:messageId";
    routes
        .serve_named_with(name, about, queues, async |queues, request, _| reword(&queues, &request).await)?;
    let about = HttpRoute::new("takes out a message that waits");
    let name = "DELETE /conversations/:id/queue/:messageId";
    routes.serve_named_with(name, about, queues, async |queues, request, _| cancel(&queues, &request).await)
}

fn with_body(summary: &str, fields: &[body::Field]) -> HttpRoute {
    HttpRoute { input: body::schema(fields).into(), ..HttpRoute::new(summary) }
}

/// `POST /conversations/:id/queue`
pub(crate) async fn enqueue<E: Edges>(
    queues: Arc<Queues<E>>,
    request: &HttpRequest,
) -> Result<HttpReply, CallError> {
    let message = body::enqueue(conversation_of(request), &request.body.value())?;
    HttpReply::json(&queues.enqueue(message).await?)
}

/// `PUT /conversations/:id/queue/:messageId`
pub(crate) async fn reword<E: Edges>(
    queues: &Queues<E>,
    request: &HttpRequest,
) -> Result<HttpReply, CallError> {
    let text = body::reword(&request.body.value())?;
    let message_id = shown(request.param("messageId"), 128);
    let changed = queues.change(requeue(request, text.into())).await?;
    if !changed.found {
        return Err(CallError::not_found(format!(
            "message `{message_id}` does not wait, or is on its way already"
        )));
    }
    HttpReply::json(&changed.queue)
}

/// `DELETE /conversations/:id/queue/:messageId`
pub(crate) async fn cancel<E: Edges>(
    queues: &Queues<E>,
    request: &HttpRequest,
) -> Result<HttpReply, CallError> {
    body::none(&request.body.value())?;
    let changed = queues.change(requeue(request, Maybe::None)).await?;
    Ok(HttpReply::ok(cancelled(changed.found, &changed.queue)))
}

fn cancelled(found: bool, left: &Queue) -> Value {
    let Queue { conversation_id, queue, held } = left;
    json!({ "conversationId": conversation_id, "cancelled": found, "queue": queue, "held": held })
}

fn requeue(request: &HttpRequest, text: Maybe<Text>) -> Requeue {
    let message_id = request.param("messageId").into();
    Requeue { conversation_id: conversation_of(request), message_id, text }
}

fn conversation_of(request: &HttpRequest) -> Text {
    request.param("id").into()
}

#[cfg(test)]
mod tests;
