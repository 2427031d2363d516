//! Routes over whole conversations: listing, reading, copying, deleting.

use serde_json::{Value, json};
use transom_agent::conversation::Fork;
use transom_agent::refusal::check_conversation_id;
use transom_plugin_api::{CallError, StartError};

use super::body::Body;
use super::schema::{asking, conversation, giving, list_of, log, object, taking};
use super::{Routes, query};

pub(super) fn serve(routes: &Routes<'_>) -> Result<(), StartError> {
    let output = object(json!({"conversations": list_of(conversation())}));
    let about = giving("Lists conversations, the most recently active first", output);
    routes.add("GET /conversations", asking(query::list_keys(), about), async |store, request| {
        store.list(query::list(&request.query)?).await
    })?;

    let about = giving("Reads a conversation's log, or a part of it", log());
    routes.add("GET /conversations/:id", asking(query::read_keys(), about), async |store, request| {
        store.read(query::read(request.param("id"), &request.query)?).await
    })?;

    let text = json!({"type": "string"});
    let output = object(json!({"conversationId": text, "deleted": {"type": "boolean"}}));
    let about = giving("Deletes a conversation that no turn runs in", output);
    routes.add("DELETE /conversations/:id", about, async |store, request| {
        Body::of(&request, &[])?;
        let id = id_of(request.param("id"))?;
        match store.delete(&id).await?.deleted {
            true => Ok::<Value, CallError>(json!({"conversationId": id, "deleted": true})),
            false => Err(CallError::not_found(format!("there is no conversation `{id}`"))),
        }
    })?;

    let about = giving(
        "Tells how the turns of a conversation went",
        object(json!({"turns": list_of(json!({"type": "object"}))})),
    );
    routes.add("GET /conversations/:id/metrics", about, async |store, request| {
        store.metrics(&id_of(request.param("id"))?).await
    })?;

    let fields = json!({"to": text, "atSeq": {"type": "integer", "minimum": 0}});
    let about = taking("Copies a conversation up to the end of a turn", fields, conversation());
    routes.add("POST /conversations/:id/fork", about, async |store, request| {
        let body = Body::of(&request, &["to", "atSeq"])?;
        let from = id_of(request.param("id"))?;
        let to = match body.text("to")? {
            Some(to) => to,
            None => free_id(&store, &from).await?,
        };
        store.fork(Fork { from: from.into(), to: to.into(), at_seq: body.number("atSeq")?.into() }).await
    })
}

pub(super) fn id_of(id: &str) -> Result<String, CallError> {
    check_conversation_id("id", id).map(|()| id.to_owned())
}

/// An id like that of the other conversation which nothing has. Where somebody takes it meanwhile the fork is refused.
async fn free_id(store: &crate::store::Store, from: &str) -> Result<String, CallError> {
    // Leaves room for what comes behind it.
    let stem: String = from.chars().take(100).collect();
    let listed = store.list(transom_agent::conversation::Query {
        prefix: format!("{stem}-fork-").into(),
        ..Default::default()
    });
    let taken = listed.await?.conversations;
    let is_taken = |id: &str| taken.iter().any(|conversation| conversation.id == id);
    let mut ids = (1_u64..).map(|number| format!("{stem}-fork-{number}"));
    ids.find(|id| !is_taken(id)).ok_or_else(|| CallError::failed("every id is taken; name one as `to`"))
}
