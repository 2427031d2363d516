//! The manifest's JSON Schema for editors, with the settings of the plugins that are known.

use serde_json::{Value, json};
use transom_loader::Descriptor;

use super::tables::{ManifestTable, schema_of};

/// The JSON Schema of `transom.toml`. The settings of each plugin in `plugins` are described under its id; those
/// of any other plugin are left open.
#[must_use]
pub fn manifest_schema<'a>(plugins: impl IntoIterator<Item = &'a Descriptor>) -> Value {
    let mut schema = schema_of::<ManifestTable>();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "transom.toml".into();
    let cases: Vec<_> = plugins.into_iter().map(case).collect();
    if !cases.is_empty() {
        schema["properties"]["plugin"]["items"]["allOf"] = cases.into();
    }
    schema
}

fn case(plugin: &Descriptor) -> Value {
    let mut then = json!({"properties": {"settings": plugin.settings}});
    // Without a table of settings nothing would miss what is required in it.
    if plugin.settings["required"].as_array().is_some_and(|required| !required.is_empty()) {
        then["required"] = json!(["settings"]);
    }
    json!({"if": {"properties": {"id": {"const": plugin.id}}, "required": ["id"]}, "then": then})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(settings: &Value) -> Descriptor {
        let descriptor = json!({
            "id": "parrot", "version": "0.1.0", "about": "", "abi": 1, "sdk": "0.1.0", "target": "", "rustc": "",
            "panic": "unwind", "runtime": "none", "capabilities": [], "ports": [], "settings": settings,
        });
        serde_json::from_value(descriptor).expect("it is a descriptor")
    }

    #[test]
    fn the_settings_of_a_known_plugin_are_described_under_its_id() {
        let settings =
            json!({"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]});
        let schema = manifest_schema([&plugin(&settings)]);
        assert_eq!(
            schema["properties"]["plugin"]["items"]["allOf"][0],
            json!({
                "if": {"properties": {"id": {"const": "parrot"}}, "required": ["id"]},
                "then": {"properties": {"settings": settings}, "required": ["settings"]},
            })
        );
    }

    #[test]
    fn settings_that_may_be_left_out_do_not_require_their_table() {
        let schema = manifest_schema([&plugin(&json!({"type": "object", "required": []}))]);
        assert!(schema["properties"]["plugin"]["items"]["allOf"][0]["then"].get("required").is_none());
    }

    #[test]
    fn without_plugins_all_settings_are_left_open() {
        let schema = manifest_schema([]);
        let items = &schema["properties"]["plugin"]["items"];
        assert!(items.get("allOf").is_none());
        assert_eq!(items["properties"]["settings"]["type"], "object");
        assert_eq!(items["properties"]["settings"].get("additionalProperties"), None);
    }
}
