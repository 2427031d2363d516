//! [`Matcher`]: which tools, or other subjects of an event, a group of hooks is for.

use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

use crate::legible::legible;
use crate::occasion::Occasion;

/// Bytes that a compiled expression may have.
const LARGEST: usize = 256 << 10;

/// Characters of a matcher that a complaint shows.
pub(crate) const SHOWN: usize = 60;

/// What stands in the field `matcher`.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    /// Nothing, or `*`.
    All,
    /// Names with `|` between them.
    Names(Vec<String>),
    /// Anything else: an expression that is looked for in the name.
    Pattern(Arc<Pattern>),
}

/// An expression, which is compiled when it is asked for: the file in which it stands may not be trusted.
#[derive(Debug)]
pub(crate) struct Pattern {
    written: String,
    compiled: OnceLock<Result<Regex, String>>,
}

impl Matcher {
    /// Reads what was written.
    pub(crate) fn read(written: &str) -> Self {
        let written = written.trim();
        if matches!(written, "" | "*") {
            return Self::All;
        }
        let is_plain = |character: char| character.is_alphanumeric() || "_-| ".contains(character);
        if written.chars().all(is_plain) {
            let names = written.split('|').map(str::trim).filter(|name| !name.is_empty());
            return Self::Names(names.map(str::to_owned).collect());
        }
        Self::Pattern(Arc::new(Pattern { written: written.to_owned(), compiled: OnceLock::new() }))
    }

    /// Whether it is for something that is called by these names. What has none is for everybody.
    ///
    /// # Errors
    /// Why it is no expression.
    pub(crate) fn matches(&self, names: &[String]) -> Result<bool, String> {
        match self {
            Self::All => Ok(true),
            _ if names.is_empty() => Ok(true),
            Self::Names(listed) => Ok(names.iter().any(|name| listed.contains(name))),
            Self::Pattern(pattern) => {
                let compiled = pattern.compiled().map_err(str::to_owned)?;
                Ok(names.iter().any(|name| compiled.is_match(name)))
            }
        }
    }

    /// Why it is no expression, where it is none. Compiles it.
    pub(crate) fn problem(&self) -> Option<&str> {
        match self {
            Self::All | Self::Names(_) => None,
            Self::Pattern(pattern) => pattern.compiled().err(),
        }
    }

    /// What is wrong with one that is an expression and matches no tool all the same: somebody has written down what a tool is to be
    /// called with.
    pub(crate) fn dead_letter(&self, occasion: Occasion) -> Option<String> {
        match self {
            Self::Pattern(pattern) if occasion.is_about_a_tool() && pattern.written.contains(' ') => {
                let (written, event) = (legible(&pattern.written, SHOWN), occasion.name());
                Some(format!(
                    "the matcher `{written}` of `{event}` is looked for in names of tools, and none has a blank in it; match the tool, and let the hook look at its input"
                ))
            }
            _ => None,
        }
    }
}

impl Pattern {
    fn compiled(&self) -> Result<&Regex, &str> {
        self.compiled.get_or_init(|| compiled(&self.written)).as_ref().map_err(String::as_str)
    }
}

fn compiled(written: &str) -> Result<Regex, String> {
    RegexBuilder::new(written).size_limit(LARGEST).build().map_err(|error| {
        let told = error.to_string();
        let last = told.lines().last().unwrap_or_default().trim();
        last.strip_prefix("error: ").unwrap_or(last).to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(written: &str, name: &str) -> bool {
        Matcher::read(written).matches(&[name.to_owned()]).expect("it is a matcher")
    }

    #[test]
    fn nothing_and_a_star_are_for_all() {
        for written in ["", " ", "*"] {
            assert!(matches(written, "Bash"), "{written:?}");
        }
        assert_eq!(Matcher::read("Bash").matches(&[]), Ok(true), "what has no name is for everybody");
    }

    #[test]
    fn plain_names_are_whole_names_and_tell_capitals_apart() {
        assert!(matches("Edit|Write", "Write") && matches("Edit | Write|", "Edit"));
        for other in ["write", "WriteAll", "MultiEdit", ""] {
            assert!(!matches("Edit|Write", other), "{other}");
        }
    }

    #[test]
    fn anything_else_is_an_expression_that_may_match_anywhere() {
        assert!(matches("mcp__memory__.*", "mcp__memory__store"));
        assert!(matches("Notebook.*", "MyNotebookEdit"));
        assert!(matches("^Edit$", "Edit") && !matches("^Edit$", "MultiEdit"));
        assert!(!matches("^(?:Edit|Write)$", "Read"));
    }

    #[test]
    fn a_matcher_that_can_match_no_tool_is_told() {
        let told = |written: &str, occasion| Matcher::read(written).dead_letter(occasion);
        let complaint = told("Bash(git push *)", Occasion::PreToolUse).expect("told");
        assert!(complaint.starts_with("the matcher `Bash(git push *)` of `PreToolUse` is"), "{complaint}");
        for (written, occasion) in [
            ("Bash", Occasion::PreToolUse),
            ("Edit | Write", Occasion::PreToolUse),
            ("mcp__(a|b)", Occasion::PostToolUse),
            ("a b.*", Occasion::Notification),
        ] {
            assert_eq!(told(written, occasion), None, "{written}");
        }
    }

    #[test]
    fn what_is_no_expression_or_a_huge_one_is_refused_in_words() {
        let told = |written: &str| Matcher::read(written).matches(&["a".to_owned()]).expect_err("refused");
        assert_eq!(told("Edit("), "unclosed group");
        assert_eq!(Matcher::read("Edit(").problem(), Some("unclosed group"));
        assert_eq!(Matcher::read("Edit.*").problem(), None);
        assert!(told("(?:(?:a{1000}){1000}){10}").contains("size limit"));
    }
}
