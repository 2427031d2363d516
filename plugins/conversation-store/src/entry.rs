//! How messages are written in the log, chunk by chunk, and read from it.

use transom_agent::log::Entry;
use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::{CallError, List, Maybe, Text};

use crate::setting::Setting;
use crate::store::place::LARGEST;

/// A message of a log, as it is stored. Two messages with the same content have the same form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EncodedEntry {
    pub(crate) entry: Entry,
    pub(crate) chunks: Vec<String>,
}

impl EncodedEntry {
    /// Encodes an entry; refuses one that could not be read again, or that is no entry.
    pub(crate) fn of(mut entry: Entry) -> Result<Self, CallError> {
        let id = &entry.message.id;
        if id.is_empty() {
            return Err(CallError::invalid_input("`entries` contains one whose `id` is empty"));
        }
        let chunks = encode_all(id, &entry.message)?;
        check_facts(id, entry.message.role, &entry.message.chunks)?;
        check_positions(id, &entry)?;
        if let Some(turn_id) = turn_of(&entry)? {
            entry.turn_id = Maybe::Some(turn_id);
        }
        Ok(Self { entry, chunks })
    }

    /// A fact that belongs to no turn and is shown to nobody.
    pub(crate) fn of_fact(id: String, fact: Chunk) -> Result<Self, CallError> {
        let message = Message { id: id.into(), role: Role::System, chunks: List::from([fact]) };
        Self::of(Entry { message, turn_id: Maybe::None, positions: List::new() })
    }

    /// Its message's id.
    pub(crate) fn id(&self) -> &str {
        &self.entry.message.id
    }
}

fn encode_all(id: &str, message: &Message) -> Result<Vec<String>, CallError> {
    let chunks = message.chunks.iter().enumerate().map(|(index, chunk)| {
        encode(chunk).map_err(|error| {
            CallError::invalid_input(format!("chunk {index} of message `{id}` cannot be stored: {error}"))
        })
    });
    chunks.collect()
}

/// Facts are the system's, and settings are of a kind that is understood.
pub(crate) fn check_facts(id: &str, role: Role, chunks: &[Chunk]) -> Result<(), CallError> {
    if role != Role::System && chunks.iter().any(Chunk::is_fact) {
        let role = role_name(role);
        return Err(CallError::invalid_input(format!(
            "`role` of message `{id}` is `{role}`, expected `system`, since it holds a fact"
        )));
    }
    for chunk in chunks {
        if let Chunk::Setting { name, value } = chunk {
            Setting::read(name, value)?;
        }
    }
    Ok(())
}

fn check_positions(id: &str, entry: &Entry) -> Result<(), CallError> {
    let (positions, chunks) = (entry.positions.len(), entry.message.chunks.len());
    if positions != 0 && positions != chunks {
        return Err(CallError::invalid_input(format!(
            "`positions` of message `{id}` are {positions}, expected one for each of {chunks} chunks, or none"
        )));
    }
    entry.positions.iter().try_for_each(|position| check_position(id, *position))
}

/// Refuses a position that no log reaches.
pub(crate) fn check_position(id: &str, position: i64) -> Result<(), CallError> {
    // The end of a turn takes the next one, too.
    if (1..LARGEST).contains(&position) {
        return Ok(());
    }
    Err(CallError::invalid_input(format!(
        "`position` of message `{id}` is {position}, expected 1 to {}",
        LARGEST - 1
    )))
}

/// The turn that an entry says it begins or ends.
pub(crate) fn turn_of(entry: &Entry) -> Result<Option<Text>, CallError> {
    let mut said: Option<Text> = entry.turn_id.clone().into_option();
    for chunk in &entry.message.chunks {
        let turn_id = match chunk {
            Chunk::TurnStart { turn_id, .. } => turn_id,
            Chunk::TurnEnd { record } => &record.turn_id,
            _ => continue,
        };
        match &said {
            Some(said) if said != turn_id => {
                let id = &entry.message.id;
                return Err(CallError::invalid_input(format!(
                    "`turnId` of message `{id}` is `{said}`, but a chunk of it is about turn `{turn_id}`"
                )));
            }
            _ => said = Some(turn_id.clone()),
        }
    }
    match said {
        Some(turn_id) if turn_id.is_empty() => Err(CallError::invalid_input("`turnId` is empty")),
        said => Ok(said),
    }
}

