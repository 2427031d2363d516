//! [`Document`]: what a skill's file says: its name, when to use it, and the instructions themselves.
//!
//! | file | summary | body |
//! |---|---|---|
//! | `SKILL.md` | `description` of its front matter | behind the front matter |
//! | any other `*.md` | line 1, when line 2 is `---` | from line 3 on; the whole file when line 2 is not `---` |

use crate::front_matter::{self, FrontMatter, head, one_line};

/// Name of the file that makes its folder a skill, after the Agent Skills convention.
pub(crate) const SKILL_FILE: &str = "SKILL.md";

/// Characters of a summary; the convention's own bound.
const SUMMARY_CHARACTERS: usize = 1_024;

/// A skill's file, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Document<'a> {
    /// The name it gives itself; only a `SKILL.md` can.
    pub(crate) name: Option<String>,
    /// One line on when to use it; empty when it says nothing of the kind.
    pub(crate) summary: String,
    /// What is wrong with it, in a sentence.
    pub(crate) problem: Option<String>,
    /// The instructions.
    pub(crate) body: &'a str,
}

impl<'a> Document<'a> {
    /// Reads `text`, or the beginning of it, as the file named `file`.
    pub(crate) fn of(file: &str, text: &'a str) -> Self {
        if file == SKILL_FILE { with_front_matter(text) } else { with_first_line(text) }
    }
}

fn with_front_matter(text: &str) -> Document<'_> {
    let (yaml, body) = match front_matter::split(text) {
        Ok(parts) => parts,
        Err(problem) => return Document { problem: Some(problem), body: text, ..Document::default() },
    };
    match front_matter::read(yaml) {
        Ok(FrontMatter { name, description }) => {
            let summary = bounded(&description.unwrap_or_default());
            let untold = || "it has no `description`, so no model is told when to use it".to_owned();
            Document { name, problem: summary.is_empty().then(untold), summary, body }
        }
        Err(problem) => Document { problem: Some(problem), body, ..Document::default() },
    }
}

fn with_first_line(text: &str) -> Document<'_> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = head(text).split_inclusive('\n');
    match (lines.next(), lines.next()) {
        (Some(first), Some(second)) if second.trim() == "---" => Document {
            summary: bounded(first),
            body: &text[first.len() + second.len()..],
            ..Document::default()
        },
        _ => Document { body: text, ..Document::default() },
    }
}

fn bounded(summary: &str) -> String {
    let summary = one_line(summary);
    match summary.char_indices().nth(SUMMARY_CHARACTERS) {
        Some((end, _)) => summary[..end].to_owned() + "…",
        None => summary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, text: &str, name: Option<&str>, summary: &str, body: &str) {
        let read = Document::of(file, text);
        assert_eq!((read.name.as_deref(), read.summary.as_str(), read.body), (name, summary, body), "{text}");
    }

    #[test]
    fn the_first_line_is_a_summary_when_the_second_is_a_rule() {
        check("a.md", "When it rains\n---\nOpen\nup\n", None, "When it rains", "Open\nup\n");
        check("a.md", "When it rains\r\n --- \r\nOpen\r\n", None, "When it rains", "Open\r\n");
        check("a.md", "\n---\nOpen\n", None, "", "Open\n");
        check("a.md", "When\n---", None, "When", "");
    }

    #[test]
    fn without_the_rule_the_whole_file_is_the_body() {
        for text in ["", "Open", "Open\nup\n---\n", "---\nname: a\n---\n"] {
            check("a.md", text, None, "", text);
        }
    }

    #[test]
    fn a_skill_file_is_described_by_its_front_matter() {
        let text = "---\nname: umbrella\ndescription: >\n  When it\n  rains\n---\n\nOpen\n";
        check(SKILL_FILE, text, Some("umbrella"), "When it rains", "\nOpen\n");
        check(SKILL_FILE, "When\n---\nOpen\n", None, "", "When\n---\nOpen\n");
    }

    #[test]
    fn a_skill_file_that_is_wrong_keeps_its_body_and_says_what_is_wrong() {
        let problem = |text: &str| Document::of(SKILL_FILE, text).problem.expect("something is wrong");
        check(SKILL_FILE, "---\nname: a\ndescription: \"\n---\nOpen\n", None, "", "Open\n");
        assert!(problem("---\nname: a\ndescription: \"\n---\nOpen\n").contains("not YAML"));
        assert!(problem("Open\n").contains("no front matter"));
        assert!(problem("---\nname: a\n---\nOpen\n").contains("no `description`"));
        assert_eq!(Document::of(SKILL_FILE, "---\ndescription: a\n---\n").problem, None);
    }

    #[test]
    fn a_summary_is_one_line_of_bounded_length() {
        let long = "é".repeat(SUMMARY_CHARACTERS);
        check("a.md", &format!("{long}\n---\n"), None, &long, "");
        check("a.md", &format!("{long}!\n---\n"), None, &format!("{long}…"), "");
        check("a.md", "two \t words\u{1b}[31m\n---\n", None, "two words [31m", "");
    }

    #[test]
    fn a_head_is_parted_where_the_whole_file_is() {
        let long = "x".repeat(front_matter::HEAD_BYTES);
        for text in
            [format!("{long}\n---\nbody"), format!("a\n---\n{long}"), format!("{}\n---y\nbody", &long[4..])]
        {
            for file in ["a.md", SKILL_FILE] {
                let (whole, read) = (Document::of(file, &text), Document::of(file, head(&text)));
                assert_eq!(
                    (whole.summary, whole.name, whole.problem),
                    (read.summary, read.name, read.problem)
                );
                assert_eq!(text.len() - whole.body.len(), head(&text).len() - read.body.len(), "{file}");
            }
        }
    }
}
