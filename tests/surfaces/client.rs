//! A client that has read what kinds of fields there are, and nothing else.

use std::time::Duration;

use serde_json::{Value, json};
use transom_agent::reach::{HTTP_ROUTE, HTTP_STREAM, HttpFrame, HttpRequest};
use transom_plugin_api::{CallError, ItemStream};
use transom_testkit::Stand;

use super::world::ID;

/// How long something may take that is certain to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks a route.
pub(super) async fn ask(
    stand: &Stand,
    route: &str,
    params: &[(&str, &str)],
    body: Value,
) -> Result<Value, CallError> {
    let mut request = HttpRequest::new(route.split(' ').next().unwrap_or_default(), "/");
    request.body = body.into();
    if request.method == "GET" {
        request.query.insert("conversationId", ID.into());
    }
    let request = params.iter().fold(request, |request, (name, value)| request.with_param(*name, *value));
    stand.caller(HTTP_ROUTE).call_named(route, request).await.map(|reply| reply.body.value())
}

/// The ids of all surfaces.
pub(super) async fn surfaces(stand: &Stand) -> Vec<String> {
    let list = ask(stand, "GET /surfaces", &[], Value::Null).await.expect("there is a list");
    let entries = list["surfaces"].as_array().expect("entries");
    entries.iter().map(|entry| text(&entry["id"])).collect()
}

/// What a surface shows.
pub(super) async fn show(stand: &Stand, id: &str) -> Value {
    let shown = ask(stand, "GET /surfaces/:id", &[("id", id)], Value::Null).await;
    shown.unwrap_or_else(|error| panic!("`{id}`: {error}"))
}

/// Uses a field.
pub(super) async fn act(stand: &Stand, id: &str, action: &str, payload: &Value) -> Result<Value, CallError> {
    let params = [("id", id), ("action", action)];
    let body = json!({ "conversationId": ID, "payload": payload });
    ask(stand, "POST /surfaces/:id/actions/:action", &params, body).await
}

/// What is drawn of a field, and what it is used with, if it can be.
pub(super) fn drawn(field: &Value) -> (String, Option<(String, Value)>) {
    let label = || text(&field["label"]);
    let used = |payload: Value| Some((text(&field["action"]), payload));
    match text(&field["type"]).as_str() {
        "toggle" => (label(), used(json!(!field["value"].as_bool().expect("on or off")))),
        "progress" => (format!("{} {}", label(), field["value"].as_f64().expect("a part")), None),
        "selector" => (label(), used(field["options"][0]["value"].clone())),
        "stat" => (format!("{}: {}", label(), text(&field["value"])), None),
        "number" => (label(), used(field["value"].clone())),
        "button" => (label(), used(Value::Null)),
        "custom" => (format!("<{}>", text(&field["renderer"])), None),
        later => (format!("<{later}>"), None),
    }
}

/// What is told of all surfaces, as it happens.
pub(super) struct Events(ItemStream<HttpFrame>);

impl Events {
    pub(super) fn of(stand: &Stand) -> Self {
        let mut request = HttpRequest::new("GET", "/surfaces/events");
        request.query.insert("conversationId", ID.into());
        Self::open(stand, "GET /surfaces/events", request)
    }

    /// Those of any route.
    pub(super) fn open(stand: &Stand, route: &str, request: HttpRequest) -> Self {
        let opened = stand.stream_caller(HTTP_STREAM).open_named(route, request);
        Self(opened.expect("somebody answers"))
    }

    /// The next document.
    pub(super) async fn next(&mut self) -> Value {
        self.until(|_| true).await
    }

    /// The next document that is so.
    pub(super) async fn until(&mut self, is_so: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            loop {
                let frame = self.0.next().await.expect("it goes on").expect("it does not break off");
                if let HttpFrame::Data { data, .. } = frame
                    && is_so(&data.value())
                {
                    return data.value();
                }
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("it is told in time")
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text, not {value}")).to_owned()
}
