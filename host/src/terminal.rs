//! What people see: lines on standard output and standard error, plain when that is not a terminal.

mod when;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use when::{ago, lasting, now};

/// Whether a result could not be printed.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints a result. A closed pipe is not an error: whoever read it had enough. Any other failure is told once, and known
/// to [`lost_output`].
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) => {
            complain(&format!("error: standard output cannot be written: {error}"));
        }
        _ => {}
    }
}

/// Whether something of the result is lost.
pub(crate) fn lost_output() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// A number of things: `1 line`, `2 lines`.
pub(crate) fn counted(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// A text on one line, safe to show and cut to so many characters.
pub(crate) fn line_of(text: &str, width: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = shown(&words);
    if line.chars().count() <= width {
        return line;
    }
    let mut cut: String = line.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// The most names in a list for people.
pub(crate) const MOST_LISTED: usize = 5;

/// Names in backticks: the first of them, and how many more there are.
pub(crate) fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(MOST_LISTED).map(|name| format!("`{name}`")).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(MOST_LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Prints a line for a person, beside the result.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints a line for a person in grey, where the terminal has colours.
pub(crate) fn aside(line: &str) {
    note(&styled(line, "2"));
}

/// Prints what goes on in the line that was begun beside the result, in grey, where the terminal has colours.
pub(crate) fn print_aside(text: &str) {
    let _ = write!(io::stderr().lock(), "{}", styled(text, "2"));
}

/// Prints an error in red, where the terminal has colours. Errors repeat what stood in files, so they are made safe to show.
pub(crate) fn complain(line: &str) {
    note(&styled(&shown(line), "31"));
}

fn styled(line: &str, style: &str) -> String {
    let plain =
        std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || !io::stderr().is_terminal();
    if plain { line.to_owned() } else { format!("\x1b[{style}m{line}\x1b[0m") }
}

/// Text from a file or a network, made safe to show: control characters are spelled out, and those that turn the direction of what
/// follows, so that it reads as something else.
pub(crate) fn shown(text: &str) -> String {
    let spell = |character: char| match character {
        '\n' | '\t' => character.to_string(),
        control if control.is_control() => control.escape_default().to_string(),
        turn @ ('\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => turn.escape_default().to_string(),
        other => other.to_string(),
    };
    text.chars().map(spell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_orders_to_a_terminal_or_turns_what_follows_is_spelled_out() {
        assert_eq!(shown("a\u{1b}[2J\r\n\tb"), "a\\u{1b}[2J\\r\n\tb");
        assert_eq!(shown("rm \u{202e}txt.exe\u{2069}"), "rm \\u{202e}txt.exe\\u{2069}");
        assert_eq!(shown("שלום\u{200f}!"), "שלום\u{200f}!", "text that runs the other way is text");
    }
}
