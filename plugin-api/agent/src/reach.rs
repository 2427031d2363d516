//! How a plugin is reached from outside. A plugin registers what it offers under a name; transports serve whatever
//! is registered and know no plugin.
//!
//! # HTTP routes
//!
//! The name of a route is `METHOD /path/:parameter`, with one of `GET`, `POST`, `PUT` and `DELETE`; `HEAD` and
//! `OPTIONS` follow from them. Serving the name is all it takes. Plugins that are not part of the runtime keep below
//! `/x/<plugin id>`, so that no two of them meet: a custom, which nobody enforces. The kernel refuses a name that is taken; of two
//! names that answer the same requests (`/a/:b`, `/a/:c`) the one that is served already keeps them, else the first in byte order,
//! and the log names both. The transport has checked `Host`, `Origin`, token, size and media type, and the
//! body is well-formed JSON; whether it fits the route's schema is for the handler to check.
//!
//! What a handler's error becomes, as `{"error": message}`:
//!
//! | [`CallErrorKind`](transom_plugin_api::CallErrorKind) | status |
//! |---|---|
//! | `InvalidInput` | 400 |
//! | `Refused`, `Denied` | 403 |
//! | `NotFound` | 404 |
//! | `Conflict` | 409 |
//! | `Failed`, `Panicked` | 500; the text of a panic is only logged |
//! | `Unavailable`, `NoProvider`, `Retired` | 503 |
//! | `Deadline` | 504 |

use transom_plugin_api::{
    CallError, Contract, Json, List, Map, Maybe, Service, StreamService, Text, contract,
};

/// What a route says of itself.
#[contract]
pub struct HttpRoute {
    /// One line for listings.
    pub summary: Text,
    /// JSON Schema of the body, for `POST` and `PUT`; `null` when there is none. It describes; nobody checks by it.
    pub input: Json,
    /// JSON Schema of the reply, or of one frame.
    pub output: Json,
    /// JSON Schema of the query: an object with a property for each key; `null` when there is none. It describes, too.
    #[contract(default)]
    pub query: Json,
}

impl HttpRoute {
    /// A route that takes no body.
    #[must_use]
    pub fn new(summary: impl Into<Text>) -> Self {
        let (input, output, query) = Default::default();
        Self { summary: summary.into(), input, output, query }
    }
}

/// One request, already checked by the transport: `Host`, `Origin`, size and media type.
#[contract]
pub struct HttpRequest {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: Text,
    /// The path as it was asked for.
    pub path: Text,
    /// The parts of the path that stand for a parameter, decoded.
    pub params: Map<Text>,
    /// The query, decoded; the last of equal keys.
    pub query: Map<Text>,
    /// The body; `null` when there is none.
    pub body: Json,
    /// The id of the last event that a client of SSE has seen, when it says so.
    pub last_event_id: Maybe<Text>,
}

/// The answer to a request.
#[contract]
pub struct HttpReply {
    /// The status, such as 200.
    pub status: u16,
    /// Further headers.
    pub headers: Map<Text>,
    /// The body.
    pub body: Json,
}

impl HttpRequest {
    /// A request without parameters, query and body: what a test or a plugin that asks a route begins with.
    #[must_use]
    pub fn new(method: impl Into<Text>, path: impl Into<Text>) -> Self {
        let (params, query) = (Map::new(), Map::new());
        Self {
            method: method.into(),
            path: path.into(),
            params,
            query,
            body: Json::default(),
            last_event_id: Maybe::None,
        }
    }

    /// The request with a parameter of its path.
    #[must_use]
    pub fn with_param(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        self.params.insert(name, value.into());
        self
    }

    /// A parameter of the path; empty when the route has none of that name.
    #[must_use]
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", Text::as_str)
    }
}

impl HttpReply {
    /// 200 with a value as its body.
    ///
    /// # Errors
    /// When the value cannot be encoded.
    pub fn json<T: Contract>(value: &T) -> Result<Self, CallError> {
        Ok(Self::ok(Json::of(value)?))
    }

    /// 200 with a body.
    #[must_use]
    pub fn ok(body: impl Into<Json>) -> Self {
        Self { status: 200, headers: Map::new(), body: body.into() }
    }
}

/// Answers one route; the name is `METHOD /path/:parameter`. A [`CallError`] becomes the status its kind suggests
/// ([table](self#http-routes)), with `{"error": message}`. When the client goes away the call is dropped.
///
/// `http/route` · named service · 30 s · plugins answer, transports call
pub const HTTP_ROUTE: Service<HttpRequest, HttpReply, HttpRoute> = Service::named("http/route");

