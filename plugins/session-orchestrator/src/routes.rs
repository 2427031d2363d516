//! The HTTP form of the orchestrator.

mod chat;

use std::sync::Arc;

use serde_json::{Map as Object, Value, json};
use transom_agent::event::{AgentEventKind, Place};
use transom_agent::provider::ModelInfo;
use transom_agent::reach::{HttpFrame, HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::{
    CallError, CallErrorKind, Items, Json, Map, Maybe, Provided, Server, StartError, StreamServer, Text,
};

use crate::edges::Edges;
use crate::orchestrator::Orchestrator;

/// Puts the routes on the bus.
pub(crate) fn register<E: Edges>(
    orchestrator: &Arc<Orchestrator<E>>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
    streams: &StreamServer<HttpRequest, HttpFrame, HttpRoute>,
) -> Result<(), StartError> {
    let shared = Arc::clone(orchestrator);
    let about = HttpRoute::new("the models that can be asked, and the default one");
    routes.serve_named("GET /models", about, move |_, _| {
        std::future::ready(Ok(HttpReply::ok(models_body(shared.models()))))
    })?;
    let shared = Arc::clone(orchestrator);
    let about = HttpRoute::new("what a conversation is doing");
    routes.serve_named("GET /conversations/:id/status", about, move |request, _| {
        let orchestrator = Arc::clone(&shared);
        async move { reply(&orchestrator.status(&conversation_of(&request)?).await?) }
    })?;
    let shared = Arc::clone(orchestrator);
    let about = HttpRoute::new("stops the running turn of a conversation");
    routes.serve_named("POST /conversations/:id/stop", about, move |request, _| {
        let orchestrator = Arc::clone(&shared);
        async move { reply(&orchestrator.stop_known(&conversation_of(&request)?).await?) }
    })?;
    let shared = Arc::clone(orchestrator);
    streams.serve_named("POST /chat", chat::about(), move |request, mut items, _| {
        let orchestrator = Arc::clone(&shared);
        async move { stream_chat(&orchestrator, &request, &mut items).await }
    })
}

/// Takes the frames of a streamed answer; the bus in earnest, memory in tests.
pub(crate) trait FrameSink: Send {
    /// Hands one frame over; waits until there is room.
    fn send(&mut self, frame: HttpFrame) -> impl Future<Output = ()> + Send;
}

impl FrameSink for Items<HttpFrame> {
    async fn send(&mut self, frame: HttpFrame) {
        Self::send(self, frame).await;
    }
}

/// Starts a turn and streams all of it. Whether anybody still reads makes no difference to the turn.
pub(crate) async fn stream_chat<E: Edges>(
    orchestrator: &Orchestrator<E>,
    request: &HttpRequest,
    frames: &mut impl FrameSink,
) -> Result<(), CallError> {
    let start = chat::read(&request.body.value(), new_conversation_id)?;
    let conversation_id = start.conversation_id.clone();
    let head = HttpFrame::Head {
        status: 200,
        headers: Map::from_iter([("X-Conversation-Id", conversation_id.clone())]),
    };
    match orchestrator.start(start).await {
        Ok((_, viewer)) => {
            frames.send(head).await;
            while let Some(frame) = viewer.next().await {
                frames.send(HttpFrame::Data { data: frame?.json().clone(), id: Maybe::None }).await;
            }
            Ok(())
        }
        Err(error) if error.kind == CallErrorKind::Conflict => {
            frames.send(head).await;
            frames.send(HttpFrame::Data { data: busy(&conversation_id, error)?, id: Maybe::None }).await;
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// A busy conversation is told in the stream, where a client that shows a conversation looks for it.
fn busy(conversation_id: &Text, error: CallError) -> Result<Json, CallError> {
    let kind = AgentEventKind::Error { message: error.message, code: Text::from("already-active").into() };
    encoded(&kind.of(conversation_id, &Text::default(), Place::default()))
}

fn models_body((models, default): (Vec<Provided<ModelInfo>>, Option<Text>)) -> Value {
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let about: Object<String, Value> =
        models.iter().map(|model| (model.name.to_string(), json!(model.about))).collect();
    json!({ "models": names, "modelInfo": about, "default": default })
}

fn conversation_of(request: &HttpRequest) -> Result<Text, CallError> {
    request.params.get("id").cloned().ok_or_else(|| CallError::invalid_input("the path has no `id`"))
}

fn reply(body: &impl serde::Serialize) -> Result<HttpReply, CallError> {
    encoded(body).map(HttpReply::ok)
}

fn encoded(value: &impl serde::Serialize) -> Result<Json, CallError> {
    Json::of(value).map_err(|error| CallError::failed(format!("the answer cannot be encoded: {error}")))
}

fn new_conversation_id() -> Text {
    uuid::Uuid::new_v4().to_string().into()
}

#[cfg(test)]
mod tests;
