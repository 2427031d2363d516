//! [`Catalogue`]: the tools there are now, and what a rule for none of them may have meant.

use std::collections::BTreeSet;

use transom_agent::nearest::nearest;
use transom_agent::tool::{ToolCall, ToolDefinition, ToolOutput};
use transom_plugin_api::{Caller, Text};

use crate::rule::Rule;

/// The names of the tools there are now.
pub(crate) struct Catalogue(BTreeSet<Text>);

impl Catalogue {
    pub(crate) fn of(tools: &Caller<ToolCall, ToolOutput, ToolDefinition>) -> Self {
        Self(tools.names().into_iter().map(|served| served.name).collect())
    }

    /// What a person should know of a rule: that it means no tool there is. Tools come and go, so it may mean one tomorrow; a pattern
    /// of names is there for those that come.
    pub(crate) fn warning(&self, rule: &Rule) -> Option<String> {
        if rule.is_of_many_tools() || self.0.iter().any(|name| *name == rule.tool.as_str()) {
            return None;
        }
        let told = format!("no tool there is now is called `{}`", rule.tool);
        let near = nearest(&rule.tool, self.0.iter().map(|name| name.as_str()));
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
        let catalogue = Catalogue(["run_shell", "read_file", "files__get"].map(Text::from).into());
        let warning = |rule: &str| catalogue.warning(&rule.parse().unwrap());
        for fits in ["run_shell", "run_shell(ls *)", "files__*", "nothing*", "*(**/.env)"] {
            assert_eq!(warning(fits), None, "{fits}");
        }
        assert_eq!(
            warning("run_shel(ls *)").as_deref(),
            Some("no tool there is now is called `run_shel`; did you mean `run_shell`?")
        );
        assert_eq!(warning("Bash(ls *)").as_deref(), Some("no tool there is now is called `Bash`"));
    }
}
