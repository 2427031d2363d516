//! What requests and messages ask for.

use serde_json::{Map, Value};
use transom_agent::body::{check_query, unexpected};
use transom_plugin_api::{CallError, Map as Pairs, Text};

/// Surfaces that one may look at by name.
const MOST_NAMED: usize = 64;

/// What somebody looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) which: Which,
    /// Whose surfaces, of those that belong to conversations.
    pub(crate) conversation_id: Option<Text>,
}

/// Which surfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// None, but which there are.
    Catalogue,
    /// These.
    These(Vec<Text>),
    /// Those there are at any time.
    All,
}

impl Which {
    /// Those that are named.
    pub(crate) fn ids(&self) -> &[Text] {
        match self {
            Self::These(ids) => ids,
            Self::Catalogue | Self::All => &[],
        }
    }
}

/// What a request for events wants: `surface`, one or several with commas between them, and `conversationId`.
///
/// # Errors
/// `InvalidInput` for other keys and for too many surfaces.
pub(crate) fn by_query(query: &Pairs<Text>) -> Result<Wanted, CallError> {
    check_query(query, &["surface", "conversationId"])?;
    let which = match query.get("surface") {
        Some(names) => Which::These(named(names)?),
        None => Which::All,
    };
    Ok(Wanted { which, conversation_id: query.get("conversationId").cloned() })
}

fn named(names: &str) -> Result<Vec<Text>, CallError> {
    let count = names.split(',').count();
    if count > MOST_NAMED {
        let message = format!("`surface` in the query has {count} names, expected at most {MOST_NAMED}");
        return Err(CallError::invalid_input(message));
    }
    let mut ids: Vec<Text> = names.split(',').map(Text::from).collect();
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// What a message that subscribes wants: a surface, or without one which there are.
///
/// # Errors
/// `InvalidInput` when one of the fields is no text.
pub(crate) fn by_message(fields: &Map<String, Value>) -> Result<Wanted, CallError> {
    let which = text(fields, "surfaceId")?.map_or(Which::Catalogue, |id| Which::These(vec![id]));
    Ok(Wanted { which, conversation_id: text(fields, "conversationId")? })
}

/// A field of text that may be missing.
///
/// # Errors
/// `InvalidInput` when it is something else.
pub(crate) fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<Text>, CallError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str().into())),
        Some(other) => Err(unexpected(name, other, "text")),
    }
}

/// A field of text that is needed.
///
/// # Errors
/// `InvalidInput` when it is missing or something else.
pub(crate) fn needed(fields: &Map<String, Value>, name: &str) -> Result<Text, CallError> {
    text(fields, name)?.ok_or_else(|| CallError::invalid_input(format!("field `{name}` is missing")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Result<Wanted, String> {
        let query = pairs.iter().map(|(name, value)| (*name, Text::from(*value))).collect();
        by_query(&query).map_err(|error| error.message.into_string())
    }

    #[test]
    fn a_query_names_surfaces_or_wants_all_of_them() {
        let all = Wanted { which: Which::All, conversation_id: None };
        assert_eq!(query(&[]), Ok(all));
        let these = query(&[("surface", "b,a,b"), ("conversationId", "c")]).unwrap();
        assert_eq!(
            (these.which.ids(), these.conversation_id.as_deref()),
            (&["a".into(), "b".into()][..], Some("c"))
        );
        assert!(query(&[("surfaces", "a")]).unwrap_err().contains("`surfaces` in the query is unknown"));
        let many = "a,".repeat(MOST_NAMED);
        assert_eq!(
            query(&[("surface", &many)]).unwrap_err(),
            "`surface` in the query has 65 names, expected at most 64"
        );
    }

    #[test]
    fn a_message_names_a_surface_or_wants_the_catalogue() {
        let read = |message: Value| by_message(message.as_object().unwrap());
        assert_eq!(read(json!({})).unwrap().which, Which::Catalogue);
        let one = read(json!({"surfaceId": "a", "conversationId": null})).unwrap();
        assert_eq!(one, Wanted { which: Which::These(vec!["a".into()]), conversation_id: None });
        let told = read(json!({"surfaceId": 7})).unwrap_err().message;
        assert_eq!(told, "field `surfaceId` is `7`, expected text");
    }
}
