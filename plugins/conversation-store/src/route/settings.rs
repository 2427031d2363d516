//! Routes over what was chosen for a conversation. Folders and models are chosen where it is known which there are: not
//! here.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::conversation::{Conversation, Update};
use transom_agent::provider::ReasoningEffort;
use transom_agent::reach::HttpRequest;
use transom_agent::refusal::shown;
use transom_plugin_api::{CallError, Maybe, StartError, Text};

use super::Routes;
use super::body::Body;
use super::conversations::id_of;
use super::schema::{giving, object, taking};
use crate::store::Store;
use crate::word::{of_word, word_of};

const EFFORTS: [ReasoningEffort; 5] = [
    ReasoningEffort::Low,
    ReasoningEffort::Medium,
    ReasoningEffort::High,
    ReasoningEffort::Xhigh,
    ReasoningEffort::Max,
];

pub(super) fn serve(routes: &Routes<'_>) -> Result<(), StartError> {
    let text = json!({"type": "string"});
    let about = taking("Sets a conversation's title", json!({"title": text}), chosen("title"));
    routes.add("PUT /conversations/:id/title", about, async |store, request| {
        let title = Body::of(&request, &["title"])?.words("title")?;
        let changed = update(&store, &request, |update| update.title = Maybe::Some(title.into())).await?;
        answer(&request, "title", Value::from(changed.title.as_str()))
    })?;
    serve_cwd(routes)?;
    serve_model(routes)?;
    serve_effort(routes)
}

fn serve_cwd(routes: &Routes<'_>) -> Result<(), StartError> {
    let about = giving("Tells the folder that was chosen for a conversation", chosen("cwd"));
    routes.add("GET /conversations/:id/cwd", about, async |store, request| {
        answer(&request, "cwd", known(&store, &request, |known| known.cwd).await?)
    })?;
    let about = giving("Takes the choice of a folder back", chosen("cwd"));
    routes.add("DELETE /conversations/:id/cwd", about, async |store, request| {
        Body::of(&request, &[])?;
        // There is nothing to take back where there is no conversation.
        store.find(&id_of(request.param("id"))?).await?;
        let changed = update(&store, &request, |update| update.cwd = Maybe::Some(Text::new())).await?;
        answer(&request, "cwd", value_of(&changed.cwd))
    })
}

fn serve_model(routes: &Routes<'_>) -> Result<(), StartError> {
    let about = giving("Tells the model that was chosen for a conversation", chosen("model"));
    routes.add("GET /conversations/:id/model", about, async |store, request| {
        answer(&request, "model", known(&store, &request, |known| known.model).await?)
    })
}

fn serve_effort(routes: &Routes<'_>) -> Result<(), StartError> {
    let name = "reasoningEffort";
    let about =
        giving("Tells how hard a conversation's models are to think, if that was chosen", chosen(name));
    routes.add("GET /conversations/:id/reasoning-effort", about, async |store, request| {
        let effort =
            known(&store, &request, |known| known.reasoning_effort.map(|effort| word_of(&effort).into()));
        answer(&request, "reasoningEffort", effort.await?)
    })?;
    let fields = json!({"reasoningEffort": {"enum": EFFORTS.each_ref().map(word_of)}});
    let about = taking("Chooses how hard a conversation's models are to think", fields, chosen(name));
    routes.add("PUT /conversations/:id/reasoning-effort", about, async |store, request| {
        let effort = effort(&Body::of(&request, &["reasoningEffort"])?)?;
        let changed =
            update(&store, &request, |update| update.reasoning_effort = Maybe::Some(effort)).await?;
        answer(&request, "reasoningEffort", changed.reasoning_effort.as_ref().map(word_of).into())
    })
}

fn effort(body: &Body) -> Result<ReasoningEffort, CallError> {
    let word = body.words("reasoningEffort")?;
    of_word(&word).filter(|effort| EFFORTS.contains(effort)).ok_or_else(|| {
        let (word, known) =
            (shown(&word, 80), EFFORTS.each_ref().map(|effort| format!("`{}`", word_of(effort))));
        CallError::invalid_input(format!(
            "`reasoningEffort` is `{word}`, expected one of {}",
            known.join(", ")
        ))
    })
}

fn chosen(name: &str) -> Value {
    let mut fields = json!({"conversationId": {"type": "string"}});
    fields[name] = json!({"type": ["string", "null"]});
    object(fields)
}

async fn known(
    store: &Arc<Store>,
    request: &HttpRequest,
    choice: impl FnOnce(Conversation) -> Maybe<Text>,
) -> Result<Value, CallError> {
    Ok(value_of(&choice(store.find(&id_of(request.param("id"))?).await?)))
}

async fn update(
    store: &Arc<Store>,
    request: &HttpRequest,
    change: impl FnOnce(&mut Update),
) -> Result<Conversation, CallError> {
    let mut update = Update { conversation_id: id_of(request.param("id"))?.into(), ..Update::default() };
    change(&mut update);
    store.update(update).await
}

fn value_of(choice: &Maybe<Text>) -> Value {
    choice.as_deref().map_or(Value::Null, Value::from)
}

fn answer(request: &HttpRequest, name: &str, value: Value) -> Result<Value, CallError> {
    let mut answer = json!({"conversationId": request.param("id")});
    answer[name] = value;
    Ok(answer)
}
