//! A client of a running host, over its HTTP routes.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::Value;

/// A host that can be asked.
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
    /// Whether nobody was there: then nothing was asked either.
    pub(crate) nobody_there: bool,
}

impl From<reqwest::Error> for Problem {
    fn from(error: reqwest::Error) -> Self {
        Self { message: plain(&error), nobody_there: error.is_connect() }
    }
}

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
        let response = self.send(self.http.get(self.at(path))).await?;
        Ok(response.json().await?)
    }

    /// Opens a stream of frames, one JSON document a line.
    pub(crate) async fn stream(&self, path: &str, body: &Value) -> Result<Frames, Problem> {
        let response = self.send(self.http.post(self.at(path)).json(body)).await?;
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
        let response = request.send().await?;
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
        Err(Problem { message, nobody_there: false })
    }
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
            match self.response.chunk().await.map_err(|error| plain(&error))? {
                Some(piece) => self.unread.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }
}

fn plain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
