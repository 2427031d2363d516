//! The bodies of requests, field by field.

use serde_json::{Map, Value, json};
use transom_agent::queue::{Delivery, Enqueue};
use transom_agent::refusal::shown;
use transom_plugin_api::{CallError, Maybe, Text};

/// Name, whether it must be there, and what it says.
pub(crate) type Field = (&'static str, bool, &'static str);

/// The fields of a message that comes.
pub(crate) const ENQUEUE: &[Field] = &[
    ("text", true, "What the person says; white space around it is cut off."),
    (
        "delivery",
        false,
        "`queue`, behind the running turn, or `steer`, between two of its steps; `queue` when absent.",
    ),
    (
        "workspaceId",
        false,
        "The workspace of a conversation that is made: 1 to 40 of a-z 0-9, and hyphens between them.",
    ),
];
/// The fields of a message that changes.
pub(crate) const REWORD: &[Field] = &[("text", true, "The other words; white space around them is cut off.")];

/// Characters a workspace's id may have.
const WORKSPACE_LENGTH: usize = 40;

/// The JSON Schema of a body.
pub(crate) fn schema(fields: &[Field]) -> Value {
    let about =
        |(name, _, about): &Field| ((*name).to_owned(), json!({ "type": "string", "description": about }));
    let properties: Map<String, Value> = fields.iter().map(about).collect();
    let required: Vec<&str> = fields.iter().filter(|field| field.1).map(|field| field.0).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// A message on its way into the queue.
///
/// # Errors
/// `InvalidInput` with the name of the field.
pub(crate) fn enqueue(conversation_id: Text, body: &Value) -> Result<Enqueue, CallError> {
    check_fields(body, ENQUEUE)?;
    Ok(Enqueue {
        conversation_id,
        text: words(body)?,
        delivery: delivery(body)?,
        workspace_id: workspace(body)?,
    })
}

/// Other words for a message that waits.
///
/// # Errors
/// As [`enqueue`].
pub(crate) fn reword(body: &Value) -> Result<Text, CallError> {
    check_fields(body, REWORD)?;
    words(body)
}

/// Makes sure that a body says nothing: that there is none, or that it has no fields.
///
/// # Errors
/// `InvalidInput` that names the field.
pub(crate) fn none(body: &Value) -> Result<(), CallError> {
    match body {
        Value::Null => Ok(()),
        Value::Object(fields) => match fields.keys().next() {
            None => Ok(()),
            Some(unknown) => refused(format!("field `{}` is unknown; none is known", shown(unknown, 40))),
        },
        other => refused(format!("the body is {}, expected none", kind_of(other))),
    }
}

fn check_fields(body: &Value, known: &[Field]) -> Result<(), CallError> {
    let Value::Object(fields) = body else {
        return refused(format!("the body is {}, expected an object with `text`", kind_of(body)));
    };
    match fields.keys().find(|name| known.iter().all(|field| field.0 != name.as_str())) {
        Some(unknown) => {
            let known: Vec<String> = known.iter().map(|field| format!("`{}`", field.0)).collect();
            refused(format!("field `{}` is unknown; known are {}", shown(unknown, 40), known.join(", ")))
        }
        None => Ok(()),
    }
}

fn words(body: &Value) -> Result<Text, CallError> {
    match text_of(body, "text")? {
        None => refused("field `text` is missing".to_owned()),
        Some(text) if text.trim().is_empty() => refused("field `text` is blank, expected words".to_owned()),
        Some(text) => Ok(text.trim().into()),
    }
}

fn delivery(body: &Value) -> Result<Delivery, CallError> {
    match text_of(body, "delivery")? {
        None | Some("queue") => Ok(Delivery::Queue),
        Some("steer") => Ok(Delivery::Steer),
        Some(other) => {
            refused(format!("field `delivery` is `{}`, expected `queue` or `steer`", shown(other, 40)))
        }
    }
}

fn workspace(body: &Value) -> Result<Maybe<Text>, CallError> {
    let Some(id) = text_of(body, "workspaceId")? else { return Ok(Maybe::None) };
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if id.len() > WORKSPACE_LENGTH || !id.split('-').all(is_word) {
        return refused(format!(
            "field `workspaceId` is `{}`, expected 1 to {WORKSPACE_LENGTH} of `a–z 0–9`, and hyphens between them",
            shown(id, 40)
        ));
    }
    Ok(Text::from(id).into())
}

/// The text of a field; `null` counts as absent.
fn text_of<'a>(body: &'a Value, field: &str) -> Result<Option<&'a str>, CallError> {
    match &body[field] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other => refused(format!("field `{field}` is {}, expected text", kind_of(other))),
    }
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn refused<T>(message: String) -> Result<T, CallError> {
    Err(CallError::invalid_input(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<Enqueue, String> {
        enqueue("c".into(), &body).map_err(|error| error.message.into())
    }

    #[test]
    fn a_whole_body_is_read_and_its_text_trimmed() {
        let expected = |delivery, workspace_id: Maybe<Text>| Enqueue {
            conversation_id: "c".into(),
            text: "go on".into(),
            delivery,
            workspace_id,
        };
        let body = json!({ "text": " go on\n", "delivery": "steer", "workspaceId": "my-own-2" });
        assert_eq!(read(body), Ok(expected(Delivery::Steer, "my-own-2".into())));
        let body = json!({ "text": "go on", "delivery": null, "workspaceId": null });
        assert_eq!(read(body), Ok(expected(Delivery::Queue, Maybe::None)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, problem) in [
            (json!(null), "the body is nothing, expected an object with `text`"),
            (json!(["text"]), "the body is a list, expected an object with `text`"),
            (json!({}), "field `text` is missing"),
            (json!({ "text": null }), "field `text` is missing"),
            (json!({ "text": " \n\u{a0}" }), "field `text` is blank, expected words"),
            (json!({ "text": 1 }), "field `text` is a number, expected text"),
            (json!({ "text": "a", "delivery": true }), "field `delivery` is a boolean, expected text"),
            (
                json!({ "text": "a", "delivery": "Steer" }),
                "field `delivery` is `Steer`, expected `queue` or `steer`",
            ),
            (json!({ "text": "a", "workspaceId": {} }), "field `workspaceId` is an object, expected text"),
            (
                json!({ "text": "a", "workspaceId": "a--b" }),
                "field `workspaceId` is `a--b`, expected 1 to 40 of `a–z 0–9`, and hyphens between them",
            ),
            (
                json!({ "text": "a", "message": "b" }),
                "field `message` is unknown; known are `text`, `delivery`, `workspaceId`",
            ),
        ] {
            assert_eq!(read(body), Err(problem.to_owned()));
        }
        for id in ["", "-", "a-", "-a", "A", "a b", &"a".repeat(41)] {
            assert!(read(json!({ "text": "a", "workspaceId": id })).is_err(), "{id}");
        }
        assert!(read(json!({ "text": "a", "workspaceId": "a".repeat(40) })).is_ok());
    }

    #[test]
    fn other_words_take_no_other_field() {
        let read = |body: Value| reword(&body).map_err(|error| String::from(error.message));
        assert_eq!(read(json!({ "text": " b " })), Ok("b".into()));
        assert_eq!(
            read(json!({ "text": "b", "delivery": "steer" })),
            Err("field `delivery` is unknown; known are `text`".to_owned())
        );
    }

    #[test]
    fn a_schema_names_the_fields_and_those_that_must_be_there() {
        let schema = schema(ENQUEUE);
        assert_eq!(schema["required"], json!(["text"]));
        let names: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["text", "delivery", "workspaceId"]);
    }
}