/// Encodes a chunk; refuses one that could not be read again.
pub(crate) fn encode(chunk: &Chunk) -> Result<String, serde_json::Error> {
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

/// Why a stored chunk cannot be read, if so.
pub(crate) fn unreadable(text: &str) -> Option<serde_json::Error> {
    serde_json::from_str::<Chunk>(text).err()
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
    use transom_agent::compaction::Summary;
    use transom_agent::message::ThoughtState;
    use transom_agent::turn::{EndReason, TurnRecord};
    use transom_plugin_api::{CallErrorKind, Json};

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

    fn encoded(message: Message) -> Result<Vec<String>, CallError> {
        let entry = Entry { message, turn_id: Maybe::None, positions: List::new() };
        EncodedEntry::of(entry).map(|entry| entry.chunks)
    }

    fn nested(depth: usize) -> Json {
        Json::parse(&("[".repeat(depth) + &"]".repeat(depth))).expect("well-formed")
    }

    #[test]
    fn every_kind_of_chunk_is_read_as_it_was_written() {
        let input = Json::parse(r#"{"b":1,"a":[null,"ü\u0000"]}"#).expect("well-formed");
        let chunks = [
            Chunk::Text { text: "a\0b \"quoted\"".into() },
            Chunk::Thinking { text: "…".into(), state: Maybe::None },
            Chunk::Thinking {
                text: "".into(),
                state: Maybe::Some(ThoughtState { provider: "a".into(), state: input.clone() }),
            },
            Chunk::Compacted { summary: Summary { text: "so".into(), messages: 3, ..Summary::default() } },
            call_with(input.clone()).chunks[0].clone(),
            Chunk::ToolResult {
                tool_call_id: "call".into(),
                tool_name: "tool".into(),
                content: "done".into(),
                is_error: false,
                step_id: Maybe::Some("turn#0".into()),
                duration_ms: Maybe::Some(7),
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
        assert_eq!(encoded(loose), encoded(tight));
    }

    #[test]
    fn what_could_not_be_read_again_is_refused_and_named() {
        encoded(call_with(nested(100))).expect("accepted");
        let error = encoded(call_with(nested(127))).expect_err("refused");
        assert_eq!(error.kind, CallErrorKind::InvalidInput);
        assert!(error.message.starts_with("chunk 0 of message `m` cannot be stored: "), "{error}");
    }

    #[test]
    fn a_message_without_an_id_is_refused() {
        let error = encoded(Message::text("", Role::User, "hello")).expect_err("refused");
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
        assert_eq!(encoded(message).expect("accepted"), [text]);
    }

    #[test]
    fn a_role_is_written_as_clients_see_it() {
        for role in ROLES {
            assert_eq!(serde_json::to_value(role).expect("encodes"), role_name(role));
            assert_eq!(role_named(role_name(role)), Some(role));
        }
    }

    fn end_of(turn_id: &str) -> Chunk {
        let record = TurnRecord {
            turn_id: turn_id.into(),
            model: "m".into(),
            reason: EndReason::Stop,
            usage: Default::default(),
            steps: 1,
            error_class: Maybe::None,
            context_size: Maybe::None,
            started_at: 1,
            duration_ms: 1,
        };
        Chunk::TurnEnd { record }
    }

    fn system(chunk: Chunk, turn_id: Option<&str>, positions: &[i64]) -> Entry {
        let message = Message { id: "m".into(), role: Role::System, chunks: List::from([chunk]) };
        Entry { message, turn_id: turn_id.map(Text::from).into(), positions: positions.into() }
    }

    #[test]
    fn an_entry_that_contradicts_itself_is_refused_with_its_field() {
        let refusal = |entry| EncodedEntry::of(entry).expect_err("refused").message.into_string();
        let said_by_a_person = Message { role: Role::User, ..system(end_of("t"), None, &[]).message };
        let said_by_a_person = Entry { message: said_by_a_person, ..system(end_of("t"), None, &[]) };
        assert!(refusal(said_by_a_person).starts_with("`role` of message `m` is `user`"));
        assert!(refusal(system(end_of("t"), Some("u"), &[])).starts_with("`turnId` of message `m` is `u`"));
        assert!(refusal(system(end_of("t"), None, &[1, 2])).starts_with("`positions` of message `m` are 2"));
        for position in [0, -1, LARGEST, i64::MAX] {
            let refusal = refusal(system(end_of("t"), None, &[position]));
            assert!(refusal.starts_with("`position` of message `m` is "), "{refusal}");
        }
        let mood = Chunk::Setting { name: "cwd".into(), value: Json::parse("7").expect("well-formed") };
        assert!(refusal(system(mood, None, &[])).starts_with("`cwd` is set to neither"));
    }

    #[test]
    fn an_entry_belongs_to_the_turn_that_it_ends() {
        let entry = EncodedEntry::of(system(end_of("t"), None, &[])).expect("accepted").entry;
        assert_eq!(entry.turn_id.as_deref(), Some("t"));
    }
}
