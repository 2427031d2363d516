//! A line for people.

use std::fmt::Write;

use super::fields::{Fields, Kept};
use super::lines::{Line, Written};

/// Time, level, target, spans, message, fields; the plugin last, where a `grep` finds it.
pub(super) fn line(line: &Line) -> String {
    let mut text = format!("{} {:>5} {}: ", line.time, line.level, line.target);
    for span in &line.spans {
        let Written::Text(fields) = &span.fields else { continue };
        let fields = if fields.is_empty() { String::new() } else { format!("{{{fields}}}") };
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{}{fields}: ", span.name);
    }
    text += &told(&line.message);
    let plugin = line.plugin.iter().map(|plugin| format!("plugin={}", told(plugin)));
    for part in [fields(&line.fields)].into_iter().filter(|fields| !fields.is_empty()).chain(plugin) {
        text += if text.ends_with(' ') { "" } else { " " };
        text += &part;
    }
    text.push('\n');
    text
}

/// `name=value`, side by side.
pub(super) fn fields(fields: &Fields) -> String {
    let field = |(name, kept): (&str, &Kept)| match kept {
        Kept::Plain(value) => format!("{name}={value}"),
        Kept::Text(text) => format!("{name}={text:?}"),
        Kept::Formatted(text) => format!("{name}={}", told(text)),
    };
    fields.iter().map(field).collect::<Vec<_>>().join(" ")
}

/// Text in which nothing can pass for the begin of a line, or give orders to a terminal.
fn told(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => told += "\n    ",
            '\t' => told.push('\t'),
            control if control.is_control() => told.extend(control.escape_default()),
            other => told.push(other),
        }
    }
    told
}
