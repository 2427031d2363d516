//! The rules by which the start of a turn is accepted, apart from its folder.

use transom_plugin_api::{CallError, Text};

/// Characters a conversation's id may have.
const ID_LENGTH: usize = 128;

/// Refuses an id that no conversation can have.
///
/// # Errors
/// `InvalidInput` with the rule.
pub(crate) fn check_conversation_id(id: &str) -> Result<(), CallError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=ID_LENGTH).contains(&id.len()) && id.bytes().all(allowed) {
        return Ok(());
    }
    // An id that is not one may be anything, so that only its beginning is repeated.
    let shown: String = id.chars().take(40).collect();
    Err(CallError::invalid_input(format!(
        "`conversationId` is `{shown}`, expected 1 to {ID_LENGTH} characters of `A–Z a–z 0–9 - _ .`"
    )))
}

/// Refuses a message without words.
///
/// # Errors
/// `InvalidInput` with the name of the field.
pub(crate) fn check_text(text: &str) -> Result<(), CallError> {
    if text.trim().is_empty() {
        return Err(CallError::invalid_input("`text` is blank, expected a message"));
    }
    Ok(())
}

/// What a turn can be asked to use, the nearest wish first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ModelWishes<'a> {
    /// Named in the request.
    pub(crate) asked: Option<&'a str>,
    /// The conversation's.
    pub(crate) stored: Option<&'a str>,
    /// The operator's.
    pub(crate) configured: Option<&'a str>,
}

/// The model that answers. A wish that cannot be met is an error and never replaced by another model, which might cost
/// more or see what it should not.
///
/// # Errors
/// `InvalidInput` when the model of the request or of the conversation is not served, `Unavailable` when there is no
/// default one.
pub(crate) fn choose_model(wishes: ModelWishes<'_>, served: &[Text]) -> Result<Text, CallError> {
    let is_served = |name: &str| served.iter().any(|other| other == name);
    if let Some(name) = wishes.asked {
        return if is_served(name) { Ok(name.into()) } else { Err(unknown_model(name, "", served)) };
    }
    if let Some(name) = wishes.stored {
        return if is_served(name) {
            Ok(name.into())
        } else {
            Err(unknown_model(name, ", which the conversation uses,", served))
        };
    }
    default_model(wishes.configured, served).ok_or_else(|| match wishes.configured {
        Some(name) => CallError::unavailable(format!(
            "the default model `{name}` is not served; correct the setting `default_model` or name a `model`"
        )),
        None => CallError::unavailable("no model is served; add a plugin that provides one"),
    })
}

/// The configured model when it is served; without one, the first by name.
pub(crate) fn default_model(configured: Option<&str>, served: &[Text]) -> Option<Text> {
    match configured {
        Some(name) => served.iter().find(|other| **other == name).cloned(),
        None => served.iter().min().cloned(),
    }
}

fn unknown_model(name: &str, whose: &str, served: &[Text]) -> CallError {
    let names: Vec<String> = served.iter().map(|name| format!("`{name}`")).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    CallError::invalid_input(format!("`model` is `{name}`{whose} and not served; served are: {names}"))
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::CallErrorKind;

    use super::*;

    fn served() -> Vec<Text> {
        ["b/two", "a/one"].map(Text::from).into()
    }

    fn choose(
        asked: Option<&str>,
        stored: Option<&str>,
        configured: Option<&str>,
    ) -> Result<Text, CallErrorKind> {
        choose_model(ModelWishes { asked, stored, configured }, &served()).map_err(|error| error.kind)
    }

    #[test]
    fn the_nearest_wish_wins() {
        assert_eq!(choose(Some("a/one"), Some("b/two"), Some("b/two")), Ok("a/one".into()));
        assert_eq!(choose(None, Some("b/two"), Some("a/one")), Ok("b/two".into()));
        assert_eq!(choose(None, None, Some("b/two")), Ok("b/two".into()));
        assert_eq!(choose(None, None, None), Ok("a/one".into()));
    }

    #[test]
    fn a_wish_that_cannot_be_met_is_never_replaced() {
        assert_eq!(choose(Some("x/y"), Some("b/two"), None), Err(CallErrorKind::InvalidInput));
        assert_eq!(choose(None, Some("x/y"), None), Err(CallErrorKind::InvalidInput));
        assert_eq!(choose(None, None, Some("x/y")), Err(CallErrorKind::Unavailable));
        assert_eq!(
            choose_model(ModelWishes::default(), &[]).map_err(|error| error.kind),
            Err(CallErrorKind::Unavailable)
        );
    }

    #[test]
    fn an_unknown_model_is_named_with_those_that_are_served() {
        let wishes = ModelWishes { asked: Some("x/y"), ..ModelWishes::default() };
        let error = choose_model(wishes, &served()).unwrap_err();
        assert_eq!(error.message, "`model` is `x/y` and not served; served are: `b/two`, `a/one`");
    }

    #[test]
    fn ids_are_short_and_plain() {
        for good in ["a", "A-1_b.c", &"x".repeat(128)] {
            assert!(check_conversation_id(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a/b", "ä", "a\n", &"x".repeat(129)] {
            assert!(check_conversation_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_blank_text_is_no_message() {
        assert!(check_text(" \n\t\u{a0}").is_err());
        assert!(check_text(" x ").is_ok());
    }
}
