//! The table of a plugin's settings, from their schema.

use serde_json::Value;

/// What a whole number of 32 bits may be at most; as a limit it says nothing to an operator.
const LARGEST: u64 = u32::MAX as u64;

/// A row for each setting; those of a table stand below it, under its name.
pub(super) fn table(schema: &Value) -> String {
    let rows = rows("", schema);
    if rows.is_empty() {
        return "It has no settings.\n".to_owned();
    }
    let rows = rows.iter().map(|cells| format!("| {} |\n", cells.join(" | ")));
    ["| setting | default | values | what it is |\n|---|---|---|---|\n".to_owned()]
        .into_iter()
        .chain(rows)
        .collect()
}

fn rows(above: &str, table: &Value) -> Vec<[String; 4]> {
    let required: Vec<&str> =
        table["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut rows = Vec::new();
    for (key, setting) in table["properties"].as_object().into_iter().flatten() {
        let name = format!("{above}{key}");
        let default =
            if required.contains(&key.as_str()) { "required".to_owned() } else { default_of(setting) };
        let about = setting["description"].as_str().unwrap_or_default();
        rows.push([format!("`{name}`"), default, values_of(setting), cell(about)]);
        rows.extend(rows_below(&name, setting));
    }
    rows
}

/// The settings inside of a setting: of a table, of each of its entries, or of each table of a list.
fn rows_below(name: &str, setting: &Value) -> Vec<[String; 4]> {
    let mut below = rows(&format!("{name}."), setting);
    below.extend(rows(&format!("{name}.<name>."), &setting["additionalProperties"]));
    below.extend(rows(&format!("{name}[]."), &setting["items"]));
    below
}

fn default_of(setting: &Value) -> String {
    match &setting["default"] {
        Value::Null if is_of_several(setting) => "none".to_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        value => shown(value),
    }
}

fn is_of_several(setting: &Value) -> bool {
    setting["type"] == "array" || setting["additionalProperties"].is_object()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => grouped(&number.to_string()),
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => format!("`{}`", cell(text)),
        other => format!("`{other}`"),
    }
}

fn values_of(setting: &Value) -> String {
    if let Some(words) = setting["enum"].as_array() {
        return words.iter().map(shown).collect::<Vec<_>>().join(" or ");
    }
    match setting["type"].as_str() {
        _ if setting["writeOnly"] == true => "secret".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => range(setting, "whole number"),
        Some("number") => range(setting, "number"),
        Some("string") => "text".to_owned(),
        Some("array") => format!("list: {}", values_of(&setting["items"])),
        Some("object") if is_of_several(setting) => {
            format!("by name: {}", values_of(&setting["additionalProperties"]))
        }
        Some("object") => "table".to_owned(),
        other => panic!("nobody knows how to show settings of the type {other:?}"),
    }
}

fn range(setting: &Value, otherwise: &str) -> String {
    let bound = |name: &str| setting[name].as_number().map(|bound| grouped(&bound.to_string()));
    let most = bound("maximum").filter(|_| setting["maximum"].as_u64() != Some(LARGEST));
    match (bound("minimum"), most) {
        (None, None) => otherwise.to_owned(),
        (Some(least), None) => format!("{least} or more"),
        (None, Some(most)) => format!("{most} or less"),
        (Some(least), Some(most)) => format!("{least} to {most}"),
    }
}

/// A number with a comma before every third digit, as on all pages.
fn grouped(number: &str) -> String {
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let number = number.strip_suffix(".0").unwrap_or(number);
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut out = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// Text in one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[test]
fn a_table_has_a_row_for_each_setting_and_for_each_inside_of_one() {
    let limit = serde_json::json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX });
    let schema = serde_json::json!({
        "type": "object",
        "required": ["house"],
        "properties": {
            "house": { "type": "string", "description": "A | B,\n C." },
            "most": { "type": "integer", "minimum": 1, "maximum": 1_048_576, "default": 65_536, "description": "D." },
            "share": { "type": "number", "minimum": -2000.0, "maximum": 0.5, "default": -1234.25, "description": "E." },
            "word": { "type": "string", "enum": ["full", "normal"], "default": "full", "description": "F." },
            "key": { "type": "string", "writeOnly": true, "description": "G." },
            "limits": { "type": "object", "additionalProperties": limit, "description": "H." },
            "scripts": { "type": "array", "description": "I.", "items": {
                "type": "object", "required": ["name"], "properties": {
                    "name": { "type": "string", "description": "J." },
                    "steps": { "type": "array", "items": { "type": "string" }, "description": "K." },
                },
            } },
            "rooms": { "type": "object", "description": "L.", "additionalProperties": {
                "type": "object", "properties": { "open": { "type": "boolean", "default": true, "description": "M." } },
            } },
            "folders": { "type": "array", "items": { "type": "string" }, "default": ["a", "b"], "description": "N." },
        },
    });
    let expected = "\
| setting | default | values | what it is |
|---|---|---|---|
| `house` | required | text | A \\| B, C. |
| `most` | 65,536 | 1 to 1,048,576 | D. |
| `share` | -1,234.25 | -2,000 to 0.5 | E. |
| `word` | `full` | `full` or `normal` | F. |
| `key` |  | secret | G. |
| `limits` | none | by name: 1 or more | H. |
| `scripts` | none | list: table | I. |
| `scripts[].name` | required | text | J. |
| `scripts[].steps` | none | list: text | K. |
| `rooms` | none | by name: table | L. |
| `rooms.<name>.open` | `true` | `true` or `false` | M. |
| `folders` | `a`, `b` | list: text | N. |
";
    assert_eq!(table(&schema), expected);
    assert_eq!(table(&serde_json::json!({ "properties": {} })), "It has no settings.\n");
}
