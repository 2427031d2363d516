//! `PUT /conversations/:id/model` and `PUT /conversations/:id/cwd`.

use serde_json::{Value, json};
use transom_agent::reach::{HttpRequest, HttpRoute};
use transom_plugin_api::{CallError, Text};

use super::chat::{refused, text_of, workspace_of};
use super::{conversation_of, fields_of};
use crate::edges::Edges;
use crate::orchestrator::{Chosen, Orchestrator};

/// What the route of the model says of itself.
pub(super) fn about_model() -> HttpRoute {
    about(
        "chooses the model of a conversation's turns, or takes that back",
        json!({ "model": { "type": ["string", "null"] } }),
        "model",
    )
}

/// What the route of the folder says of itself.
pub(super) fn about_cwd() -> HttpRoute {
    about(
        "chooses the folder that a conversation's turns work in",
        json!({ "cwd": { "type": "string" }, "workspaceId": { "type": "string" } }),
        "cwd",
    )
}

fn about(summary: &str, fields: Value, name: &str) -> HttpRoute {
    let mut answer = json!({ "conversationId": { "type": "string" } });
    answer[name] = json!({ "type": ["string", "null"] });
    HttpRoute {
        input: json!({
            "type": "object", "properties": fields, "required": [name], "additionalProperties": false,
        })
        .into(),
        output: json!({ "type": "object", "properties": answer, "required": ["conversationId", name] })
            .into(),
        ..HttpRoute::new(summary)
    }
}

/// `PUT /conversations/:id/model`; no words take a choice back, as `null` does.
pub(super) async fn model<E: Edges>(
    orchestrator: &Orchestrator<E>,
    request: &HttpRequest,
) -> Result<Value, CallError> {
    let body = fields_of(request, &["model"])?;
    if body.get("model").is_none() {
        return Err(refused("field `model` is missing, expected text or `null`".to_owned()));
    }
    let model = text_of(&body, "model")?.filter(|model| !model.is_empty()).map(Text::from);
    let conversation_id = conversation_of(request)?;
    let chosen = orchestrator.choose_model(&conversation_id, model).await?;
    let mut answer = answer(&conversation_id, "model", &chosen);
    if !chosen.is_served {
        answer["served"] = json!(false);
    }
    Ok(answer)
}

/// `PUT /conversations/:id/cwd`
pub(super) async fn cwd<E: Edges>(
    orchestrator: &Orchestrator<E>,
    request: &HttpRequest,
) -> Result<Value, CallError> {
    let body = fields_of(request, &["cwd", "workspaceId"])?;
    let cwd = text_of(&body, "cwd")?.filter(|cwd| !cwd.trim().is_empty());
    let cwd = cwd.ok_or_else(|| refused("field `cwd` is missing or blank, expected a path".to_owned()))?;
    let workspace_id = workspace_of(text_of(&body, "workspaceId")?)?;
    let conversation_id = conversation_of(request)?;
    let chosen = orchestrator.choose_folder_for(&conversation_id, cwd, workspace_id).await?;
    Ok(answer(&conversation_id, "cwd", &chosen))
}

fn answer(conversation_id: &Text, name: &str, chosen: &Chosen) -> Value {
    let mut answer = json!({ "conversationId": conversation_id });
    answer[name] = json!(chosen.choice);
    answer
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::edges::fake::scene::scene;

    fn put(body: Value) -> HttpRequest {
        HttpRequest { body: body.into(), ..HttpRequest::new("PUT", "/") }.with_param("id", "c")
    }

    #[tokio::test]
    async fn a_choice_is_answered_and_taken_back_by_null_and_by_no_words() {
        let scene = scene();
        for (wanted, stands) in [("a/one", json!("a/one")), ("", Value::Null)] {
            let answer = model(&scene.orchestrator, &put(json!({ "model": wanted }))).await;
            assert_eq!(answer, Ok(json!({ "conversationId": "c", "model": stands })));
        }
        scene.world.is_anybody_away.store(true, Ordering::Relaxed);
        let answer = model(&scene.orchestrator, &put(json!({ "model": "x/y" }))).await;
        assert_eq!(answer, Ok(json!({ "conversationId": "c", "model": "x/y", "served": false })));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_choice_is_named() {
        let scene = scene();
        for (body, problem) in [
            (json!({}), "field `model` is missing, expected text or `null`"),
            (json!({ "model": 7 }), "field `model` is a number, expected text"),
            (json!({ "model": "a/one", "x": 1 }), "field `x` is unknown; known are `model`"),
            (json!([]), "the body is a list, expected an object with `model`"),
        ] {
            let refused = model(&scene.orchestrator, &put(body)).await.unwrap_err();
            assert_eq!(refused.message, problem);
        }
        for (body, problem) in [
            (json!({ "cwd": " " }), "field `cwd` is missing or blank, expected a path"),
            (json!({ "cwd": "src" }), "`cwd` is `src`, expected an absolute path"),
        ] {
            let refused = cwd(&scene.orchestrator, &put(body)).await.unwrap_err();
            assert_eq!(refused.message, problem);
        }
        let slug = json!({ "cwd": "/", "workspaceId": "W" });
        let refused = cwd(&scene.orchestrator, &put(slug)).await.unwrap_err();
        assert!(refused.message.starts_with("field `workspaceId` is `W`, expected"), "{refused}");
    }
}
