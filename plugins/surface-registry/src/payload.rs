//! What may be sent to a field: what its kind wants, and nothing else.

use serde_json::Value;
use transom_agent::conversation::is_conversation_id;
use transom_agent::refusal::shown;
use transom_agent::surface::{Field, SurfaceSpec};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Json};

use crate::check::{is_within, range};

/// Actions that are told where one is unknown.
const MOST_TOLD: usize = 10;

/// Checks that somebody may use a surface so. Where it has fields of kinds that are not known here, its plugin says what its
/// actions are and take.
///
/// # Errors
/// `NotFound` when it has no such action, `InvalidInput` when the field takes something else.
pub(crate) fn check(spec: &SurfaceSpec, action: &str, payload: &Json) -> Result<(), CallError> {
    let of_it = |field: &&Field| field.action().is_some_and(|known| known == action);
    let Some(field) = spec.fields.iter().find(of_it) else {
        let has_others = spec.fields.iter().any(|field| matches!(field, Field::Unknown(_)));
        let may_be_theirs = has_others && is_conversation_id(action);
        return if may_be_theirs { Ok(()) } else { Err(unknown(spec, action)) };
    };
    let payload = payload.value();
    let Some(expected) = unmet(field, &payload) else { return Ok(()) };
    if sabotaged("surface-act-on-anything") {
        return Ok(());
    }
    let found = shown(&payload.to_string(), 40);
    Err(CallError::invalid_input(format!(
        "action `{action}` of surface `{}` was sent `{found}`, expected {expected}",
        spec.id
    )))
}

/// What a field expects, when it is not this.
fn unmet(field: &Field, payload: &Value) -> Option<String> {
    match field {
        Field::Toggle { .. } => (!payload.is_boolean()).then(|| "true or false".to_owned()),
        Field::Selector { options, .. } => {
            let is_one = |chosen: &str| options.iter().any(|option| option.value == chosen);
            (!payload.as_str().is_some_and(is_one)).then(|| {
                let values = options.iter().map(|option| format!("`{}`", shown(&option.value, 40)));
                format!("one of {}", values.take(MOST_TOLD).collect::<Vec<_>>().join(", "))
            })
        }
        Field::Number { min, max, .. } => {
            let (min, max) = (min.into_option(), max.into_option());
            let fits = payload.as_f64().is_some_and(|number| is_within(number, min, max));
            (!fits).then(|| range(min, max))
        }
        Field::Button { .. } => (!payload.is_null()).then(|| "nothing".to_owned()),
        Field::Progress { .. } | Field::Stat { .. } | Field::Custom { .. } | Field::Unknown(_) => None,
    }
}

fn unknown(spec: &SurfaceSpec, action: &str) -> CallError {
    let known = spec.fields.iter().filter_map(Field::action).map(|action| format!("`{action}`"));
    let known: Vec<String> = known.take(MOST_TOLD).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    CallError::not_found(format!(
        "surface `{}` has no action `{}`; it has {known}",
        spec.id,
        shown(action, 40)
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use transom_plugin_api::CallErrorKind;

    use super::*;

    fn surface(further: Option<Value>) -> SurfaceSpec {
        let mut fields = vec![
            json!({"type": "toggle", "label": "t", "value": true, "action": "keep"}),
            json!({"type": "selector", "label": "s", "value": "x", "options": [{"value": "x", "label": "X"}, {"value": "y", "label": "Y"}], "action": "pick"}),
            json!({"type": "number", "label": "n", "value": 2.0, "min": 1.0, "max": 3.5, "step": null, "unit": null, "action": "set"}),
            json!({"type": "button", "label": "b", "action": "go"}),
        ];
        fields.extend(further);
        Json::from(json!({"id": "s", "region": "", "title": "S", "fields": fields})).read().unwrap()
    }

    fn told(action: &str, payload: Value) -> Result<(), String> {
        check(&surface(None), action, &payload.into()).map_err(|error| error.message.into_string())
    }

    #[test]
    fn each_kind_of_field_takes_what_it_wants() {
        for (action, payload) in [
            ("keep", json!(false)),
            ("pick", json!("y")),
            ("set", json!(3.5)),
            ("set", json!(1)),
            ("go", Value::Null),
        ] {
            assert_eq!(told(action, payload), Ok(()), "{action}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_was_expected() {
        for (action, payload, expected) in [
            ("keep", json!("yes"), "true or false"),
            ("keep", Value::Null, "true or false"),
            ("pick", json!("z"), "one of `x`, `y`"),
            ("pick", json!(["x"]), "one of `x`, `y`"),
            ("set", json!(4), "a number from 1 to 3.5"),
            ("set", json!("2"), "a number from 1 to 3.5"),
            ("go", json!({}), "nothing"),
        ] {
            let found = shown(&payload.to_string(), 40);
            let sentence =
                format!("action `{action}` of surface `s` was sent `{found}`, expected {expected}");
            assert_eq!(told(action, payload), Err(sentence));
        }
    }

    #[test]
    fn an_action_that_no_field_has_is_not_found_unless_a_field_may_have_it() {
        let error = check(&surface(None), "fly\n", &Json::default()).unwrap_err();
        assert_eq!(error.kind, CallErrorKind::NotFound);
        assert_eq!(error.message, "surface `s` has no action `fly\\n`; it has `keep`, `pick`, `set`, `go`");
        let later = surface(Some(json!({"type": "dial", "label": "d", "action": "fly"})));
        assert_eq!(check(&later, "fly", &Json::default()), Ok(()));
    }
}
