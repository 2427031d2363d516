//! The manifest of a host that nobody configured.

use crate::manifest::{Faults, Manifest};

/// A bundled provider that runs where its key is in the environment.
struct Keyed {
    plugin: &'static str,
    /// What stands before the `/` in the names of its models.
    account: &'static str,
    key: &'static str,
    base_url: &'static str,
    model: &'static str,
}

/// Of several that name a model, the first one's is the default.
const KEYED: [Keyed; 2] = [
    Keyed {
        plugin: "provider-openai",
        account: "openai",
        key: "OPENAI_API_KEY",
        base_url: "OPENAI_BASE_URL",
        model: "OPENAI_MODEL",
    },
    Keyed {
        plugin: "provider-anthropic",
        account: "anthropic",
        key: "ANTHROPIC_API_KEY",
        base_url: "ANTHROPIC_BASE_URL",
        model: "ANTHROPIC_MODEL",
    },
];

/// Offline, on this machine only; with the models of a service beside, when its key is in the environment.
pub(crate) fn built_in() -> Result<Manifest, Faults> {
    let is_set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    Manifest::parse(&text(is_set), "built-in default")
}

fn text(is_set: impl Fn(&str) -> bool) -> String {
    let mut text = include_str!("../default.toml").to_owned();
    let keyed: Vec<_> = KEYED.iter().filter(|keyed| is_set(keyed.key)).collect();
    for Keyed { plugin, key, base_url, model, .. } in &keyed {
        text += &format!("\n[[plugin]]\nid = \"{plugin}\"\n[plugin.settings]\nkey = \"env:{key}\"\n");
        for (setting, variable) in [("base_url", base_url), ("model", model)] {
            if is_set(variable) {
                text += &format!("{setting} = \"${{{variable}}}\"\n");
            }
        }
    }
    if keyed.is_empty() {
        return text;
    }
    // The lists of models come later, and must not decide then who answers.
    let named = keyed.iter().find(|keyed| is_set(keyed.model));
    let default_model = named.map_or_else(
        || "scripted/demo".to_owned(),
        |keyed| format!("{}/${{{}}}", keyed.account, keyed.model),
    );
    let orchestrator = "id = \"session-orchestrator\"\n";
    let with_model = format!("{orchestrator}[plugin.settings]\ndefault_model = \"{default_model}\"\n");
    text.replace(orchestrator, &with_model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: &[&str]) -> String {
        text(|name| set.contains(&name))
    }

    #[test]
    fn a_provider_runs_where_there_is_its_key_and_its_model_is_the_default() {
        assert_eq!(with(&["OPENAI_MODEL", "ANTHROPIC_BASE_URL"]), include_str!("../default.toml"));
        let one = with(&["ANTHROPIC_API_KEY", "ANTHROPIC_MODEL"]);
        assert!(one.contains("default_model = \"anthropic/${ANTHROPIC_MODEL}\""), "{one}");
        assert!(one.contains("key = \"env:ANTHROPIC_API_KEY\"\nmodel = \"${ANTHROPIC_MODEL}\""), "{one}");
        assert!(!one.contains("provider-openai"), "{one}");
    }

    #[test]
    fn of_two_providers_the_first_that_names_a_model_has_the_default() {
        let keys = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"];
        let default = |models: &[&'static str]| with(&[&keys[..], models].concat());
        assert!(default(&[]).contains("default_model = \"scripted/demo\""));
        assert!(default(&["ANTHROPIC_MODEL"]).contains("\"anthropic/${ANTHROPIC_MODEL}\""));
        assert!(default(&["OPENAI_MODEL", "ANTHROPIC_MODEL"]).contains("= \"openai/${OPENAI_MODEL}\""));
    }
}
