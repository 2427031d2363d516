//! How messages are written in the log, chunk by chunk, and read from it.

use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::{CallError, Maybe};

/// A message as it is stored. Two messages with the same content have the same form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EncodedMessage {
    pub(crate) id: String,
    pub(crate) role: Role,
    pub(crate) chunks: Vec<String>,
}

impl EncodedMessage {
    /// Encodes a message; refuses one that could not be read again.
    pub(crate) fn of(message: &Message) -> Result<Self, CallError> {
        if message.id.is_empty() {
            return Err(CallError::invalid_input("`messages` contains one whose `id` is empty"));
        }
        let chunks = message.chunks.iter().enumerate().map(|(index, chunk)| {
            encode(chunk).map_err(|error| {
                let id = &message.id;
                CallError::invalid_input(format!("chunk {index} of message `{id}` cannot be stored: {error}"))
            })
        });
        Ok(Self {
            id: message.id.as_str().to_owned(),
            role: message.role,
            chunks: chunks.collect::<Result<_, _>>()?,
        })
    }
}

fn encode(chunk: &Chunk) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(chunk)?;
    // A document at the parser's limit of depth is one level deeper inside its chunk: it can be written, not read.
    serde_json::from_str::<Chunk>(&text)?;
    Ok(text)
}

/// Reads a stored chunk. One that cannot be read keeps its place in the log, as an error that viewers see and models
/// do not.
pub(crate) fn decode(text: &str) -> Chunk {
    serde_json::from_str(text).unwrap_or_else(|error| Chunk::Error {
        message: format!("this part of the log cannot be read: {error}").into(),
        code: Maybe::Some("unreadable".into()),
    })
}

/// Every role.
const ROLES: [Role; 4] = [Role::System, Role::User, Role::Assistant, Role::Tool];

/// How a role is written in the database.
pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

/// The role that is written so.
pub(crate) fn role_named(name: &str) -> Option<Role> {
    ROLES.into_iter().find(|role| role_name(*role) == name)
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::{CallErrorKind, Json, List};

    use super::*;

    fn call_with(input: Json) -> Message {
        let chunk = Chunk::ToolCall {
            tool_call_id: "call".into(),
            tool_name: "tool".into(),
            input,
            step_id: Maybe::None,
        };
        Message { id: "m".into(), role: Role::Assistant, chunks: List::from([chunk]) }
    }

    fn nested(depth: usize) -> Json {
        Json::parse(&("[".repeat(depth) + &"]".repeat(depth))).expect("well-formed")
    }

    #[test]
    fn every_kind_of_chunk_is_read_as_it_was_written() {
        let input = Json::parse(r#"{"b":1,"a":[null,"ü\u0000"]}"#).expect("well-formed");
        let chunks = [
            Chunk::Text { text: "a\0b \"quoted\"".into() },
            Chunk::Thinking { text: "…".into() },
            call_with(input).chunks[0].clone(),
            Chunk::ToolResult {
                tool_call_id: "call".into(),
                tool_name: "tool".into(),
                content: "done".into(),
                is_error: false,
                step_id: Maybe::Some("turn#0".into()),
            },
            Chunk::Error { message: "gone".into(), code: Maybe::None },
        ];
        for chunk in chunks {
            let text = encode(&chunk).expect("encodes");
            let again = decode(&text);
            assert_eq!(encode(&again).expect("encodes"), text);
            assert_eq!(std::mem::discriminant(&again), std::mem::discriminant(&chunk));
        }
    }

    #[test]
    fn spaces_in_a_tool_input_do_not_make_another_message() {
        let loose = call_with(Json::parse("{ \"a\" : 1 }").expect("well-formed"));
        let tight = call_with(Json::parse("{\"a\":1}").expect("well-formed"));
        assert_eq!(EncodedMessage::of(&loose), EncodedMessage::of(&tight));
    }

    #[test]
    fn what_could_not_be_read_again_is_refused_and_named() {
        EncodedMessage::of(&call_with(nested(100))).expect("accepted");
        let error = EncodedMessage::of(&call_with(nested(127))).expect_err("refused");
        assert_eq!(error.kind, CallErrorKind::InvalidInput);
        assert!(error.message.starts_with("chunk 0 of message `m` cannot be stored: "), "{error}");
    }

    #[test]
    fn a_message_without_an_id_is_refused() {
        let error = EncodedMessage::of(&Message::text("", Role::User, "hello")).expect_err("refused");
        assert_eq!(error.kind, CallErrorKind::InvalidInput);
    }

    #[test]
    fn an_unreadable_chunk_keeps_its_place_as_an_error() {
        let Chunk::Error { message, code } = decode(r#"{"type":"text"}"#) else { panic!("an error") };
        assert_eq!(code.as_deref(), Some("unreadable"));
        assert!(message.contains("missing field `text`"), "{message}");
    }

    #[test]
    fn a_chunk_of_a_later_revision_is_read_as_it_was_written() {
        let text = r#"{"type":"hologram","b":[1.5,{"a":null}],"a":-7}"#;
        let chunk = decode(text);
        assert!(matches!(&chunk, Chunk::Unknown(unknown) if unknown.tag() == "hologram"), "{chunk:?}");
        let message = Message { id: "m".into(), role: Role::Assistant, chunks: List::from([chunk]) };
        assert_eq!(EncodedMessage::of(&message).expect("accepted").chunks, [text]);
    }

    #[test]
    fn a_role_is_written_as_clients_see_it() {
        for role in ROLES {
            assert_eq!(serde_json::to_value(role).expect("encodes"), role_name(role));
            assert_eq!(role_named(role_name(role)), Some(role));
        }
    }
}
