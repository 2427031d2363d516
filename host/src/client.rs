//! A client of a running host, over its HTTP routes.

mod events;
mod seen;
mod trouble;

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use transom_agent::event::Cursor;

pub(crate) use events::{Events, Next, PATIENCE as HOST_IS_BACK_WITHIN, Span, latest_of};

/// A host that can be asked.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    address: String,
    token: Option<String>,
}

/// Why a host gave no answer.
#[derive(Debug)]
pub(crate) struct Problem {
    /// For a person.
    pub(crate) message: String,
    /// The status of the host's answer; `None` when none came.
    pub(crate) status: Option<u16>,
    /// Whether nobody was there: then nothing was asked either.
    pub(crate) nobody_there: bool,
}

impl Problem {
    /// No host runs where one is expected.
    pub(crate) const fn no_host(message: String) -> Self {
        Self { message, status: None, nobody_there: true }
    }

    /// Whether nobody is there who could have known the answer.
    pub(crate) const fn is_away(&self) -> bool {
        matches!(self.status, None | Some(502..=504))
    }

    /// Whether the same question may find an answer in a while: the host, or the plugin behind the route, is away.
    pub(crate) const fn may_pass(&self) -> bool {
        self.is_away() || matches!(self.status, Some(404))
    }
}

/// How long an answer may take: longer than the minute in which the last words of a conversation are waited for.
const PATIENCE: Duration = Duration::from_secs(75);

/// The variable that holds the token of a host that wants one.
const TOKEN: &str = "TRANSOM_TOKEN";

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        // The client is built with TLS in it, whether it is used or not; a second call finds the first one's choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(5)).no_proxy();
        Self {
            http: http.build().unwrap_or_default(),
            address: address.trim_end_matches('/').to_owned(),
            token: std::env::var(TOKEN).ok().filter(|token| !token.is_empty()),
        }
    }

    /// Asks one route.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Problem> {
        self.ask(Method::GET, path, &Value::Null).await
    }

    /// Has something done; `null` is no body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Problem> {
        self.ask(Method::POST, path, body).await
    }

    /// Has something taken away.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Problem> {
        self.ask(Method::DELETE, path, &Value::Null).await
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value, Problem> {
        let request = self.http.request(method, self.at(path)).timeout(PATIENCE);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = self.send(request).await?;
        let bytes = answer.bytes().await.map_err(|error| self.trouble(&error))?;
        serde_json::from_slice(&bytes).map_err(|_| Problem {
            message: format!("what answers at `{}` is no host: it gave no JSON", self.address),
            status: None,
            nobody_there: false,
        })
    }

    fn trouble(&self, error: &reqwest::Error) -> Problem {
        let message = trouble::of_request(error, &self.address);
        Problem { message, status: None, nobody_there: error.is_connect() }
    }

    /// Opens a stream of frames, one JSON document a line.
    pub(crate) async fn stream(&self, path: &str, body: &Value) -> Result<Frames, Problem> {
        let response = self.send(self.http.post(self.at(path)).json(body)).await?;
        Ok(Frames { response, unread: Vec::new() })
    }

    /// Opens the stream of a conversation's frames: behind a cursor, of one turn, or as they come.
    pub(crate) async fn events(
        &self,
        conversation: &str,
        turn: Option<&str>,
        after: Option<Cursor>,
    ) -> Result<Frames, Problem> {
        let after = after.map(|cursor| cursor.to_string());
        let path = path(
            &["conversations", conversation, "events"],
            &[("turnId", turn), ("after", after.as_deref())],
        );
        let response = self.send(self.http.get(self.at(&path))).await?;
        Ok(Frames { response, unread: Vec::new() })
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Problem> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        // What follows the head of an answer may take as long as it does.
        let answered = tokio::time::timeout(PATIENCE, request.send()).await;
        let answered = answered.map_err(|_| Problem {
            message: trouble::of_silence(&self.address),
            status: None,
            nobody_there: false,
        })?;
        let response = answered.map_err(|error| self.trouble(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body: Value = response.json().await.unwrap_or_default();
        let said = body["error"].as_str().unwrap_or("it gave no reason").to_owned();
        let message = match status {
            StatusCode::UNAUTHORIZED => format!("{said}\n  help: put the host's token into {TOKEN}"),
            _ => said,
        };
        Err(Problem { message, status: Some(status.as_u16()), nobody_there: false })
    }
}

/// A path of these segments with these parameters, those that are there.
pub(crate) fn path(segments: &[&str], query: &[(&str, Option<&str>)]) -> String {
    let path: String = segments.iter().map(|segment| format!("/{}", escaped(segment))).collect();
    let query = query.iter().filter_map(|(key, value)| Some(format!("{key}={}", escaped((*value)?))));
    let query = query.collect::<Vec<_>>().join("&");
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// The frames of a turn, as they come.
pub(crate) struct Frames {
    response: Response,
    unread: Vec<u8>,
}

impl Frames {
    /// The id under which the conversation goes on.
    pub(crate) fn conversation_id(&self) -> Option<String> {
        self.response.headers().get("x-conversation-id")?.to_str().ok().map(str::to_owned)
    }

    /// The next frame; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, String> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(|error| format!("a frame is no JSON: {error}"));
            }
            match self.response.chunk().await.map_err(|error| trouble::of_stream(&error))? {
                Some(piece) => self.unread.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_path_cannot_leave_it() {
        let told = path(&["conversations", "a/../b", "queue"], &[("q", Some("ü&x=1")), ("status", None)]);
        assert_eq!(told, "/conversations/a%2F..%2Fb/queue?q=%C3%BC%26x%3D1");
        assert_eq!(path(&["models"], &[("q", None)]), "/models");
    }
}
