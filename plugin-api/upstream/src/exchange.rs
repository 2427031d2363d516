//! Exchanges with a service, as files: what is asked, what goes over the wire, what comes back, and which events it is.
//!
//! A file has four parts, each behind a line of its own:
//!
//! ```text
//! What the file shows; this is not read.
//! --- asked
//! {"model": "m", "messages": …}           a `ModelRequest`; fields that are left out are empty
//! --- request
//! {"model": "m", …}                       the body on the wire: every key in its place, white space apart
//! --- response 200
//! data: …                                 the bytes of the response; further words of the line above are headers, behind `|`
//! --- events
//! {"type":"text-delta","delta":"Hello"}   the events, one a line
//! ```

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use transom_agent::provider::{ModelRequest, ProviderEvent};

use crate::answer::Answer;
use crate::endpoint::Endpoint;
use crate::fixture;
use crate::format::{Target, WireFormat};
use crate::loopback::{Act, Server};
use crate::sse::Decoder;
use crate::stream::{EVENT_BYTES, ModelStream};

/// One exchange.
#[derive(Debug)]
pub struct Recorded {
    name: String,
    asked: ModelRequest,
    /// Compact, with its keys in their order.
    request: String,
    status: String,
    headers: Vec<String>,
    response: String,
    events: Vec<Value>,
}

/// The exchanges in the files of a folder.
///
/// # Panics
/// When there are none, or one cannot be read.
#[must_use]
pub fn recorded(folder: &Path) -> Vec<Recorded> {
    let files = std::fs::read_dir(folder).expect("there are exchanges");
    let mut paths: Vec<_> = files.map(|file| file.expect("the folder can be read").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are exchanges");
    paths.iter().map(|path| read(path)).collect()
}

/// Plays an exchange over a socket, whole and in single bytes.
///
/// # Panics
/// When the request or the events are others than the file says.
pub async fn play<F: WireFormat>(format: &F, recorded: &Recorded) {
    let whole = [recorded.head("connection: close"), recorded.response.clone().into()].concat();
    let (body, events) = over_a_socket(format, recorded, vec![Act::Write(whole)]).await;
    assert_eq!(body, recorded.request, "{}: the request", recorded.name);
    assert_same(&events, recorded, "whole");
    let (_, events) = over_a_socket(format, recorded, recorded.in_single_bytes()).await;
    assert_same(&events, recorded, "in single bytes");
}

/// Reads the response of an exchange cut in two: at every byte of a short one, at every fifth of a long one, since what is
/// read grows with the square of its length.
///
/// # Panics
/// When the events are others than the file says.
pub fn cut_everywhere<F: WireFormat>(format: &F, recorded: &Recorded) {
    if recorded.status.starts_with("200") {
        let endpoint = crate::loopback::endpoint_at(format, 1);
        let length = recorded.response.len();
        for cut in (0..=length).step_by(if length > 1_000 { 5 } else { 1 }) {
            assert_same(&cut_at(format, &endpoint, recorded, cut), recorded, &format!("cut at {cut}"));
        }
    }
}

async fn over_a_socket<F: WireFormat>(
    format: &F,
    recorded: &Recorded,
    script: Vec<Act>,
) -> (String, Vec<ProviderEvent>) {
    let server = Server::start([script]).await;
    let endpoint = Arc::new(server.endpoint(format));
    let mut stream = ModelStream::open(endpoint, format, &recorded.asked, None).await;
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event);
    }
    drop(stream);
    let exchange = server.exchanges().await.pop().expect("one request");
    (exchange.body, events)
}

fn cut_at<F: WireFormat>(
    format: &F,
    endpoint: &Endpoint,
    recorded: &Recorded,
    cut: usize,
) -> Vec<ProviderEvent> {
    let target = Target { provider: endpoint.provider(), max_output_tokens: None };
    let mut decoder = Decoder::new(EVENT_BYTES);
    let mut answer = Answer::to(&recorded.asked.messages, format.reader(&recorded.asked, &target));
    let bytes = recorded.response.as_bytes();
    for piece in [&bytes[..cut], &bytes[cut..]] {
        decoder.push(piece).expect("small enough");
        std::iter::from_fn(|| decoder.next()).for_each(|frame| answer.hear(&frame));
    }
    decoder.end();
    std::iter::from_fn(|| decoder.next()).for_each(|frame| answer.hear(&frame));
    answer.end();
    std::iter::from_fn(|| answer.next())
        .map(|event| event.unwrap_or_else(|failure| endpoint.event(&failure)))
        .collect()
}

#[track_caller]
fn assert_same(events: &[ProviderEvent], recorded: &Recorded, how: &str) {
    let events: Vec<Value> =
        events.iter().map(|event| serde_json::to_value(event).expect("it encodes")).collect();
    if events != recorded.events {
        let lines = |events: &[Value]| {
            events.iter().fold(String::new(), |mut text, event| {
                let _ = writeln!(text, "  {event}");
                text
            })
        };
        panic!("{}, {how}: expected\n{}found\n{}", recorded.name, lines(&recorded.events), lines(&events));
    }
}

impl Recorded {
    fn head(&self, framing: &str) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n{framing}\r\n", self.status);
        if self.status.starts_with("200") {
            head += "content-type: text/event-stream\r\n";
        }
        self.headers.iter().for_each(|header| head += &format!("{header}\r\n"));
        (head + "\r\n").into_bytes()
    }

    /// In one write, so that it takes no time, but the client reads it byte by byte all the same.
    fn in_single_bytes(&self) -> Vec<Act> {
        let chunk = |byte: &u8| [b"1\r\n", &[*byte][..], b"\r\n"].concat();
        let mut bytes = self.head("transfer-encoding: chunked");
        bytes.extend(self.response.as_bytes().iter().flat_map(chunk));
        bytes.extend(b"0\r\n\r\n");
        vec![Act::Write(bytes)]
    }
}

fn read(path: &Path) -> Recorded {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).expect("an exchange can be read");
    let part = |title: &str| {
        let from =
            text.find(&format!("\n--- {title}")).unwrap_or_else(|| panic!("{name} has no part `{title}`"));
        let (first, rest) = text[from + 1..].split_once('\n').expect("a part has lines");
        let end = rest.find("\n--- ").map_or(rest.len(), |end| end + 1);
        (first["--- ".len() + title.len()..].trim().to_owned(), rest[..end].to_owned())
    };
    let json = |text: &str| -> Value {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error} in\n{text}"))
    };
    let (about, response) = part("response");
    let mut words = about.split('|').map(|word| word.trim().to_owned());
    Recorded {
        asked: asked(json(&part("asked").1)),
        request: json(&part("request").1).to_string(),
        status: words.next().unwrap_or_default(),
        headers: words.collect(),
        response,
        events: part("events").1.lines().filter(|line| !line.is_empty()).map(json).collect(),
        name,
    }
}

/// The request of the tests, with the fields that the file has.
fn asked(fields: Value) -> ModelRequest {
    let mut whole = serde_json::to_value(fixture::request([])).expect("it encodes");
    let Value::Object(fields) = fields else { panic!("a request is an object") };
    for (name, value) in &fields {
        whole[name] = value.clone();
    }
    let request: ModelRequest = serde_json::from_value(whole).expect("a request");
    // A field that a request does not have would be dropped in silence.
    let read = serde_json::to_value(&request).expect("it encodes");
    fields
        .keys()
        .for_each(|name| assert!(read.get(name).is_some(), "a request has no field `{name}`: {read}"));
    request
}
