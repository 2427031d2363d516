//! The transport's own routes.

use serde_json::{Value, json};
use transom_agent::reach::HttpRoute;

use crate::table::{Route, Target};

/// Stands for this plugin in reports about routes.
const ITSELF: &str = "transport-http";

/// The routes, each with what it says of itself.
pub(crate) fn routes() -> [(Route, HttpRoute); 4] {
    [
        own(
            "GET /health",
            Target::Health,
            "Tells whether the host lives, and which plugins do not run",
            health(),
        ),
        own("GET /ready", Target::Ready, "Tells whether the transport is not about to stop", readiness()),
        own("GET /plugins", Target::Plugins, "Lists the plugins of the host", plugins()),
        own(
            "GET /openapi.json",
            Target::Description,
            "Describes every route that is served now",
            description(),
        ),
    ]
}

fn own(name: &str, target: Target, summary: &str, output: Value) -> (Route, HttpRoute) {
    let route = Route { target, name: name.to_owned(), plugin: ITSELF.to_owned() };
    (route, HttpRoute { output: output.into(), ..HttpRoute::new(summary) })
}

fn health() -> Value {
    let degraded = json!({ "type": "array", "items": { "type": "string" } });
    object(json!({ "ok": { "type": "boolean" }, "degraded": degraded }), &["ok"])
}

fn readiness() -> Value {
    object(json!({ "ready": { "type": "boolean" } }), &["ready"])
}

fn plugins() -> Value {
    let fields = json!({
        "id": { "type": "string" },
        "version": { "type": "string" },
        "about": { "type": "string" },
        "attach": { "type": "string" },
        "state": { "type": "string" },
        "generation": { "type": "integer" },
        "reason": { "type": "string" },
    });
    let plugin = object(fields, &["id", "version", "about", "attach", "state", "generation"]);
    object(json!({ "plugins": { "type": "array", "items": plugin } }), &["plugins"])
}

fn description() -> Value {
    object(json!({ "openapi": { "type": "string" } }), &["openapi", "info", "paths"])
}

/// An object that has at least these fields.
fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}
