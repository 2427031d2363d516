//! The examples of a page: lines to type with what comes back, and messages over a WebSocket.

use crate::promises::repository::{root, text_of};

/// One block of a page.
pub(super) struct Example {
    /// The page, and the line at which the block begins.
    pub(super) place: String,
    pub(super) steps: Vec<Step>,
}

/// What is said, and what is shown to come back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) said: Said,
    pub(super) shown: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A line for a shell.
    Line(String),
    /// A message over a WebSocket.
    Message(String),
}

impl Said {
    pub(super) fn into_line(self) -> Option<String> {
        match self {
            Self::Line(line) => Some(line),
            Self::Message(_) => None,
        }
    }
}

/// The examples of a page, in their order.
pub(super) fn examples(page: &str) -> Vec<Example> {
    let text = text_of(&root().join(page));
    let blocks =
        text.split("```console\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
    let place = |block: &str| {
        let before = block.as_ptr() as usize - text.as_ptr() as usize;
        format!("{page}:{}", text[..before].lines().count() + 1)
    };
    blocks.map(|block| Example { place: place(block), steps: steps(block) }).collect()
}

/// A line with `$ ` is typed and one with `> ` sent, both go on behind a `\`; what follows is shown, with `< ` where it came
/// over a WebSocket.
fn steps(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.replace("\\\n", "").lines() {
        let said = match line.split_at_checked(2) {
            Some(("$ ", line)) => Said::Line(line.split_whitespace().collect::<Vec<_>>().join(" ")),
            Some(("> ", message)) => Said::Message(message.to_owned()),
            _ => {
                let shown = line.strip_prefix("< ").unwrap_or(line);
                steps.last_mut().expect("an example begins with what is said").shown.push(shown.to_owned());
                continue;
            }
        };
        steps.push(Step { said, shown: Vec::new() });
    }
    steps
}

/// The rows of the first table below a heading, each with its cells.
pub(super) fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let text = text_of(&root().join(page));
    let below =
        text.split(&format!("\n{heading}\n")).nth(1).unwrap_or_else(|| panic!("{page} has no `{heading}`"));
    let rows =
        below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.skip(2).map(cells).collect()
}

/// The words between backticks in a cell, each with whether a `?` follows.
pub(super) fn quoted(cell: &str) -> Vec<(String, bool)> {
    let parts: Vec<&str> = cell.split('`').collect();
    let words = parts.chunks_exact(2).zip(parts.iter().skip(2).step_by(2));
    words.map(|(pair, behind)| (pair[1].to_owned(), behind.starts_with('?'))).collect()
}

#[test]
fn a_block_is_what_is_said_and_what_is_shown() {
    let line = |said: &str| Said::Line(said.to_owned());
    let shown = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let expected = [
        Step { said: line("curl a -d 'b'"), shown: shown(&["{}", ""]) },
        Step { said: Said::Message("{\"type\":\"x\"}".to_owned()), shown: shown(&["{…}"]) },
    ];
    assert_eq!(steps("$ curl a \\\n    -d 'b'\n{}\n\n> {\"type\":\"x\"}\n< {…}\n"), expected);
    assert_eq!(quoted("`a`, `b`? and `c`"), [("a".into(), false), ("b".into(), true), ("c".into(), false)]);
}
