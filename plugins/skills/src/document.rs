//! [`Document`]: what a skill's file says: its name, when to use it, and the instructions themselves.
//!
//! | file | summary | body |
//! |---|---|---|
//! | `SKILL.md` | `description` of its front matter | behind the front matter |
//! | any other `*.md` | line 1, when line 2 is `---` | from line 3 on; the whole file when line 2 is not `---` |

use crate::front_matter;

/// Name of the file that makes its folder a skill, after the Agent Skills convention.
pub(crate) const SKILL_FILE: &str = "SKILL.md";

/// Characters of a summary; the convention's own bound.
const SUMMARY_CHARACTERS: usize = 1_024;

/// A skill's file, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Document<'a> {
    /// The name it gives itself; only a `SKILL.md` can.
    pub(crate) name: Option<String>,
    /// One line on when to use it; empty when it says nothing of the kind.
    pub(crate) summary: String,
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
    let Some((mut values, body)) = front_matter::split(text) else {
        return Document { name: None, summary: String::new(), body: text };
    };
    let summary = values.remove("description").unwrap_or_default();
    Document { name: values.remove("name"), summary: bounded(&summary), body }
}

fn with_first_line(text: &str) -> Document<'_> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parts = text.splitn(3, '\n');
    match (parts.next(), parts.next()) {
        (Some(first), Some(second)) if second.trim() == "---" => {
            Document { name: None, summary: bounded(first), body: parts.next().unwrap_or_default() }
        }
        _ => Document { name: None, summary: String::new(), body: text },
    }
}

fn bounded(summary: &str) -> String {
    let summary = front_matter::one_line([summary]);
    match summary.char_indices().nth(SUMMARY_CHARACTERS) {
        Some((end, _)) => summary[..end].to_owned() + "…",
        None => summary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, text: &str, name: Option<&str>, summary: &str, body: &str) {
        let expected = Document { name: name.map(str::to_owned), summary: summary.to_owned(), body };
        assert_eq!(Document::of(file, text), expected);
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
    fn a_summary_is_one_line_of_bounded_length() {
        let long = "é".repeat(SUMMARY_CHARACTERS);
        check("a.md", &format!("{long}\n---\n"), None, &long, "");
        check("a.md", &format!("{long}!\n---\n"), None, &format!("{long}…"), "");
        check("a.md", "two \t words\n---\n", None, "two words", "");
    }
}
