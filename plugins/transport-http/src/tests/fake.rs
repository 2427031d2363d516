//! Routes that are played.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use transom_agent::reach::{HttpFrame, HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::hosting::{Attach, PluginList, PluginState, PluginStatus};
use transom_plugin_api::{CallError, CallErrorKind, Json, List, Maybe};

use crate::routes::{Frames, Offer, Routes, Way};

pub(crate) type Item = Result<HttpFrame, CallError>;

/// Frames a test sends by hand. The sender sees when they are dropped.
pub(crate) struct FakeFrames(UnboundedReceiver<Item>);

pub(crate) fn fake_frames() -> (UnboundedSender<Item>, FakeFrames) {
    let (sender, receiver) = unbounded_channel();
    (sender, FakeFrames(receiver))
}

pub(crate) fn head() -> Item {
    let headers = [("X-Conversation-Id", "7".into())].into_iter().collect();
    Ok(HttpFrame::Head { status: 200, headers })
}

pub(crate) fn data(value: impl Into<Value>) -> Item {
    Ok(HttpFrame::Data { data: value.into().into(), id: Maybe::None })
}

/// The answer goes on with `GET` of that path.
pub(crate) fn go_on(path: &str) -> Item {
    Ok(HttpFrame::GoOn { request: HttpRequest::new("GET", path) })
}

/// The answer can be left, and goes on with `GET` of that path.
pub(crate) fn resume(path: &str) -> Item {
    Ok(HttpFrame::Resume { request: HttpRequest::new("GET", path) })
}

/// A document with an id.
pub(crate) fn data_with_id(value: impl Into<Value>, id: &str) -> Item {
    Ok(HttpFrame::Data { data: value.into().into(), id: Maybe::Some(id.into()) })
}

impl Frames for FakeFrames {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Item>> {
        self.0.poll_recv(context)
    }
}

/// A few routes:
///
/// | route | answer |
/// |---|---|
/// | `GET /echo/:id`, `POST /echo`, `PUT /echo`, `DELETE /echo/:id` | the request, as JSON |
/// | `GET /fails/:kind` | a failure of that kind |
/// | `GET /made` | 201 with a header |
/// | `GET /slow` | what [`Fake::slow`] is told, when it is told |
/// | `GET /stream`, `POST /stream` | the frames in [`Fake::frames`] |
/// | `GET /further/:id` | the same, once [`Fake::stream_further`] was called |
#[derive(Default)]
pub(crate) struct Fake {
    version: AtomicU64,
    in_quarantine: AtomicBool,
    further: Mutex<Vec<Offer>>,
    frames: Mutex<Option<FakeFrames>>,
    opened: Mutex<Vec<HttpRequest>>,
    slow: Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<Value>)>>,
}

impl Fake {
    /// One more route, which answers as the echoes do.
    pub(crate) fn add(&self, name: &str) {
        self.further.lock().unwrap().push(offer(name, Way::Whole));
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    /// The same, of a plugin.
    pub(crate) fn add_of(&self, name: &str, plugin: &str) {
        let offer = Offer { plugin: plugin.to_owned(), ..offer(name, Way::Whole) };
        self.further.lock().unwrap().push(offer);
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes all routes of a plugin away; `q` is in quarantine by that.
    pub(crate) fn withdraw(&self, plugin: &str) {
        self.further.lock().unwrap().retain(|offer| offer.plugin != plugin);
        self.in_quarantine.store(plugin == "q", Ordering::Relaxed);
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes the frames for the next stream.
    pub(crate) fn frames(&self) -> UnboundedSender<Item> {
        let (sender, frames) = fake_frames();
        *self.frames.lock().unwrap() = Some(frames);
        sender
    }

    /// One more streamed route, which gives the frames of [`Fake::frames`] like the others.
    pub(crate) fn stream_further(&self) {
        self.further.lock().unwrap().push(offer("GET /further/:id", Way::Streamed));
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    /// What streams were asked for.
    pub(crate) fn opened(&self) -> Vec<HttpRequest> {
        self.opened.lock().unwrap().clone()
    }

    /// Lets the next slow request wait: the first end tells that it came, the second answers it.
    pub(crate) fn slow(&self) -> (oneshot::Receiver<()>, oneshot::Sender<Value>) {
        let (came, coming) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        *self.slow.lock().unwrap() = Some((came, answered));
        (coming, answer)
    }
}

impl Routes for Arc<Fake> {
    type Frames = FakeFrames;

    fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    fn offers(&self) -> Vec<Offer> {
        let whole = [
            "GET /echo/:id",
            "POST /echo",
            "PUT /echo",
            "DELETE /echo/:id",
            "GET /fails/:kind",
            "GET /made",
            "GET /slow",
        ];
        let whole = whole.map(|name| offer(name, Way::Whole));
        let streamed = ["GET /stream", "POST /stream"].map(|name| offer(name, Way::Streamed));
        let further = self.further.lock().unwrap().clone();
        whole.into_iter().chain(streamed).chain(further).collect()
    }

    async fn call(&self, name: &str, request: HttpRequest) -> Result<HttpReply, CallError> {
        match name {
            "GET /fails/:kind" => Err(failure(request.params.get("kind").unwrap())),
            "GET /made" => {
                let headers = [("Location", "/made/1".into())].into_iter().collect();
                Ok(HttpReply { status: 201, headers, body: Json::default() })
            }
            "GET /slow" => {
                let (came, answered) = self.slow.lock().unwrap().take().expect("someone waits for it");
                came.send(()).unwrap();
                Ok(HttpReply::ok(answered.await.map_err(|_| CallError::failed("nobody answers"))?))
            }
            _ => Ok(HttpReply::ok(json!({ "route": name, "request": request }))),
        }
    }

    fn open(&self, name: &str, request: HttpRequest) -> Result<FakeFrames, CallError> {
        self.opened.lock().unwrap().push(request);
        let frames = self.frames.lock().unwrap().take();
        frames.ok_or_else(|| CallError::new(CallErrorKind::NoProvider, format!("nobody streams `{name}`")))
    }

    async fn plugins(&self) -> Result<PluginList, CallError> {
        let plugins = [status("store", PluginState::Running), status("skills", PluginState::Disabled)];
        let is_there = self.in_quarantine.load(Ordering::Relaxed);
        let further = is_there.then(|| status("q", PluginState::Quarantined));
        Ok(PluginList { plugins: plugins.into_iter().chain(further).collect() })
    }
}

fn failure(kind: &str) -> CallError {
    let kind = match kind {
        "not-found" => CallErrorKind::NotFound,
        "unavailable" => CallErrorKind::Unavailable,
        "deadline" => CallErrorKind::Deadline,
        "panicked" => CallErrorKind::Panicked,
        _ => CallErrorKind::Failed,
    };
    CallError::new(kind, "it did not work (at src/inside.rs:7)").at("some")
}

fn offer(name: &str, way: Way) -> Offer {
    Offer { name: name.to_owned(), plugin: "some".to_owned(), way, about: HttpRoute::new("Plays a part") }
}

fn status(id: &str, state: PluginState) -> PluginStatus {
    PluginStatus {
        id: id.into(),
        version: "0.1.0".into(),
        about: "plays a part".into(),
        attach: Attach::Linked,
        state,
        generation: 1,
        draining: 0,
        reason: Maybe::default(),
        contributions: 0,
        capabilities: List::new(),
        faults: List::new(),
    }
}
