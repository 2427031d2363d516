//! What an operator reads about a manifest, word by word.

use serde_json::{Value, json};

use super::*;

mod settings;
mod tables;

fn environment() -> Environment {
    Environment::of([("PORT", "8080"), ("WORD", "abc"), ("KEY", "s3cret-value"), ("HOME", "/home/ada")])
}

fn parse(text: &str) -> Result<Manifest, Faults> {
    Manifest::parse_in(text, "transom.toml", environment())
}

fn sound(text: &str) -> Manifest {
    parse(text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Compares all faults of a manifest, as they are printed, with `expected`.
fn check(text: &str, expected: &str) {
    let found = parse(text).map(drop).expect_err("it has faults").to_string();
    assert_eq!(found, expected, "found:\n{found}");
}

fn weather() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "description": "Talks to a weather service.",
        "properties": {
            "key": {"type": "string", "writeOnly": true, "description": "Key of the account."},
            "every_s": {"type": "integer", "minimum": 10, "default": 60, "description": "Seconds between two questions. At least 10."},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
            "factor": {"type": "number", "maximum": 1.5},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "description": "Unit of answers."},
            "offset": {"type": "integer"},
            "loud": {"type": "boolean"},
            "places": {"type": "array", "items": {
                "type": "object",
                "additionalProperties": false,
                "properties": {"name": {"type": "string"}, "height_m": {"type": "number", "minimum": 0}},
                "required": ["name"],
            }},
            "headers": {"type": "object", "additionalProperties": {"type": "string", "writeOnly": true}},
            "anything": {},
        },
        "required": ["key"],
    })
}

fn with_settings(settings: &str) -> String {
    format!("[[plugin]]\nid = \"weather\"\n[plugin.settings]\n{settings}")
}

#[test]
fn no_manifest_makes_the_host_panic() {
    let whole = "[host]\nroots = ['.']\n[secrets]\nkey = 'env:KEY'\n[order]\n'a/b' = ['a']\n[[plugin]]\nid = 'a'\nfaults = { allowed = 1 }\ncapabilities = ['net']\npoints = ['a/*']\n[plugin.settings]\nkey = 'env:KEY'\n\
                 places = [{ name = '${HOME}' }]\nanything = 0.5\n";
    for (end, _) in whole.char_indices() {
        for noise in ["", "[", "'", "=", ".", "$", "9", "\n", "true", "env:", "-"] {
            let text = format!("{}{noise}{}", &whole[..end], &whole[end..]);
            for text in [&text, &text[..end + noise.len()]] {
                let Ok(manifest) = parse(text) else { continue };
                for plugin in &manifest.plugins {
                    let _ = manifest.settings_for(plugin, &weather());
                }
                for index in [None, Some(0), Some(7)] {
                    let _ = manifest.fault_in_order("a/b", index, String::new(), &["b".to_owned()]);
                }
            }
        }
    }
}
