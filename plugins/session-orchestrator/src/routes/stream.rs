//! Frames as streams: of a turn that is begun with `POST /chat`, and of a conversation.

use std::str::FromStr;

use serde_json::json;
use transom_agent::body::check_query;
use transom_agent::event::Cursor;
use transom_agent::reach::{HttpFrame, HttpRequest, HttpRoute};
use transom_agent::turn::Watch;
use transom_plugin_api::{CallError, CallErrorKind, Items, Json, Map, Maybe, Text};

use super::{chat, conversation_of, encoded, new_conversation_id};
use crate::edges::Edges;
use crate::hub::Viewer;
use crate::orchestrator::Orchestrator;

/// What `GET /conversations/:id/events` may be asked with.
const QUERY: [&str; 2] = ["after", "turnId"];

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

/// What the route of a conversation's events says of itself.
pub(super) fn about() -> HttpRoute {
    let output = json!({ "type": "object", "description": "an event; its id is the cursor to go on after" });
    let keys = json!({ "after": { "type": "string" }, "turnId": { "type": "string" } });
    HttpRoute {
        output: output.into(),
        query: json!({ "type": "object", "properties": keys }).into(),
        ..HttpRoute::new("streams the events of a conversation: after a cursor, of one turn, or as they come")
    }
}

/// Starts a turn and streams all of it. Whether anybody still reads makes no difference to the turn.
pub(crate) async fn chat<E: Edges>(
    orchestrator: &Orchestrator<E>,
    request: &HttpRequest,
    frames: &mut impl FrameSink,
) -> Result<(), CallError> {
    let start = chat::read(&request.body.value(), new_conversation_id)?;
    let conversation_id = start.conversation_id.clone();
    match orchestrator.start(start).await {
        Ok((started, viewer)) => {
            frames.send(head(200, &conversation_id)).await;
            let watch = Watch { conversation_id, turn_id: Maybe::Some(started.turn_id), after: Maybe::None };
            forward(&viewer, &watch, frames).await
        }
        Err(error) if error.kind == CallErrorKind::Conflict => {
            let busy = busy(orchestrator, &conversation_id, &error).await?;
            frames.send(head(409, &conversation_id)).await;
            frames.send(HttpFrame::Data { data: busy, id: Maybe::None }).await;
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Who is told that a conversation is busy is told with what, so that he can watch or stop that.
async fn busy<E: Edges>(
    orchestrator: &Orchestrator<E>,
    conversation_id: &Text,
    error: &CallError,
) -> Result<Json, CallError> {
    let mut body = json!({ "error": error.message });
    if let Some(turn_id) = orchestrator.turn_of(conversation_id).await {
        body["turnId"] = json!(turn_id);
    }
    encoded(&body)
}

/// Streams a conversation, without an end unless one turn was asked for.
pub(crate) async fn events<E: Edges>(
    orchestrator: &Orchestrator<E>,
    request: &HttpRequest,
    frames: &mut impl FrameSink,
) -> Result<(), CallError> {
    let watch = watch_of(request)?;
    // Until then viewers would be shown less than stands.
    orchestrator.until_repaired().await?;
    orchestrator.until_known(&watch.conversation_id).await?;
    let viewer = orchestrator.watch(&watch)?;
    viewer.begin().await?;
    frames.send(head(200, &watch.conversation_id)).await;
    forward(&viewer, &watch, frames).await
}

fn watch_of(request: &HttpRequest) -> Result<Watch, CallError> {
    check_query(&request.query, &QUERY)?;
    let after = request.query.get("after").or(request.last_event_id.as_ref());
    Ok(Watch {
        conversation_id: conversation_of(request)?,
        turn_id: request.query.get("turnId").cloned().into(),
        after: after.map(|cursor| Cursor::from_str(cursor)).transpose()?.into(),
    })
}

fn head(status: u16, conversation_id: &Text) -> HttpFrame {
    HttpFrame::Head { status, headers: Map::from_iter([("X-Conversation-Id", conversation_id.clone())]) }
}

/// Sends what a viewer sees, up to its end. When the plugin is being replaced, the answer goes on with what the next
/// generation shows behind the last frame.
async fn forward(viewer: &Viewer, watch: &Watch, frames: &mut impl FrameSink) -> Result<(), CallError> {
    let mut last = watch.after.into_option();
    let from = last.or_else(|| viewer.cursor()).map(|cursor| Text::from(cursor.to_string()));
    let request = HttpRequest { last_event_id: from.into(), ..go_on(watch, None) };
    frames.send(HttpFrame::Resume { request }).await;
    while let Some(next) = viewer.next().await {
        let frame = match next {
            Err(error) if error.kind == CallErrorKind::Retired => {
                let request = go_on(watch, last.or_else(|| viewer.cursor()));
                frames.send(HttpFrame::GoOn { request }).await;
                return Ok(());
            }
            frame => frame?,
        };
        let cursor = frame.event().cursor();
        last = cursor.or(last);
        let id = cursor.map(|cursor| Text::from(cursor.to_string())).into();
        frames.send(HttpFrame::Data { data: frame.json().clone(), id }).await;
    }
    Ok(())
}

fn go_on(watch: &Watch, after: Option<Cursor>) -> HttpRequest {
    let id = &watch.conversation_id;
    let mut request =
        HttpRequest::new("GET", format!("/conversations/{id}/events")).with_param("id", id.clone());
    if let Maybe::Some(turn_id) = &watch.turn_id {
        request.query.insert("turnId", turn_id.clone());
    }
    if let Some(cursor) = after {
        request.query.insert("after", Text::from(cursor.to_string()));
    }
    request
}
