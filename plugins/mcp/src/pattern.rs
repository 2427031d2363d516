//! [`Choice`]: which of a server's tools are offered.

/// Patterns of names, in which `*` stands for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Those that are offered; all of them where there is no pattern.
    pub(crate) tools: Vec<String>,
    /// Those that are not, whatever `tools` says.
    pub(crate) without: Vec<String>,
}

impl Choice {
    /// Whether a tool is offered.
    pub(crate) fn takes(&self, tool: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| is_like(pattern, tool));
        (self.tools.is_empty() || any(&self.tools)) && !any(&self.without)
    }
}

/// Each part between stars is looked for behind the one before it: with stars alone the first place is the best.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("read", "read", true),
            ("read", "reads", false),
            ("*", "", true),
            ("read_*", "read_file", true),
            ("read_*", "bread_file", false),
            ("*_file", "read_file", true),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*é*", "caf\u{e9}s", true),
        ] {
            assert_eq!(is_like(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_excluded_is_so_whatever_else_is_said() {
        let choice = |tools: &[&str], without: &[&str]| Choice {
            tools: tools.iter().map(|&pattern| pattern.to_owned()).collect(),
            without: without.iter().map(|&pattern| pattern.to_owned()).collect(),
        };
        assert!(choice(&[], &[]).takes("write"));
        assert!(!choice(&["read*"], &[]).takes("write"));
        assert!(!choice(&["*"], &["w*"]).takes("write"));
    }
}
