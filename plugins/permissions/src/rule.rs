//! [`Rule`]: which calls are meant, as an operator writes it, and [`Decision`]: what becomes of them.

use std::fmt;
use std::str::FromStr;

use globset::{Glob, GlobBuilder};
use serde::{Deserialize, Serialize};
use transom_agent::refusal::shown;
use transom_plugin_api::CallError;

use crate::pattern;

/// Bytes that a rule has at most.
const LONGEST: usize = 1_000;

/// What becomes of a call. Of two rules that mean the same call the stricter one counts: the order is that of strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Decision {
    Allow,
    Ask,
    Deny,
}

impl Decision {
    pub(crate) const WORDS: [&str; 3] = ["allow", "ask", "deny"];

    /// The decision that a word stands for.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .zip([Self::Allow, Self::Ask, Self::Deny])
            .find_map(|(known, decision)| (*known == word).then_some(decision))
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// Which calls are meant: those of a tool, or those of them that are about a path or a command. Written `TOOL` or
/// `TOOL(PATTERN)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Rule {
    /// The name of the tool, in which `*` stands for anything.
    pub(crate) tool: String,
    pub(crate) pattern: Option<String>,
}

impl Rule {
    /// Whether the name of the tool stands for several.
    pub(crate) fn is_of_many_tools(&self) -> bool {
        self.tool.contains(['*', '?'])
    }

    /// The names of tools that are meant.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn tools(&self) -> Result<Glob, CallError> {
        self.glob(&self.tool, false)
    }

    /// The pattern, over paths.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn paths(&self, pattern: &str) -> Result<Glob, CallError> {
        self.glob(pattern, true)
    }

    /// The pattern, over commands: only `*` and `?` stand for something there, outside of quotes.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn commands(&self, pattern: &str, decision: Decision) -> Result<Vec<Glob>, CallError> {
        let globs = match decision {
            Decision::Allow => pattern::exact(pattern),
            Decision::Ask | Decision::Deny => pattern::wide(pattern),
        };
        globs.iter().map(|glob| self.glob(glob, false)).collect()
    }

    fn glob(&self, pattern: &str, is_path: bool) -> Result<Glob, CallError> {
        let built = GlobBuilder::new(pattern).literal_separator(is_path).backslash_escape(is_path).build();
        built.map_err(|error| self.refused(&error.kind().to_string()))
    }

    fn refused(&self, why: &str) -> CallError {
        refused(&self.to_string(), why)
    }
}

fn refused(rule: &str, why: &str) -> CallError {
    CallError::invalid_input(format!("rule `{}`: {why}", shown(rule, 100)))
}

impl FromStr for Rule {
    type Err = CallError;

    fn from_str(text: &str) -> Result<Self, CallError> {
        let refused = |why: &str| refused(text, why);
        if text.len() > LONGEST {
            return Err(refused("is too long, expected at most 1,000 bytes"));
        }
        let (tool, pattern) = match text.split_once('(') {
            None => (text, None),
            Some((tool, rest)) => {
                let pattern = rest.strip_suffix(')').ok_or_else(|| refused("has no `)` at its end"))?;
                (tool, Some(pattern))
            }
        };
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_-.:*?".contains(c);
        if tool.is_empty() || !tool.chars().all(is_of_name) {
            return Err(refused(
                "expected the name of a tool, such as `run_shell` or `run_shell(cargo test *)`",
            ));
        }
        if pattern.is_some_and(|pattern| pattern.trim().is_empty()) {
            return Err(refused("has nothing in its brackets; leave them out to mean every call"));
        }
        let rule = Self { tool: tool.to_owned(), pattern: pattern.map(str::to_owned) };
        rule.tools()?;
        if let Some(pattern) = pattern {
            rule.paths(pattern)?;
            for decision in [Decision::Allow, Decision::Deny] {
                rule.commands(pattern, decision)?;
            }
        }
        Ok(rule)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            None => f.write_str(&self.tool),
            Some(pattern) => write!(f, "{}({pattern})", self.tool),
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: CallError| serde::de::Error::custom(error.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        for text in [
            "read_file",
            "run_shell(cargo test *)",
            "*(**/.env)",
            "files__*",
            "run_shell(echo (a))",
            "x([ab]*)",
        ] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "expected the name"),
            ("rm -rf", "expected the name"),
            ("(a)", "expected the name"),
            ("x(a", "has no `)`"),
            ("x()", "nothing in its brackets"),
            ("x( )", "nothing in its brackets"),
            ("x([a)", "unclosed character class"),
            (&"x".repeat(1_001), "too long"),
        ] {
            let error = text.parse::<Rule>().unwrap_err().message;
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn in_a_command_only_stars_and_question_marks_stand_for_something() {
        let matches = |pattern: &str, command: &str| {
            let rule: Rule = "run_shell".parse().unwrap();
            let globs = rule.commands(pattern, Decision::Deny).unwrap();
            globs.iter().any(|glob| glob.compile_matcher().is_match(command))
        };
        assert!(matches("cargo *", "cargo build --bin a/b"));
        assert!(matches("a[b] {c}", "a[b] {c}") && !matches("a[b]", "ab"));
        assert!(!matches("cargo test", "cargo test --all"));
    }
}
