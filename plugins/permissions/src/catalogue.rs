//! [`Catalogue`]: the tools there are now, and what a rule for none of them may have meant.

use std::collections::BTreeMap;

use transom_agent::nearest::nearest;
use transom_agent::tool::{Effect, ToolCall, ToolDefinition, ToolOutput};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{Caller, Text};

use crate::pattern;
use crate::rule::Rule;

/// The tools there are now.
pub(crate) struct Catalogue(BTreeMap<Text, Patterned>);

/// What the pattern of a rule for a tool is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patterned {
    Commands,
    Paths,
    /// Nothing, both, or nobody can tell.
    Other,
}

impl Patterned {
    fn of(about: &ToolDefinition) -> Self {
        let effects: Option<&[Effect]> = about.effects.as_deref();
        let one = |effect: &Effect| match effect {
            Effect::Runs { .. } => Self::Commands,
            Effect::Reads { .. } | Effect::Writes { .. } => Self::Paths,
            _ => Self::Other,
        };
        let mut all = effects.unwrap_or_default().iter().map(one);
        let first = all.next().unwrap_or(Self::Other);
        if all.all(|other| other == first) { first } else { Self::Other }
    }

    fn never_means(self, pattern: &str) -> Option<String> {
        match self {
            _ if sabotaged("say-nothing-of-rules-that-mean-nothing") => None,
            Self::Commands => pattern::never_means(pattern),
            Self::Paths => never_means_a_path(pattern),
            Self::Other => None,
        }
    }
}

/// Why no path is meant by a pattern, where none is.
fn never_means_a_path(pattern: &str) -> Option<String> {
    let mut parts = pattern.strip_prefix('/').unwrap_or(pattern).split('/');
    let is_odd = parts.any(|part| ["", ".", ".."].contains(&part));
    is_odd.then(|| "paths are compared without `.`, `..` and a `/` at their end; leave them out".to_owned())
}

impl Catalogue {
    pub(crate) fn of(tools: &Caller<ToolCall, ToolOutput, ToolDefinition>) -> Self {
        Self(tools.names().into_iter().map(|served| (served.name, Patterned::of(&served.about))).collect())
    }

    /// What a person should know of a rule: that it means no tool there is, or nothing that this one does. Tools come and go, so it may
    /// mean one tomorrow; a pattern of names is there for those that come.
    pub(crate) fn warning(&self, rule: &Rule) -> Option<String> {
        if rule.is_of_many_tools() {
            return None;
        }
        if let Some(patterned) = self.0.get(rule.tool.as_str()) {
            return rule.pattern.as_deref().and_then(|pattern| patterned.never_means(pattern));
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
        let tools = [
            ("run_shell", Patterned::Commands),
            ("read_file", Patterned::Paths),
            ("files__get", Patterned::Other),
        ];
        let catalogue = Catalogue(tools.map(|(name, patterned)| (Text::from(name), patterned)).into());
        let warning = |rule: &str| catalogue.warning(&rule.parse().unwrap());
        for fits in
            ["run_shell", "run_shell(ls *)", "read_file(/a & b/..c)", "files__*", "nothing*", "*(**/.env)"]
        {
            assert_eq!(warning(fits), None, "{fits}");
        }
        assert_eq!(
            warning("run_shel(ls *)").as_deref(),
            Some("no tool there is now is called `run_shel`; did you mean `run_shell`?")
        );
        for never in ["./a", "../a", "a/", "a/./b", "/a//b", "."] {
            let told = warning(&format!("read_file({never})"));
            assert!(told.is_some_and(|told| told.contains("without `.`, `..`")), "{never}");
            assert_eq!(warning(&format!("files__get({never})")), None);
        }
        assert_eq!(warning("read_file(~/.ssh/**)"), None);
        assert!(warning("run_shell(curl * | sh)").is_some_and(|told| told.contains("taken apart at `|`")));
        assert_eq!(warning("Bash(ls *)").as_deref(), Some("no tool there is now is called `Bash`"));
    }
}
