//! [`Offered`]: a tool of a server, as a model is told of it.

use rmcp::model::Tool;
use serde_json::Value;
use transom_agent::tool::{Effect, ToolDefinition};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{Json, List, Maybe};

use crate::names::name_of;
use crate::pattern::Choice;

/// Tools of one server.
pub(crate) const MOST_TOOLS: usize = 500;
/// Bytes of one tool's definition.
const LARGEST: usize = 64 << 10;

/// A tool that a server lists.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Offered {
    /// What the server calls it.
    pub(crate) tool: String,
    /// What a model is told.
    pub(crate) definition: ToolDefinition,
}

/// What a server offers, in byte order of the names, and what was left out of what it lists, for a person.
pub(crate) fn offered(server: &str, tools: &[Tool], choice: &Choice) -> (Vec<Offered>, Vec<String>) {
    let mut problems = Vec::new();
    if tools.len() > MOST_TOOLS {
        problems.push(format!("it lists more than {MOST_TOOLS} tools; those behind them are left out"));
    }
    let mut offered: Vec<Offered> = Vec::new();
    for tool in tools.iter().take(MOST_TOOLS).filter(|tool| choice.takes(&tool.name)) {
        let one = of(server, tool);
        let bytes = one.definition.description.len() + one.definition.parameters.as_str().len();
        let shown = tool.name.chars().take(64).collect::<String>();
        if bytes > LARGEST && !sabotaged("offer-tools-of-any-size") {
            problems.push(format!(
                "tool `{}` is left out: its definition has {bytes} bytes, expected at most {LARGEST}",
                shown.escape_debug()
            ));
        } else if offered.iter().any(|other| other.definition.name == one.definition.name) {
            problems.push(format!("tool `{}` is listed twice; the first counts", shown.escape_debug()));
        } else {
            offered.push(one);
        }
    }
    offered.sort_by(|one, other| one.definition.name.cmp(&other.definition.name));
    problems.truncate(20);
    (offered, problems)
}

fn of(server: &str, tool: &Tool) -> Offered {
    let described = tool.description.as_deref().or(tool.title.as_deref()).unwrap_or(&tool.name);
    // A hint of a stranger: it may let calls run side by side, and changes nothing about what they are taken for.
    let says_read_only = tool.annotations.as_ref().and_then(|notes| notes.read_only_hint).unwrap_or(false);
    let effects = if says_read_only && sabotaged("believe-hints") {
        List::new()
    } else {
        List::from([Effect::Reaches { whom: server.into() }])
    };
    Offered {
        tool: tool.name.to_string(),
        definition: ToolDefinition {
            name: name_of(server, &tool.name).into(),
            description: format!("[{server}] {described}").into(),
            parameters: parameters(&tool.input_schema),
            concurrency_safe: says_read_only,
            effects: Maybe::Some(effects),
        },
    }
}

/// The schema as the server gives it; providers want an object, which some servers do not say.
fn parameters(schema: &rmcp::model::JsonObject) -> Json {
    let mut schema = schema.clone();
    schema.entry("type").or_insert_with(|| "object".into());
    if !schema.contains_key("properties") {
        schema.insert("properties".to_owned(), Value::Object(serde_json::Map::new()));
    }
    Value::Object(schema).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool(tool: Value) -> Tool {
        serde_json::from_value(tool).expect("a tool")
    }

    #[test]
    fn a_tool_is_told_with_its_server_and_its_schema() {
        let schema =
            json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
        let listed = tool(json!({"name": "read", "description": "Reads a file.", "inputSchema": schema}));
        let (offered, problems) = offered("files", &[listed], &Choice::default());
        let definition = &offered[0].definition;
        assert_eq!((offered[0].tool.as_str(), definition.name.as_str()), ("read", "files__read"));
        assert_eq!(definition.description, "[files] Reads a file.");
        assert_eq!(definition.parameters.value(), schema);
        assert!(!definition.concurrency_safe && problems.is_empty());
    }

    #[test]
    fn a_hint_lets_calls_run_side_by_side_and_has_them_judged_all_the_same() {
        let annotations = json!({"readOnlyHint": true, "destructiveHint": false, "openWorldHint": false});
        let listed = tool(json!({"name": "read", "inputSchema": {}, "annotations": annotations}));
        let (offered, _) = offered("files", &[listed], &Choice::default());
        assert!(offered[0].definition.concurrency_safe);
        let expected = List::from([Effect::Reaches { whom: "files".into() }]);
        assert_eq!(offered[0].definition.effects, Maybe::Some(expected));
    }

    #[test]
    fn what_is_too_much_is_left_out_and_told() {
        let mut listed: Vec<Tool> =
            (0..600).map(|number| tool(json!({"name": format!("t{number}"), "inputSchema": {}}))).collect();
        listed[0] = tool(json!({"name": "big", "description": "x".repeat(70_000), "inputSchema": {}}));
        listed[1] = tool(json!({"name": "t2", "inputSchema": {}}));
        let (offered, problems) = offered("many", &listed, &Choice::default());
        assert_eq!(offered.len(), 498);
        assert!(offered.is_sorted_by(|one, other| one.definition.name < other.definition.name));
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