/// A piece of a streamed answer. What a transport does not know it writes as a document.
#[contract(grows)]
pub enum HttpFrame {
    /// Status and headers; the first piece, once.
    Head {
        /// The status.
        status: u16,
        /// Further headers.
        headers: Map<Text>,
    },
    /// One JSON document: a line of NDJSON, or an event of SSE when the client asked for that.
    Data {
        /// The document.
        data: Json,
        /// The id of the event in SSE, which a client sends back as `Last-Event-ID`; none when absent.
        id: Maybe<Text>,
    },
    /// How the answer goes on where a transport has to leave it, because its client takes nothing and the plugins behind it
    /// are not to wait for that: by this request, with the id of the last document that had one as `last_event_id`. Behind
    /// the head, once; an answer without it is never left.
    Resume {
        /// The request.
        request: HttpRequest,
    },
    /// The last piece: the answer goes on with the documents of another request, whose head is left out. A route that is
    /// being replaced says so; the transport makes that request as soon as somebody answers it.
    GoOn {
        /// The other request.
        request: HttpRequest,
    },
}

/// Answers one route with a stream; the name is `METHOD /path/:parameter`. The first piece is the head. An error before
/// it becomes a status; one behind it becomes the last document, `{"type":"error","message":…}`. When the client
/// goes away the stream is dropped.
///
/// `http/stream` · named streaming service · no deadline · plugins answer, transports call
pub const HTTP_STREAM: StreamService<HttpRequest, HttpFrame, HttpRoute> = StreamService::named("http/stream");

/// What an operation or a command says of itself.
#[contract]
pub struct Verb {
    /// One line for listings.
    pub summary: Text,
    /// JSON Schema of the input.
    pub input: Json,
}

/// Answers one WebSocket operation; the name is the message's `type`, and does not begin with `chat.`. The input is the
/// message without `type` and `id`. The answer is sent as `{"type":"reply","id"?,"op","result"}`, an error as
/// `{"type":"error","id"?,"op","message"}`; the connection goes on after either.
///
/// `ws/operation` · named service · 30 s · plugins answer, transports call
pub const WS_OPERATION: Service<Json, Json, Verb> = Service::named("ws/operation");

/// What is pushed to a client of WebSocket.
#[contract]
pub struct WsPush {
    /// The message's `type`; it begins with the subscription's name and a dot, so that nobody can be taken for somebody else.
    pub kind: Text,
    /// The message's other fields: an object without `type`.
    pub fields: Json,
}

/// Answers subscriptions over WebSocket with what is pushed; the name, such as `tides`, stands for two operations: `tides.subscribe`
/// opens a stream with the message without `type` and `id`, and `tides.unsubscribe` with the same fields ends it. Nobody answers
/// operations of these names at [`WS_OPERATION`] then.
///
/// The subscription is replied to when its first push is there, which follows; an error before it is told as that of an operation,
/// one behind it likewise, and ends it. A second one with the same fields is replied to and changes nothing. A stream is polled only
/// while its client takes what comes. One that its client does not take for a while, and one that ends by itself, as for a
/// reload, is opened anew with the same fields: so what it pushes first is all there is to know, and not what is new.
///
/// `ws/subscription` · named streaming service · no deadline · plugins answer, transports call
pub const WS_SUBSCRIPTION: StreamService<Json, WsPush, Verb> = StreamService::named("ws/subscription");

/// A command line behind the command's name.
#[contract]
#[derive(Default)]
pub struct CliCall {
    /// The words, without the program's and the command's, and without the options of all commands (`--json`, `--data`,
    /// `--manifest`).
    pub arguments: List<Text>,
    /// Whether a program reads the answer: then standard output holds one JSON document.
    pub json: bool,
    /// The folder in which the command was typed, an absolute path, where that is known: what relative paths among the words mean.
    #[contract(default)]
    pub cwd: Text,
}

/// What a command prints, and how it ends.
#[contract]
pub struct CliOutcome {
    /// For standard output.
    pub output: Text,
    /// For standard error; empty when there is nothing to complain of.
    pub complaint: Text,
    /// The exit code.
    pub code: u8,
}

/// Answers one command of the program's; the name is the command's. `transom NAME …` runs it in the running host, unless the program
/// has a command of that name itself; `transom commands` lists them. A [`CallError`] is told on standard error, with exit code 1.
/// The words come from whoever may ask the host over its control socket: its operator.
///
/// `cli/command` · named service · 120 s · plugins answer, the host calls
pub const CLI_COMMAND: Service<CliCall, CliOutcome, Verb> =
    Service::named("cli/command").deadline_ms(120_000);
