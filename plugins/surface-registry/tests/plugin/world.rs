//! Surfaces of a plugin that the test plays, and a client that knows the kinds of fields and nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use transom_agent::conversation::{Conversation, FIND};
use transom_agent::reach::{HTTP_ROUTE, HTTP_STREAM, HttpFrame, HttpRequest};
use transom_agent::surface::{
    SURFACE, SURFACE_ACTION, SURFACE_CHANGED, SurfaceAbout, SurfaceActed, SurfaceChanged,
};
use transom_plugin_api::{CallError, CallErrorKind, Emitter, ItemStream, Json, Text};
use transom_surface_registry::SurfaceRegistry;
use transom_testkit::Stand;

/// The pace at which updates come.
pub(crate) const PACE: Duration = Duration::from_millis(50);

/// How an error is told.
pub(crate) type Refused = (CallErrorKind, String);

/// The surface `ship` of each conversation: what it shows, who asked, and what was done.
#[derive(Clone, Default)]
pub(crate) struct Ship(Arc<Mutex<Log>>);

#[derive(Default)]
pub(crate) struct Log {
    /// By conversation, what its surface shows.
    pub(crate) fields: BTreeMap<String, Value>,
    /// Conversations whose surface was asked for.
    pub(crate) asked: Vec<String>,
    /// Actions and what was sent with them.
    pub(crate) done: Vec<(String, Value)>,
}

/// A field of every kind that there is, and one of a later kind.
pub(crate) fn every_kind() -> Value {
    json!([
        {"type": "toggle", "label": "lamp", "value": false, "action": "light"},
        {"type": "progress", "label": "way", "value": 0.25},
        {"type": "selector", "label": "sail", "value": "jib", "options": [
            {"value": "jib", "label": "Jib"}, {"value": "main", "label": "Main"}], "action": "hoist"},
        {"type": "stat", "label": "wind", "value": "W 4"},
        {"type": "number", "label": "speed", "value": 4.0, "min": 0.0, "max": 9.5, "step": 0.5, "unit": "kn", "action": "steer"},
        {"type": "button", "label": "drop anchor", "action": "anchor"},
        {"type": "custom", "renderer": "chart", "payload": {"depth": 7}},
        {"type": "dial", "label": "of a later kind"},
    ])
}

pub(crate) fn stat(value: impl ToString) -> Value {
    json!([{"type": "stat", "label": "n", "value": value.to_string()}])
}

impl Ship {
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().expect("nobody panics in here")
    }

    pub(crate) fn shows(&self, conversation: &str, fields: Value) {
        self.log().fields.insert(conversation.to_owned(), fields);
    }

    /// How often the surface of a conversation was asked for.
    pub(crate) fn asked(&self, conversation: &str) -> usize {
        self.log().asked.iter().filter(|asked| *asked == conversation).count()
    }

    pub(crate) fn about() -> SurfaceAbout {
        SurfaceAbout::of_conversations("side", "Ship")
    }

    fn put_on(&self, stand: &Stand) {
        let ship = self.clone();
        stand.serve_named(SURFACE, "ship", Self::about(), move |of, _| {
            let conversation = of.conversation_id.as_deref().expect("it is asked for one").to_owned();
            ship.log().asked.push(conversation.clone());
            let fields = ship.log().fields.get(&conversation).cloned().unwrap_or_else(|| stat(0));
            let spec = json!({"id": "ship", "region": "side", "title": "Ship", "fields": fields});
            std::future::ready(Json::from(spec).read().map_err(CallError::failed))
        });
        let ship = self.clone();
        stand.serve_named(SURFACE_ACTION, "ship", Self::about(), move |act, _| {
            ship.log().done.push((act.action.to_string(), act.payload.value()));
            std::future::ready(match act.action.as_str() {
                "anchor" => Err(CallError::conflict("the anchor is down already")),
                _ => Ok(SurfaceActed { told: "aye".into() }),
            })
        });
    }
}

/// A stand with the plugin, the ship and the conversations `a` and `b`.
pub(crate) async fn started(stand: Stand) -> (Stand, Ship) {
    let stand = stand.plugin::<SurfaceRegistry>(json!({}));
    stand.serve(FIND, |id: Text, _| {
        let is_there = ["a", "b"].contains(&id.as_str());
        let unknown = || CallError::not_found(format!("there is no conversation `{id}`"));
        std::future::ready(if is_there { Ok(Conversation::new(id.clone(), 0)) } else { Err(unknown()) })
    });
    let ship = Ship::default();
    ship.put_on(&stand);
    stand.start().await.expect("it starts");
    (stand, ship)
}

