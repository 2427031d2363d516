//! [`Catalogue`]: the tools there are now, and what a rule for none of them may have meant.

use std::collections::BTreeMap;

use transom_agent::nearest::nearest;
use transom_agent::tool::{Effect, ToolCall, ToolDefinition, ToolOutput};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{Caller, Text};

use crate::pattern::never_means;
use crate::rule::Rule;

/// The names of the tools there are now, each with whether it runs commands.
pub(crate) struct Catalogue(BTreeMap<Text, bool>);

impl Catalogue {
    pub(crate) fn of(tools: &Caller<ToolCall, ToolOutput, ToolDefinition>) -> Self {
        let runs = |effect: &Effect| matches!(effect, Effect::Runs { .. });
        let of =
            |about: ToolDefinition| about.effects.as_deref().is_some_and(|effects| effects.iter().any(runs));
        Self(tools.names().into_iter().map(|served| (served.name, of(served.about))).collect())
    }

    /// What a person should know of a rule: that it means no tool there is, or no command. Tools come and go, so it may mean one
    /// tomorrow; a pattern of names is there for those that come.
    pub(crate) fn warning(&self, rule: &Rule) -> Option<String> {
        if rule.is_of_many_tools() {
            return None;
        }
        if let Some(runs_commands) = self.0.get(rule.tool.as_str()) {
            let pattern = rule.pattern.as_deref().filter(|_| *runs_commands);
            return pattern
                .and_then(never_means)
                .filter(|_| !sabotaged("say-nothing-of-rules-that-mean-nothing"));
        }
        let told = format!("no tool there is now is called `{}`", rule.tool);
        let near = nearest(&rule.tool, self.0.keys().map(|name| name.as_str()));
        Some(match near.first() {
            Some(near) => format!("{told}; did you mean `{near}`?"),
            None => told,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_for_no_tool_there_is_is_told_with_the_nearest_name() {
        let catalogue =
            ["run_shell", "read_file", "files__get"].map(|name| (Text::from(name), name == "run_shell"));
        let catalogue = Catalogue(catalogue.into());
        let warning = |rule: &str| catalogue.warning(&rule.parse().unwrap());
        for fits in ["run_shell", "run_shell(ls *)", "read_file(a & b)", "files__*", "nothing*", "*(**/.env)"]
        {
            assert_eq!(warning(fits), None, "{fits}");
        }
        assert_eq!(
            warning("run_shel(ls *)").as_deref(),
            Some("no tool there is now is called `run_shel`; did you mean `run_shell`?")
        );
        assert!(warning("run_shell(curl * | sh)").is_some_and(|told| told.contains("taken apart at `|`")));
        assert_eq!(warning("Bash(ls *)").as_deref(), Some("no tool there is now is called `Bash`"));
    }
}
