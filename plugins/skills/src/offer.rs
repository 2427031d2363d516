//! What a model is told about the tool `load_skill`, before and after the skills are known.

use std::fmt::Write;

use serde_json::{Value, json};
use transom_agent::tool::ToolDefinition;
use transom_plugin_api::{Json, List, Maybe, Text};

use crate::catalogue::Catalogue;

/// The tool's name.
pub(crate) const LOAD_SKILL: &str = "load_skill";

/// Bytes of the description behind which skills are listed without their summaries.
const DESCRIPTION_BYTES: usize = 64 << 10;

const PURPOSE: &str = "Loads a skill: instructions for a certain kind of task. When a task fits a skill, load the \
                       skill first and follow it.";

/// The tool as it is registered, before any turn.
pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition {
        name: LOAD_SKILL.into(),
        description: PURPOSE.into(),
        parameters: json!({
            "type": "object",
            "properties": {"name": {"type": "string", "minLength": 1, "description": "Which skill."}},
            "required": ["name"],
            "additionalProperties": false
        })
        .into(),
        concurrency_safe: true,
        effects: Maybe::Some(List::new()),
    }
}

/// What skills add to the tool's definition, written once. Equal catalogues give equal bytes, so that the model's cache of the
/// conversation lasts.
#[derive(Debug)]
pub(crate) struct Offer {
    description: Text,
    names: Value,
    /// The parameters as they are registered, and what becomes of them.
    usual: (Json, Json),
    is_empty: bool,
}

impl Offer {
    /// What these skills add.
    pub(crate) fn of(skills: &Catalogue) -> Self {
        let names: Value = skills.iter().map(|(name, _)| name).collect();
        let usual = definition().parameters;
        let named = with_names(&usual, &names);
        Self {
            description: description(skills).into(),
            names,
            usual: (usual, named),
            is_empty: skills.is_empty(),
        }
    }

    /// Tells the skills in the tool's definition, or takes it off the list when there are none.
    pub(crate) fn tell(&self, tools: &mut List<ToolDefinition>) {
        if self.is_empty {
            tools.retain(|tool| tool.name != LOAD_SKILL);
        }
        for tool in tools.iter_mut().filter(|tool| tool.name == LOAD_SKILL) {
            tool.description = self.description.clone();
            let (usual, named) = &self.usual;
            tool.parameters = if tool.parameters == *usual {
                named.clone()
            } else {
                with_names(&tool.parameters, &self.names)
            };
        }
    }
}

fn with_names(parameters: &Json, names: &Value) -> Json {
    let mut parameters = parameters.value();
    if let Some(name) = parameters.pointer_mut("/properties/name").and_then(Value::as_object_mut) {
        name.insert("enum".to_owned(), names.clone());
    }
    parameters.into()
}

fn description(skills: &Catalogue) -> String {
    let mut text = format!("{PURPOSE}\n\nThe skills, each with when to use it:");
    for (name, skill) in skills.iter() {
        let fits = text.len() + name.len() + skill.summary.len() < DESCRIPTION_BYTES;
        if skill.summary.is_empty() || !fits {
            write!(text, "\n{name}")
        } else {
            write!(text, "\n{name}: {}", skill.summary)
        }
        .expect("a string takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Candidate;

    fn catalogue(files: &[(&str, &str)]) -> Catalogue {
        let candidate =
            |(path, head): &(&str, &str)| Candidate::of((*path).to_owned(), Ok(head), head.len() as u64);
        let candidates: Vec<_> = files.iter().map(candidate).collect();
        Catalogue::of([candidates.as_slice()])
    }

    fn offer(tools: &mut List<ToolDefinition>, skills: &Catalogue) {
        Offer::of(skills).tell(tools);
    }

    fn tools() -> List<ToolDefinition> {
        let other = ToolDefinition {
            name: "read_file".into(),
            description: "Reads".into(),
            parameters: json!({}).into(),
            concurrency_safe: true,
            effects: Maybe::None,
        };
        List::from([definition(), other])
    }

    #[test]
    fn only_the_description_and_the_names_of_the_own_tool_change() {
        let mut offered = tools();
        offer(&mut offered, &catalogue(&[("b.md", "When b\n---\n"), ("a.md", "")]));
        assert_eq!(offered[1], tools()[1]);
        assert_eq!(
            offered[0].description,
            format!("{PURPOSE}\n\nThe skills, each with when to use it:\na\nb: When b").as_str()
        );
        assert_eq!(offered[0].parameters.value()["properties"]["name"]["enum"], json!(["a", "b"]));
        let mut parameters = offered[0].parameters.value();
        parameters["properties"]["name"].as_object_mut().expect("an object").remove("enum");
        assert_eq!(parameters, definition().parameters.value());
        assert!(offered[0].concurrency_safe);
    }

    #[test]
    fn the_same_skills_give_the_same_bytes_also_on_a_second_pass() {
        let files = [("b.md", "When b\n---\n"), ("a.md", "When a\n---\n")];
        let (mut once, mut other) = (tools(), tools());
        offer(&mut once, &catalogue(&files));
        offer(&mut other, &catalogue(&[files[1], files[0]]));
        assert_eq!(once, other);
        offer(&mut once, &catalogue(&files));
        assert_eq!(once, other);
    }

    #[test]
    fn without_skills_the_tool_is_not_offered() {
        let mut offered = tools();
        offer(&mut offered, &Catalogue::default());
        assert_eq!(&offered[..], &tools()[1..]);
    }

    #[test]
    fn a_long_catalogue_goes_on_without_summaries() {
        let head = format!("{}\n---\n", "x".repeat(1_000));
        let paths: Vec<_> = (100..300).map(|number| format!("{number}.md")).collect();
        let files: Vec<_> = paths.iter().map(|path| (path.as_str(), head.as_str())).collect();
        let text = description(&catalogue(&files));
        assert!(text.len() < DESCRIPTION_BYTES + 200 * 5, "{} bytes", text.len());
        assert!(text.ends_with("\n298\n299"));
    }

    #[test]
    fn parameters_that_another_link_has_reshaped_are_left_in_their_shape() {
        let mut offered = List::from([ToolDefinition { parameters: json!(null).into(), ..definition() }]);
        offer(&mut offered, &catalogue(&[("a.md", "")]));
        assert_eq!(offered[0].parameters.value(), json!(null));
    }
}
