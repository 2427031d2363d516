//! Which script answers under which name.

use transom_agent::provider::{FailureClass, ModelRequest, ProviderEvent};
use transom_plugin_api::StartError;

use crate::performance::failure;
use crate::script::Script;
use crate::{ScriptedModel, demo, parser, turn};

/// One model.
#[derive(Clone, Debug)]
pub(crate) enum Model {
    /// Says what it is told.
    Echo,
    /// Gives a tour.
    Demo,
    /// Follows the script of the settings.
    Scripted(Script),
}

impl Model {
    /// What the model does in this turn, or the error that is streamed instead.
    pub(crate) fn script(&self, request: &ModelRequest) -> Result<Script, ProviderEvent> {
        if let Self::Scripted(script) = self {
            return Ok(script.clone());
        }
        let text = turn::last_user_text(&request.messages).ok_or_else(|| {
            failure(FailureClass::InvalidRequest, "the request holds no message of a person", None)
        })?;
        match self {
            Self::Demo if !parser::has_directives(&text) => {
                let tools: &[_] = if request.no_calls { &[] } else { &request.tools };
                Ok(demo::tour(&text, tools))
            }
            _ => parser::parse(&text)
                .map_err(|error| failure(FailureClass::InvalidRequest, error.to_string(), None)),
        }
    }
}

/// The models of the settings, by the part of their name behind `scripted/`.
pub(crate) fn configured(settings: &[ScriptedModel]) -> Result<Vec<(String, Model)>, StartError> {
    let mut models: Vec<(String, Model)> = Vec::new();
    for ScriptedModel { name, steps } in settings {
        check_name(name, &models)?;
        models.push((name.clone(), Model::Scripted(joined(name, steps)?)));
    }
    Ok(models)
}

fn check_name(name: &str, models: &[(String, Model)]) -> Result<(), StartError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        return Err(StartError::new(format!("setting `scripts`: `{name}` cannot be a model's name"))
            .help("use 1 to 64 characters of A–Z a–z 0–9 - _ ."));
    }
    if ["echo", "demo"].contains(&name) || models.iter().any(|(known, _)| known == name) {
        return Err(StartError::new(format!("setting `scripts`: the name `{name}` is taken")));
    }
    Ok(())
}

fn joined(name: &str, steps: &[String]) -> Result<Script, StartError> {
    if steps.is_empty() {
        return Err(
            StartError::new(format!("setting `scripts`: `{name}` has no steps")).help("give it at least one")
        );
    }
    let mut script = Script::default();
    for (number, step) in steps.iter().enumerate() {
        let read = parser::parse(step).map_err(|error| {
            StartError::new(format!("setting `scripts`: step {} of `{name}`: {error}", number + 1))
        })?;
        script.append(read);
    }
    Ok(script)
}

#[cfg(test)]
mod tests {
    use transom_agent::message::{Message, Role};
    use transom_plugin_api::{Settings, Text};

    use super::*;
    use crate::ScriptedModels;
    use crate::fixture::request;
    use crate::script::Action;

    fn settings(name: &str, steps: &[&str]) -> ScriptedModel {
        ScriptedModel { name: name.into(), steps: steps.iter().map(|&step| step.into()).collect() }
    }

    fn told(text: &str) -> ModelRequest {
        request([Message::text("u", Role::User, text)])
    }

    fn error(event: ProviderEvent) -> (FailureClass, Text) {
        let ProviderEvent::Error { class, message, .. } = event else { panic!("{event:?}") };
        (class, message)
    }

    #[test]
    fn the_echo_says_what_it_is_told() {
        assert_eq!(Model::Echo.script(&told("read a.txt")), Ok(Script::saying("read a.txt")));
    }

    #[test]
    fn the_demo_follows_directives_before_its_tour() {
        let script = Model::Demo.script(&told("[[hang]]")).expect("good");
        assert_eq!(script.step(0), Some(&vec![Action::Hang]));
    }

    #[test]
    fn a_bad_directive_is_an_invalid_request() {
        let (class, message) = error(Model::Echo.script(&told("[[dance]]")).expect_err("bad"));
        assert_eq!(class, FailureClass::InvalidRequest);
        assert!(message.contains("`[[dance]]`"), "{message}");
    }

    #[test]
    fn a_request_without_a_person_is_invalid() {
        let (class, _) = error(Model::Echo.script(&request([])).expect_err("nobody spoke"));
        assert_eq!(class, FailureClass::InvalidRequest);
    }

    #[test]
    fn nothing_has_to_be_set() {
        let ScriptedModels { pace_ms, scripts } = ScriptedModels::from_json("{}").expect("defaults");
        assert_eq!((pace_ms, scripts.len()), (15, 0));
        let one = r#"{"pace_ms":0,"scripts":[{"name":"a","steps":["x"]}]}"#;
        assert_eq!(ScriptedModels::from_json(one).expect("good").scripts[0].name, "a");
    }

    #[test]
    fn each_text_of_the_settings_is_a_step() {
        let models = configured(&[settings("reviewer", &["[[tool: look]]", "Fine."])]).expect("good");
        let script = models[0].1.script(&told("ignored [[fail: quota]]")).expect("good");
        assert_eq!(script.step(1), Some(&vec![Action::Say("Fine.".into())]));
    }

    #[test]
    fn scripts_that_cannot_be_are_refused_with_their_name() {
        for (scripts, expected) in [
            (vec![settings("a/b", &["x"])], "`a/b` cannot be a model's name"),
            (vec![settings("", &["x"])], "`` cannot be a model's name"),
            (vec![settings("echo", &["x"])], "the name `echo` is taken"),
            (vec![settings("a", &["x"]), settings("a", &["y"])], "the name `a` is taken"),
            (vec![settings("a", &[])], "`a` has no steps"),
            (vec![settings("a", &["x", "[[pace: y]]"])], "step 2 of `a`: directive `[[pace: y]]`"),
        ] {
            let error = configured(&scripts).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
