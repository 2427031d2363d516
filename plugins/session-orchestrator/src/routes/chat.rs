//! The body of `POST /chat`.

use serde::Deserialize;
use serde_json::{Value, json};
use transom_agent::provider::ReasoningEffort;
use transom_agent::reach::HttpRoute;
use transom_agent::refusal::shown;
use transom_agent::turn::StartTurn;
use transom_plugin_api::{CallError, Maybe, Text};

use crate::admission::SHOWN;

const FIELDS: [&str; 6] = ["message", "conversationId", "model", "cwd", "reasoningEffort", "workspaceId"];
/// Fields a client of a larger host may send. To ignore one would be to answer another question than the one asked.
const NOT_SERVED: [&str; 4] = ["images", "computerId", "systemPrompt", "tools"];
/// Characters that the id of a workspace may have.
const WORKSPACE_LENGTH: usize = 40;
const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];

/// What the route says of itself.
pub(super) fn about() -> HttpRoute {
    let text = json!({ "type": "string" });
    let input = json!({
        "type": "object",
        "properties": {
            "message": { "type": "string", "description": "what the person says; not blank" },
            "conversationId": { "type": "string", "description": "a new one when absent or empty" },
            "model": text,
            "cwd": text,
            "reasoningEffort": { "enum": EFFORTS },
            "workspaceId": { "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$" },
        },
        "required": ["message"],
        "additionalProperties": false,
    });
    let output =
        json!({ "type": "object", "description": "an event of the turn; the last one is `turn-sealed`" });
    HttpRoute {
        summary: "starts a turn and streams its events".into(),
        input: input.into(),
        output: output.into(),
        query: transom_plugin_api::Json::default(),
    }
}

/// Reads the body; a conversation without an id gets one of `new_id`.
///
/// # Errors
/// `InvalidInput` that names the field.
pub(super) fn read(body: &Value, new_id: impl FnOnce() -> Text) -> Result<StartTurn, CallError> {
    let Value::Object(fields) = body else {
        return Err(refused(format!("the body is {}, expected an object with `message`", kind_of(body))));
    };
    for field in fields.keys() {
        if NOT_SERVED.contains(&field.as_str()) {
            return Err(refused(format!("field `{field}` is not served yet; leave it out")));
        }
        if !FIELDS.contains(&field.as_str()) {
            let known = FIELDS.map(|field| format!("`{field}`")).join(", ");
            return Err(refused(format!("field `{}` is unknown; known are {known}", shown(field, SHOWN))));
        }
    }
    let text = |field| text_of(body, field);
    let message = text("message")?.ok_or_else(|| refused("field `message` is missing".to_owned()))?;
    if message.trim().is_empty() {
        return Err(refused("field `message` is blank, expected words".to_owned()));
    }
    let conversation_id = text("conversationId")?.filter(|id| !id.is_empty()).map(Text::from);
    Ok(StartTurn {
        conversation_id: conversation_id.unwrap_or_else(new_id),
        text: message.trim().into(),
        model: text("model")?.map(Text::from).into(),
        cwd: text("cwd")?.map(Text::from).into(),
        reasoning_effort: effort_of(text("reasoningEffort")?)?,
        workspace_id: workspace_of(text("workspaceId")?)?,
        message_id: Maybe::None,
    })
}

/// The text of a field; `null` counts as absent.
pub(super) fn text_of<'a>(body: &'a Value, field: &str) -> Result<Option<&'a str>, CallError> {
    match &body[field] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other => Err(refused(format!("field `{field}` is {}, expected text", kind_of(other)))),
    }
}

/// The id of a workspace; one that is empty counts as absent.
pub(super) fn workspace_of(id: Option<&str>) -> Result<Maybe<Text>, CallError> {
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(Maybe::None) };
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let inner = !id.starts_with('-') && !id.ends_with('-');
    if id.len() <= WORKSPACE_LENGTH && id.bytes().all(allowed) && inner {
        return Ok(Maybe::Some(id.into()));
    }
    let shown = shown(id, SHOWN);
    Err(refused(format!(
        "field `workspaceId` is `{shown}`, expected 1 to {WORKSPACE_LENGTH} characters of `a–z 0–9`, with `-` between them"
    )))
}

