//! [`Fields`]: the fields of a message, read one by one. What is wrong is named.

use serde::Deserialize;
use serde_json::{Map, Value};
use transom_agent::event::Cursor;
use transom_agent::provider::ReasoningEffort;
use transom_agent::queue::Delivery;
use transom_plugin_api::{Maybe, Text};

/// What every message may have.
const ALWAYS: [&str; 2] = ["type", "id"];

/// Fields a client of a larger host may send. To ignore one would be to answer another question than the one asked.
const NOT_SERVED: [&str; 4] = ["images", "computerId", "systemPrompt", "tools"];

/// Characters of a conversation's id, at most.
const MOST_ID: usize = 128;

const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];
const DELIVERIES: [&str; 2] = ["steer", "queue"];

/// The fields of one message. What is `null` is absent.
pub(crate) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// Of a message that may have these.
    ///
    /// # Errors
    /// For any other field: to ignore one would be to do something else than was asked.
    pub(crate) fn of(message: &'a Map<String, Value>, known: &[&str]) -> Result<Self, String> {
        let is_known = |field: &str| known.contains(&field) || ALWAYS.contains(&field);
        match message.keys().find(|field| !is_known(field)) {
            None => Ok(Self(message)),
            Some(field) if NOT_SERVED.contains(&field.as_str()) => {
                Err(format!("field `{field}` is not served yet; leave it out"))
            }
            Some(field) => Err(format!("field `{}` is unknown; known are {}", cut(field), listed(known))),
        }
    }

    /// A text, if it is there.
    pub(crate) fn text(&self, field: &str) -> Result<Option<&'a str>, String> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("field `{field}` is {}, expected text", kind_of(other))),
        }
    }

    /// A text that has to be there.
    pub(crate) fn required(&self, field: &str) -> Result<&'a str, String> {
        self.text(field)?.ok_or_else(|| format!("field `{field}` is missing"))
    }

    /// Words that have to be there, without white space around them.
    pub(crate) fn words(&self, field: &str) -> Result<Text, String> {
        let words = self.required(field)?.trim();
        if words.is_empty() {
            return Err(format!("field `{field}` is blank, expected words"));
        }
        Ok(words.into())
    }

    /// A text that may be absent, for the far side to check.
    pub(crate) fn choice(&self, field: &str) -> Result<Maybe<Text>, String> {
        Ok(self.text(field)?.map(Text::from).into())
    }

    /// The conversation that has to be named.
    pub(crate) fn conversation(&self) -> Result<Text, String> {
        checked(self.required("conversationId")?)
    }

    /// The conversation, if one is named; an empty name is none.
    pub(crate) fn named_conversation(&self) -> Result<Option<Text>, String> {
        self.text("conversationId")?.filter(|id| !id.is_empty()).map(checked).transpose()
    }

    /// The last that was seen.
    pub(crate) fn cursor(&self, field: &str) -> Result<Option<Cursor>, String> {
        let read = |text: &str| {
            text.parse()
                .map_err(|error: transom_plugin_api::CallError| format!("field `{field}`: {}", error.message))
        };
        self.text(field)?.map(read).transpose()
    }

    /// How hard a model is to think.
    pub(crate) fn effort(&self) -> Result<Maybe<ReasoningEffort>, String> {
        let is_known = |effort: &ReasoningEffort| !matches!(effort, ReasoningEffort::Unknown(_));
        Ok(self.word("reasoningEffort", &EFFORTS, is_known)?.into())
    }

    /// When a message is delivered.
    pub(crate) fn delivery(&self) -> Result<Delivery, String> {
        let is_known = |delivery: &Delivery| !matches!(delivery, Delivery::Unknown(_));
        Ok(self.word("delivery", &DELIVERIES, is_known)?.unwrap_or_default())
    }

    fn word<T: for<'de> Deserialize<'de>>(
        &self,
        field: &str,
        words: &[&str],
        is_known: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, String> {
        let Some(word) = self.text(field)? else { return Ok(None) };
        let read = T::deserialize(Value::from(word)).ok().filter(is_known);
        let refused = || format!("field `{field}` is `{}`, expected one of {}", cut(word), listed(words));
        read.map(Some).ok_or_else(refused)
    }
}

/// An id that a conversation can have.
fn checked(id: &str) -> Result<Text, String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if id.is_empty() || id.len() > MOST_ID || !id.bytes().all(is_part) || [".", ".."].contains(&id) {
        return Err(format!(
            "field `conversationId` is `{}`, expected 1 to {MOST_ID} of `A–Z a–z 0–9 - _ .`",
            cut(id)
        ));
    }
    Ok(id.into())
}

/// What a client wrote, short enough to be repeated.
pub(crate) fn cut(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// What a value is, in a sentence.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
