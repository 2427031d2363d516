//! [`Matcher`]: which tools, or other subjects of an event, a group of hooks is for.

use regex::{Regex, RegexBuilder};

/// Bytes that a compiled expression may have.
const LARGEST: usize = 1 << 20;

/// What stands in the field `matcher`.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    /// Nothing, or `*`.
    All,
    /// Names with `|` between them.
    Names(Vec<String>),
    /// Anything else: an expression that is looked for in the name.
    Pattern(Regex),
}

impl Matcher {
    /// Reads what was written.
    ///
    /// # Errors
    /// Why it is neither a list of names nor an expression.
    pub(crate) fn read(written: &str) -> Result<Self, String> {
        let written = written.trim();
        if matches!(written, "" | "*") {
            return Ok(Self::All);
        }
        let is_plain = |character: char| character.is_alphanumeric() || "_-| ".contains(character);
        if written.chars().all(is_plain) {
            let names = written.split('|').map(str::trim).filter(|name| !name.is_empty());
            return Ok(Self::Names(names.map(str::to_owned).collect()));
        }
        let built = RegexBuilder::new(written).size_limit(LARGEST).build();
        built.map(Self::Pattern).map_err(|error| {
            let last = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
            last.strip_prefix("error: ").map_or(last.clone(), str::to_owned)
        })
    }

    /// Whether it is for something that is called by these names. What has none is for everybody.
    pub(crate) fn matches(&self, names: &[String]) -> bool {
        match self {
            Self::All => true,
            _ if names.is_empty() => true,
            Self::Names(listed) => names.iter().any(|name| listed.contains(name)),
            Self::Pattern(pattern) => names.iter().any(|name| pattern.is_match(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(written: &str, name: &str) -> bool {
        Matcher::read(written).expect("it is a matcher").matches(&[name.to_owned()])
    }

    #[test]
    fn nothing_and_a_star_are_for_all() {
        for written in ["", " ", "*"] {
            assert!(matches(written, "Bash"), "{written:?}");
        }
        assert!(Matcher::read("Bash").expect("a name").matches(&[]), "what has no name is for everybody");
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
    fn what_is_no_expression_or_a_huge_one_is_refused_in_words() {
        assert_eq!(Matcher::read("Edit(").expect_err("refused"), "unclosed group");
        assert!(Matcher::read("(?:(?:a{1000}){1000}){10}").expect_err("refused").contains("size limit"));
    }
}