fn effort_of(effort: Option<&str>) -> Result<Maybe<ReasoningEffort>, CallError> {
    let Some(effort) = effort else { return Ok(Maybe::None) };
    match ReasoningEffort::deserialize(Value::from(effort)) {
        Ok(ReasoningEffort::Unknown(_)) | Err(_) => {
            let known = EFFORTS.map(|effort| format!("`{effort}`")).join(", ");
            let effort = shown(effort, SHOWN);
            Err(refused(format!("field `reasoningEffort` is `{effort}`, expected one of {known}")))
        }
        Ok(effort) => Ok(Maybe::Some(effort)),
    }
}

pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn refused(message: String) -> CallError {
    CallError::invalid_input(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<StartTurn, String> {
        super::read(&body, || "minted".into()).map_err(|error| error.message.into())
    }

    #[test]
    fn a_whole_body_is_read_and_the_message_trimmed() {
        let body = json!({
            "message": " hi\n", "conversationId": "c-1", "model": "a/one", "cwd": "/tmp", "reasoningEffort": "xhigh",
            "workspaceId": "a-1",
        });
        let expected = StartTurn {
            conversation_id: "c-1".into(),
            text: "hi".into(),
            model: Text::from("a/one").into(),
            cwd: Text::from("/tmp").into(),
            reasoning_effort: ReasoningEffort::Xhigh.into(),
            workspace_id: Text::from("a-1").into(),
            message_id: Maybe::None,
        };
        assert_eq!(read(body), Ok(expected));
    }

    #[test]
    fn an_absent_an_empty_and_a_null_conversation_get_a_new_id() {
        for body in [
            json!({ "message": "hi" }),
            json!({ "message": "hi", "conversationId": "", "model": null }),
            json!({ "message": "hi", "conversationId": null, "reasoningEffort": null }),
        ] {
            let start = read(body).unwrap();
            assert_eq!(start.conversation_id, "minted");
            assert!(start.model.is_none() && start.cwd.is_none() && start.reasoning_effort.is_none());
        }
    }

    #[test]
    fn every_effort_in_the_schema_is_read() {
        for effort in EFFORTS {
            assert!(read(json!({ "message": "hi", "reasoningEffort": effort })).is_ok(), "{effort}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, problem) in [
            (json!(null), "the body is nothing, expected an object with `message`"),
            (json!([]), "the body is a list, expected an object with `message`"),
            (json!({}), "field `message` is missing"),
            (json!({ "message": null }), "field `message` is missing"),
            (json!({ "message": " \n" }), "field `message` is blank, expected words"),
            (json!({ "message": 1 }), "field `message` is a number, expected text"),
            (json!({ "message": "hi", "model": [] }), "field `model` is a list, expected text"),
            (json!({ "message": "hi", "cwd": true }), "field `cwd` is a boolean, expected text"),
            (
                json!({ "message": "hi", "conversationId": {} }),
                "field `conversationId` is an object, expected text",
            ),
            (
                json!({ "message": "hi", "reasoningEffort": "huge" }),
                "field `reasoningEffort` is `huge`, expected one of `low`, `medium`, `high`, `xhigh`, `max`",
            ),
            (
                json!({ "message": "hi", "stream": true }),
                "field `stream` is unknown; known are `message`, `conversationId`, `model`, `cwd`, `reasoningEffort`, `workspaceId`",
            ),
        ] {
            assert_eq!(read(body), Err(problem.to_owned()));
        }
    }

    #[test]
    fn a_workspace_is_named_by_a_slug() {
        let longest = "x".repeat(WORKSPACE_LENGTH);
        for id in ["a", "0", "a-b", "a--b", &longest] {
            let start = read(json!({ "message": "hi", "workspaceId": id })).unwrap();
            assert_eq!(start.workspace_id.as_deref(), Some(id));
        }
        assert!(read(json!({ "message": "hi", "workspaceId": "" })).unwrap().workspace_id.is_none());
        let long = "x".repeat(5000);
        for id in ["-", "-a", "a-", "A", "a b", "a/b", "ä", "..", &long] {
            let problem = read(json!({ "message": "hi", "workspaceId": id })).unwrap_err();
            assert!(problem.starts_with("field `workspaceId` is `") && problem.len() < 400, "{problem}");
        }
    }

    #[test]
    fn fields_of_a_larger_host_are_refused_rather_than_ignored() {
        for field in NOT_SERVED {
            let body = json!({ "message": "hi", field: null });
            assert_eq!(read(body), Err(format!("field `{field}` is not served yet; leave it out")));
        }
    }
}