fn refused(error: CallError) -> Refused {
    (error.kind, error.message.into_string())
}

/// Asks a route, with `:id` and so on filled in by `params`.
pub(crate) async fn ask(
    stand: &Stand,
    route: &str,
    params: &[(&str, &str)],
    change: impl FnOnce(&mut HttpRequest),
) -> Result<Value, Refused> {
    let mut request = HttpRequest::new(route.split(' ').next().expect("a method"), "/");
    for (name, value) in params {
        request = request.with_param(*name, *value);
    }
    change(&mut request);
    let reply = stand.caller(HTTP_ROUTE).call_named(route, request).await;
    reply.map(|reply| reply.body.value()).map_err(refused)
}

pub(crate) async fn show(stand: &Stand, id: &str, conversation: Option<&str>) -> Result<Value, Refused> {
    ask(stand, "GET /surfaces/:id", &[("id", id)], |request| {
        if let Some(conversation) = conversation {
            request.query.insert("conversationId", conversation.into());
        }
    })
    .await
}

pub(crate) async fn act(stand: &Stand, action: &str, payload: Value) -> Result<Value, Refused> {
    let params = [("id", "ship"), ("action", action)];
    ask(stand, "POST /surfaces/:id/actions/:action", &params, |request| {
        request.body = json!({"conversationId": "a", "payload": payload}).into();
    })
    .await
}

/// A client of the events.
pub(crate) struct Events {
    stream: ItemStream<HttpFrame>,
}

impl Events {
    pub(crate) fn of(stand: &Stand, query: &[(&str, &str)]) -> Self {
        let mut request = HttpRequest::new("GET", "/surfaces/events");
        request.query = query.iter().map(|(name, value)| (*name, Text::from(*value))).collect();
        let opened = stand.stream_caller(HTTP_STREAM).open_named("GET /surfaces/events", request);
        Self { stream: opened.expect("somebody answers") }
    }

    /// What is there without waiting.
    async fn poll(&mut self) -> Option<Result<HttpFrame, CallError>> {
        tokio::select! {
            biased;
            next = self.stream.next() => Some(next.expect("it does not end")),
            () = std::future::ready(()) => None,
        }
    }

    /// The next frame, while time passes.
    pub(crate) async fn frame(&mut self, stand: &Stand) -> Result<HttpFrame, CallError> {
        for _ in 0..1_000 {
            if let Some(frame) = self.poll().await {
                return frame;
            }
            stand.advance(Duration::from_millis(5)).await;
        }
        panic!("nothing came");
    }

    /// The next document.
    pub(crate) async fn next(&mut self, stand: &Stand) -> Value {
        loop {
            if let HttpFrame::Data { data, .. } = self.frame(stand).await.expect("it goes on") {
                return data.value();
            }
        }
    }

    /// All documents that come within so much time.
    pub(crate) async fn within(&mut self, stand: &Stand, span: Duration) -> Vec<Value> {
        let (step, mut passed, mut seen) = (Duration::from_millis(5), Duration::ZERO, Vec::new());
        loop {
            match self.poll().await {
                Some(Ok(HttpFrame::Data { data, .. })) => seen.push(data.value()),
                Some(frame) => assert!(frame.is_ok(), "{frame:?}"),
                None if passed >= span => return seen,
                None => {
                    stand.advance(step).await;
                    passed += step;
                }
            }
        }
    }
}

pub(crate) fn says_change(stand: &Stand) -> impl Fn(&str) + use<> {
    let emitter: Emitter<SurfaceChanged> = stand.emitter(SURFACE_CHANGED);
    move |conversation| emitter.emit(&SurfaceChanged::of("ship", &conversation.into()))
}

/// Uses every field of a surface as its kind wants it; what was sent, by action.
pub(crate) fn uses(spec: &Value) -> Vec<(String, Value)> {
    let fields = spec["fields"].as_array().expect("a list");
    let used = fields.iter().filter_map(|field| {
        let payload = match field["type"].as_str().expect("a kind") {
            "toggle" => json!(!field["value"].as_bool().expect("on or off")),
            "selector" => field["options"].as_array()?.last()?["value"].clone(),
            "number" => field["max"].clone(),
            "button" => Value::Null,
            _ => return None,
        };
        Some((field["action"].as_str().expect("an action").to_owned(), payload))
    });
    used.collect()
}
