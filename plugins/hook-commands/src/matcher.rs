//! [`Matcher`]: which tools, or other subjects of an event, a group of hooks is for.

use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

use transom_plugin_api::sabotage::sabotaged;

use crate::legible::legible;
use crate::occasion::Occasion;
use crate::tool_names;

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
    /// The name of a tool that it would match if capitals did not count, where it matches none.
    miscased: OnceLock<Option<&'static str>>,
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
        let written = written.to_owned();
        Self::Pattern(Arc::new(Pattern { written, compiled: OnceLock::new(), miscased: OnceLock::new() }))
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

    /// Why it is no expression, where it is none; and what is wrong with one that matches a tool that is known only if capitals did not
    /// count. Compiles it.
    pub(crate) fn problem(&self, occasion: Occasion) -> Option<String> {
        let Self::Pattern(pattern) = self else { return None };
        let (written, event) = (legible(&pattern.written, SHOWN), occasion.name());
        match pattern.compiled() {
            Err(problem) => Some(format!("the matcher `{written}` of `{event}` is no expression: {problem}")),
            Ok(_) if occasion.is_about_a_tool() => {
                pattern.miscased().map(|meant| miscased(&pattern.written, &pattern.written, event, meant))
            }
            Ok(_) => None,
        }
    }

    /// What is wrong with names of tools that are known by other capitals: those count.
    pub(crate) fn miscased(&self, written: &str, occasion: Occasion) -> Vec<String> {
        let Self::Names(names) = self else { return Vec::new() };
        if !occasion.is_about_a_tool() || sabotaged("hooks-pass-over-wrong-capitals") {
            return Vec::new();
        }
        let meant = |name: &String| {
            let mut alike = tool_names::known().filter(|known| known.eq_ignore_ascii_case(name)).peekable();
            let first = *alike.peek()?;
            alike.all(|known| known != name).then_some(first)
        };
        let told = names.iter().filter_map(|name| Some((name, meant(name)?)));
        told.map(|(name, meant)| miscased(written.trim(), name, occasion.name(), meant)).collect()
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

/// What is told of a matcher, or a name in it, that means no tool for its capitals.
fn miscased(written: &str, name: &str, event: &str, meant: &str) -> String {
    let (whole, name_shown) = (legible(written, SHOWN), legible(name, SHOWN));
    let part = if name == written { String::new() } else { format!("`{name_shown}` in ") };
    format!(
        "{part}the matcher `{whole}` of `{event}` is no tool that is known: capitals count; did you mean `{meant}`?"
    )
}

impl Pattern {
    /// The name of a tool that it would match if capitals did not count, where it matches none that is known.
    fn miscased(&self) -> Option<&'static str> {
        *self.miscased.get_or_init(|| {
            let strict = self.compiled().ok()?;
            if tool_names::known().any(|name| strict.is_match(name)) {
                return None;
            }
            let mild =
                RegexBuilder::new(&self.written).size_limit(LARGEST).case_insensitive(true).build().ok()?;
            tool_names::known().find(|name| mild.is_match(name))
        })
    }

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
    fn names_that_are_known_by_other_capitals_are_told() {
        let told = |written: &str, occasion| Matcher::read(written).miscased(written, occasion).join("; ");
        assert_eq!(
            told("bash", Occasion::PreToolUse),
            "the matcher `bash` of `PreToolUse` is no tool that is known: capitals count; did you mean `Bash`?"
        );
        assert_eq!(
            told("Edit|write|Ls", Occasion::PostToolUse),
            "`write` in the matcher `Edit|write|Ls` of `PostToolUse` is no tool that is known: capitals count; did you mean `Write`?; \
             `Ls` in the matcher `Edit|write|Ls` of `PostToolUse` is no tool that is known: capitals count; did you mean `LS`?"
        );
        for (written, occasion) in [
            ("Bash|run_shell|glob|Glob|MultiEdit", Occasion::PreToolUse),
            ("my_tool|bashful", Occasion::PreToolUse),
            ("bash", Occasion::Notification),
            ("", Occasion::PreToolUse),
        ] {
            assert_eq!(told(written, occasion), "", "{written}");
        }
    }

    #[test]
    fn an_expression_that_would_match_a_tool_if_capitals_did_not_count_is_told() {
        let told = |written: &str, occasion| Matcher::read(written).problem(occasion);
        let complaint = told("^(bash|read)$", Occasion::PreToolUse).expect("told");
        assert!(complaint.ends_with("capitals count; did you mean `Bash`?"), "{complaint}");
        for (written, occasion) in [
            ("^(bash|Read)$", Occasion::PreToolUse),
            ("mcp__.*", Occasion::PreToolUse),
            ("(?i)^bash$", Occasion::PreToolUse),
            ("^bash$", Occasion::Notification),
        ] {
            assert_eq!(told(written, occasion), None, "{written}");
        }
    }

    #[test]
    fn what_is_no_expression_or_a_huge_one_is_refused_in_words() {
        let told = |written: &str| Matcher::read(written).matches(&["a".to_owned()]).expect_err("refused");
        assert_eq!(told("Edit("), "unclosed group");
        let problem = |written: &str| Matcher::read(written).problem(Occasion::PreToolUse);
        let complaint = "the matcher `Edit(` of `PreToolUse` is no expression: unclosed group";
        assert_eq!(problem("Edit(").as_deref(), Some(complaint));
        assert_eq!(problem("Edit.*"), None);
        assert!(told("(?:(?:a{1000}){1000}){10}").contains("size limit"));
    }
}
