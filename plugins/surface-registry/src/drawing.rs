//! A surface as text, by the kinds of its fields alone.

use std::fmt::Write;

use serde_json::Value;
use transom_agent::surface::{Choice, Field, SurfaceSpec};
use transom_plugin_api::Maybe;

/// Characters of a line.
const LONGEST: usize = 2_000;
/// Blocks of a bar.
const BLOCKS: usize = 20;

/// The title, and a line for each field; what can be used is named at the end of its line.
pub(crate) fn drawn(spec: &SurfaceSpec) -> String {
    let mut text = format!("{}\n", line(&spec.title));
    for field in &spec.fields {
        writeln!(text, "{}", field_drawn(field)).expect("a string takes everything");
    }
    text
}

fn field_drawn(field: &Field) -> String {
    match field {
        Field::Toggle { label, value, action } => {
            format!("[{}] {}  → {action}", if *value { 'x' } else { ' ' }, line(label))
        }
        Field::Progress { label, value } => format!("{}: {}", line(label), bar(*value)),
        Field::Selector { label, value, options, action } => {
            format!("{}: {}  → {action}", line(label), choices(value, options))
        }
        Field::Stat { label, value } => format!("{}: {}", line(label), line(value)),
        Field::Number { label, value, unit, action, .. } => {
            let unit = unit.as_deref().map(|unit| format!(" {}", line(unit))).unwrap_or_default();
            format!("{}: {value}{unit}{}  → {action}", line(label), limits(field))
        }
        Field::Button { label, action } => format!("({})  → {action}", line(label)),
        Field::Custom { renderer, payload } => custom(renderer, &payload.value()),
        Field::Unknown(later) => format!("<{}>", line(later.tag())),
    }
}

fn bar(value: f64) -> String {
    // Checked: it is from 0 to 1.
    let full = (value * BLOCKS as f64).round() as usize;
    let (full, empty) = (full.min(BLOCKS), BLOCKS.saturating_sub(full));
    format!("[{}{}] {:.0} %", "#".repeat(full), ".".repeat(empty), value * 100.0)
}

fn choices(chosen: &str, options: &[Choice]) -> String {
    let one = |option: &Choice| {
        let mark = if option.value == chosen { "*" } else { "" };
        format!("{mark}{} ({})", line(&option.value), line(&option.label))
    };
    options.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn limits(field: &Field) -> String {
    match field {
        Field::Number { min: Maybe::Some(min), max: Maybe::Some(max), .. } => format!(" ({min} to {max})"),
        Field::Number { min: Maybe::Some(min), .. } => format!(" (at least {min})"),
        Field::Number { max: Maybe::Some(max), .. } => format!(" (at most {max})"),
        _ => String::new(),
    }
}

/// A table is drawn, of anything else is shown what it is made of.
fn custom(renderer: &str, payload: &Value) -> String {
    match (renderer, table(payload)) {
        ("table", Some(table)) => table,
        _ => format!("<{}> {}", line(renderer), line(&payload.to_string())),
    }
}

fn table(payload: &Value) -> Option<String> {
    let columns = cells(&payload["columns"])?;
    let mut rows = vec![columns];
    rows.extend(payload["rows"].as_array()?.iter().map(cells).collect::<Option<Vec<_>>>()?);
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| {
            let lengths = rows.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count()));
            lengths.max().unwrap_or_default()
        })
        .collect();
    let row = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    Some(rows.iter().map(row).collect::<Vec<_>>().join("\n"))
}

fn cells(row: &Value) -> Option<Vec<String>> {
    let cell = |cell: &Value| cell.as_str().map_or_else(|| line(&cell.to_string()), line);
    Some(row.as_array()?.iter().map(cell).collect())
}

/// Words on one line, of moderate length: without what begins a line, controls a terminal or turns the direction of text.
fn line(words: &str) -> String {
    let is_plain = |character: &char| {
        let turns = matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        );
        !character.is_control() && !turns
    };
    let spaced = words.chars().map(|character| if character.is_whitespace() { ' ' } else { character });
    spaced.filter(is_plain).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use transom_plugin_api::Json;

    use super::*;

    #[test]
    fn every_kind_of_field_has_its_line() {
        let spec = json!({"id": "s", "region": "", "title": "Ship\n\u{1b}[2J", "fields": [
            {"type": "toggle", "label": "lamp", "value": true, "action": "light"},
            {"type": "progress", "label": "way", "value": 0.25},
            {"type": "selector", "label": "sail", "value": "j", "options": [
                {"value": "j", "label": "jib"}, {"value": "m", "label": "main"}], "action": "hoist"},
            {"type": "stat", "label": "wind", "value": "W 4"},
            {"type": "number", "label": "speed", "value": 4.5, "min": 0.0, "max": 9.0, "step": null, "unit": "kn", "action": "steer"},
            {"type": "button", "label": "drop anchor", "action": "anchor"},
            {"type": "custom", "renderer": "table", "payload": {"columns": ["Name", "Age"], "rows": [["Ann", 7], ["Bartholomew", 41]]}},
            {"type": "custom", "renderer": "chart", "payload": [1]},
            {"type": "dial", "x": 1},
        ]});
        let spec: SurfaceSpec = Json::from(spec).read().unwrap();
        let expected = "\
Ship [2J
[x] lamp  → light
way: [#####...............] 25 %
sail: *j (jib), m (main)  → hoist
wind: W 4
speed: 4.5 kn (0 to 9)  → steer
(drop anchor)  → anchor
Name         Age
Ann          7
Bartholomew  41
<chart> [1]
<dial>
";
        assert_eq!(drawn(&spec), expected);
    }

    #[test]
    fn a_table_that_is_none_is_shown_as_it_is() {
        assert_eq!(custom("table", &json!({"rows": 7})), "<table> {\"rows\":7}");
        assert_eq!(custom("table", &json!({"columns": [], "rows": [["too", "many"]]})), "\n");
    }
}
