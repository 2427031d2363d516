//! The rules by which the start of a turn is accepted, apart from its folder.

use transom_agent::nearest::nearest;
use transom_agent::refusal::shown;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Text};

/// Characters of what somebody wrote that a refusal shows.
pub(crate) const SHOWN: usize = 200;

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

/// Checks a model that a conversation is to use.
///
/// # Errors
/// `InvalidInput` when it is not served, as at the start of a turn.
pub(crate) fn check_model(name: &str, served: &[Text]) -> Result<(), CallError> {
    match served.iter().any(|other| other == name) || sabotaged("take-any-model") {
        true => Ok(()),
        false => Err(unknown_model(name, "", served)),
    }
}

/// Whether a name is of a provider of which no model is served, so that all of them may be away.
pub(crate) fn lacks_provider(name: &str, served: &[Text]) -> bool {
    let provider_of = |name: &str| name.split_once('/').map(|(provider, _)| provider.to_owned());
    let Some(provider) = provider_of(name).filter(|provider| !provider.is_empty()) else { return false };
    served.iter().all(|other| provider_of(other).as_deref() != Some(&provider))
}

/// Names of models in a sentence: at most five, and how many more there are.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(SHOWN) {
        _ if names.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn unknown_model(name: &str, whose: &str, served: &[Text]) -> CallError {
    let names: Vec<&str> = served.iter().map(Text::as_str).collect();
    let near = nearest(name, names.iter().copied());
    let known = match near.len() {
        0 => format!("served are: {}", listed(&names)),
        1 => format!("nearest is {}", listed(&near)),
        _ => format!("nearest are {}", listed(&near)),
    };
    CallError::invalid_input(format!("`model` is `{}`{whose} and not served; {known}", shown(name, SHOWN)))
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
    fn a_model_that_is_nearly_one_is_told_with_those_that_may_be_meant() {
        let told = |name: &str| check_model(name, &served()).unwrap_err().message.into_string();
        assert_eq!(told("a/oen"), "`model` is `a/oen` and not served; nearest is `a/one`");
        assert_eq!(told("x\u{202e}"), "`model` is `x\\u{202e}` and not served; served are: `b/two`, `a/one`");
        let many: Vec<Text> = (0..7).map(|number| format!("far/away-{number}").into()).collect();
        let told = check_model("x", &many).unwrap_err().message;
        assert!(told.ends_with("`far/away-4` and 2 more"), "{told}");
        assert_eq!(check_model("a/one", &served()), Ok(()));
    }

    #[test]
    fn a_provider_of_which_nothing_is_served_may_be_away() {
        for (name, lacks) in [("x/y", true), ("a/x", false), ("a", false), ("/x", false), ("", false)] {
            assert_eq!(lacks_provider(name, &served()), lacks, "{name}");
        }
    }

    #[test]
    fn a_blank_text_is_no_message() {
        assert!(check_text(" \n\t\u{a0}").is_err());
        assert!(check_text(" x ").is_ok());
    }
}
