//! [`Operation`]: one route.

use serde_json::{Map, Value, json};

use super::embedded::{embedded, fragment};
use super::refusals;
use crate::format::Format;
use crate::routes::Way;
use crate::table::{Served, Target};

const STREAM: &str = "A stream of documents: a line of NDJSON for each, or an event of SSE when `Accept` prefers that. One that fails ends with `{\"type\":\"error\",\"message\":…}`.";

/// A route at the path under which it is described.
pub(super) struct Operation<'a> {
    pub(super) served: &'a Served,
    pub(super) path: &'a str,
    pub(super) method: &'a str,
    pub(super) needs_token: bool,
}

impl Operation<'_> {
    /// As it stands in the document.
    pub(super) fn written(&self, name: String) -> Value {
        let Served { route, about, .. } = self.served;
        let mut operation = json!({
            "operationId": name,
            "summary": about.summary,
            "tags": [route.plugin],
            "parameters": self.parameters(),
            "responses": self.responses(),
        });
        if let Some(body) = self.body() {
            operation["requestBody"] = body;
        }
        if self.needs_token && self.is_open() {
            operation["security"] = json!([]);
        }
        operation
    }

    fn parameters(&self) -> Vec<Value> {
        let in_path =
            parameters_of(self.path).map(|name| parameter(name, "path", true, json!({ "type": "string" })));
        in_path.chain(self.query()).chain(self.last_event()).collect()
    }

    fn query(&self) -> Vec<Value> {
        let query = self.served.about.query.value();
        let Some(keys) = query["properties"].as_object() else { return Vec::new() };
        let is_required = |key: &str| is_listed(&query["required"], key);
        // Each key stands alone, so that it cannot refer to what stands beside it.
        let schema = |schema: &Value| embedded(schema, None);
        keys.iter().map(|(key, about)| parameter(key, "query", is_required(key), schema(about))).collect()
    }

    /// What a browser sends when it asks again for the rest of a stream.
    fn last_event(&self) -> Option<Value> {
        let is_asked_again = self.is_stream() && self.method == "get";
        is_asked_again.then(|| parameter("Last-Event-ID", "header", false, json!({ "type": "string" })))
    }

    fn body(&self) -> Option<Value> {
        let input = self.served.about.input.value();
        if input.is_null() || self.method == "get" {
            return None;
        }
        let is_required = input["required"].as_array().is_some_and(|fields| !fields.is_empty());
        let place = self.place(&["requestBody", "content", "application/json", "schema"]);
        let content = json!({ "application/json": { "schema": embedded(&input, Some(&place)) } });
        Some(json!({ "required": is_required, "content": content }))
    }

    fn responses(&self) -> Map<String, Value> {
        let mut responses = Map::new();
        responses.insert("200".to_owned(), self.answer("200"));
        if matches!(self.served.route.target, Target::Health | Target::Ready) {
            responses.insert("503".to_owned(), self.answer("503"));
        }
        let refusals = refusals::of(self.served.route.target, self.body().is_some());
        let needs_token = self.needs_token && !self.is_open();
        for refusal in refusals.filter(|refusal| needs_token || refusal.status != 401) {
            responses.insert(refusal.status.to_string(), refusal.reference());
        }
        responses
    }

    fn answer(&self, status: &str) -> Value {
        let types = if self.is_stream() {
            vec![Format::Lines.media_type(), Format::Events.media_type()]
        } else {
            vec!["application/json"]
        };
        let output = self.served.about.output.value();
        let schema = |media_type: &str| {
            let place = self.place(&["responses", status, "content", media_type, "schema"]);
            json!({ "schema": embedded(&output, Some(&place)) })
        };
        let content: Map<_, _> = types.into_iter().map(|name| (name.to_owned(), schema(name))).collect();
        json!({ "description": if self.is_stream() { STREAM } else { "The answer." }, "content": content })
    }

    /// Where something of this operation stands in the document.
    fn place(&self, within: &[&str]) -> String {
        fragment(["paths", self.path, self.method].iter().chain(within))
    }

    fn is_stream(&self) -> bool {
        self.served.route.target == Target::Offered(Way::Streamed)
    }

    /// Whether it goes without a token.
    fn is_open(&self) -> bool {
        self.served.route.target == Target::Health
    }
}

fn parameters_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn parameter(name: &str, place: &str, required: bool, mut schema: Value) -> Value {
    let about = schema.as_object_mut().and_then(|schema| schema.shift_remove("description"));
    let mut parameter = json!({ "name": name, "in": place, "required": required, "schema": schema });
    if let Some(about) = about.filter(Value::is_string) {
        parameter["description"] = about;
    }
    parameter
}

fn is_listed(names: &Value, name: &str) -> bool {
    names.as_array().is_some_and(|names| names.iter().any(|one| one == name))
}
