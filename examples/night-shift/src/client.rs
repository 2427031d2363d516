//! [`Client`]: asks the host over HTTP, wherever it is.

use std::fmt;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::frame::Frame;
use crate::whereabouts::Whereabouts;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks the host that runs now.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    whereabouts: Whereabouts,
}

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The host said no, with this status and these words.
    Answered(u16, String),
    /// No answer came: nobody knows whether it was done.
    Unanswered(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(status, words) => write!(f, "{status}: {words}"),
            Self::Unanswered(problem) => write!(f, "no answer: {problem}"),
        }
    }
}

impl From<Refusal> for String {
    fn from(refusal: Refusal) -> Self {
        refusal.to_string()
    }
}

impl Client {
    /// # Errors
    /// When this machine has no sockets to give.
    pub(crate) fn new(whereabouts: Whereabouts) -> Result<Self, String> {
        // The client is built with TLS in it, although nothing here uses it; a second call finds the first one's choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
        Ok(Self { http, whereabouts })
    }

    /// The document of `GET path`.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Refusal> {
        self.document(self.request(Method::GET, path)?).await
    }

    /// Has something done.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.document(self.request(Method::POST, path)?.json(body)).await
    }

    /// Puts a choice.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.document(self.request(Method::PUT, path)?.json(body)).await
    }

    /// Begins a turn. When this is answered the message is durable.
    pub(crate) async fn chat(&self, conversation: &str, message: &str) -> Result<Lines, Refusal> {
        let body = json!({ "conversationId": conversation, "message": message });
        Ok(Lines::of(self.answer(self.request(Method::POST, "/chat")?.json(&body)).await?))
    }

    /// What follows a cursor, as NDJSON.
    pub(crate) async fn events(&self, conversation: &str, after: &str) -> Result<Lines, Refusal> {
        let path = format!("/conversations/{conversation}/events?after={after}");
        Ok(Lines::of(self.answer(self.request(Method::GET, &path)?).await?))
    }

    /// What follows a cursor, as server-sent events, in the way of a browser that comes back.
    pub(crate) async fn server_sent_events(&self, conversation: &str, last: &str) -> Result<Lines, Refusal> {
        let path = format!("/conversations/{conversation}/events");
        let request = self.request(Method::GET, &path)?;
        let request = request.header("accept", "text/event-stream").header("last-event-id", last);
        Ok(Lines::of(self.answer(request).await?))
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Refusal> {
        let address =
            self.whereabouts.now().ok_or_else(|| Refusal::Unanswered("the host is away".to_owned()))?;
        Ok(self.http.request(method, format!("{}{path}", address.http)))
    }

    async fn document(&self, request: RequestBuilder) -> Result<Value, Refusal> {
        let response = self.answer(request.timeout(PATIENCE)).await?;
        response.json().await.map_err(unanswered)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, Refusal> {
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(response);
        }
        let words = response.text().await.unwrap_or_default();
        Err(Refusal::Answered(status, words))
    }
}

fn unanswered(error: reqwest::Error) -> Refusal {
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    Refusal::Unanswered(format!("{error}: {cause}"))
}

/// A stream that is read line by line.
#[derive(Debug)]
pub(crate) struct Lines {
    response: Response,
    unread: Vec<u8>,
}

impl Lines {
    const fn of(response: Response) -> Self {
        Self { response, unread: Vec::new() }
    }

    /// The next line; `None` when the stream has ended or broken off.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            match self.response.chunk().await {
                Ok(Some(bytes)) => self.unread.extend_from_slice(&bytes),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next line as a frame; `None` at the end, and where the transport says that the stream failed.
    ///
    /// # Errors
    /// A line that is none.
    pub(crate) async fn frame(&mut self) -> Result<Option<Frame>, String> {
        match self.next().await {
            Some(line) => Frame::read(&line),
            None => Ok(None),
        }
    }
}
