//! The body of `POST /conversations/:id/answer`, and the query of `GET /questions`.

use serde_json::json;
use transom_agent::body::check_query;
use transom_agent::question::{AnswerQuestion, QuestionsOf};
use transom_agent::reach::{HttpRequest, HttpRoute};
use transom_plugin_api::{CallError, Text};

use super::chat::{refused, text_of};
use super::{conversation_of, fields_of};

const FIELDS: [&str; 2] = ["questionId", "choice"];

/// What the route says of itself.
pub(super) fn about() -> HttpRoute {
    let text = json!({ "type": "string" });
    let input = json!({
        "type": "object",
        "properties": { "questionId": text, "choice": text },
        "required": FIELDS,
        "additionalProperties": false,
    });
    HttpRoute { input: input.into(), ..HttpRoute::new("answers a question that a turn waits for") }
}

/// Reads the request.
///
/// # Errors
/// `InvalidInput` that names the field.
pub(super) fn read(request: &HttpRequest) -> Result<AnswerQuestion, CallError> {
    let body = fields_of(request, &FIELDS)?;
    let text = |field: &str| {
        let text = text_of(&body, field)?.map(Text::from);
        text.ok_or_else(|| refused(format!("field `{field}` is missing")))
    };
    Ok(AnswerQuestion {
        conversation_id: conversation_of(request)?,
        question_id: text("questionId")?,
        choice: text("choice")?,
    })
}

/// What the listing says of itself.
pub(super) fn about_list() -> HttpRoute {
    let query = json!({
        "type": "object",
        "properties": { "conversationId": { "type": "string", "description": "only those of this conversation" } },
        "additionalProperties": false,
    });
    HttpRoute { query: query.into(), ..HttpRoute::new("the questions that wait for a person") }
}

/// Reads the query of the listing.
///
/// # Errors
/// `InvalidInput` with a key that is not known.
pub(super) fn of_query(request: &HttpRequest) -> Result<QuestionsOf, CallError> {
    check_query(&request.query, &["conversationId"])?;
    Ok(QuestionsOf { conversation_id: request.query.get("conversationId").cloned().into() })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(body: Value) -> Result<AnswerQuestion, String> {
        let request = HttpRequest { body: body.into(), ..HttpRequest::new("POST", "/") };
        super::read(&request.with_param("id", "c")).map_err(|error| error.message.into())
    }

    #[test]
    fn an_answer_names_its_question_and_its_choice() {
        let answer = read(json!({ "questionId": "q", "choice": "yes" })).unwrap();
        let told = (answer.conversation_id.as_str(), answer.question_id.as_str(), answer.choice.as_str());
        assert_eq!(told, ("c", "q", "yes"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, problem) in [
            (json!(null), "the body is nothing, expected an object with `questionId` and `choice`"),
            (json!({ "choice": "yes" }), "field `questionId` is missing"),
            (json!({ "questionId": "q", "choice": 1 }), "field `choice` is a number, expected text"),
            (
                json!({ "questionId": "q", "choice": "yes", "x": 1 }),
                "field `x` is unknown; known are `questionId` and `choice`",
            ),
        ] {
            assert_eq!(read(body), Err(problem.to_owned()));
        }
    }
}
