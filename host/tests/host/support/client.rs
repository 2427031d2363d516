//! A [`Client`] of a host, over HTTP, and the frames of a [`Chat`] as they come.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::{eventually, within};

/// Asks one host.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// Such as `http://127.0.0.1:24203`.
    pub(crate) address: String,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        // The client is built with TLS in it, although nothing here uses it; a second call finds the first one's choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { http, address: address.to_owned() }
    }

    /// A request that is yet to be sent.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.address))
    }

    /// Status and document of `GET path`.
    pub(crate) async fn ask(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    /// The document of `GET path`, which must be there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, document) = self.ask(path).await;
        assert_eq!(status, 200, "GET {path}: {document}");
        document
    }

    /// Status and document of `POST path`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(self.request(Method::POST, path).json(body)).await
    }

    /// Begins a turn.
    pub(crate) async fn chat(&self, body: &Value) -> Chat {
        Chat::open(self.request(Method::POST, "/chat").json(body)).await
    }

    /// All frames of a turn in the conversation `id`.
    pub(crate) async fn turn(&self, id: &str, message: &str) -> Vec<Value> {
        self.chat(&json!({ "conversationId": id, "message": message })).await.rest().await
    }

    /// The log of a conversation: its chunks.
    pub(crate) async fn log(&self, id: &str) -> Vec<Value> {
        let document = self.get(&format!("/conversations/{id}")).await;
        document["chunks"].as_array().expect("a list").clone()
    }

    /// What was said in a conversation: its log without the facts.
    pub(crate) async fn said(&self, id: &str) -> Vec<Value> {
        let mut said = self.log(id).await;
        said.retain(|entry| entry["role"] != "system");
        said
    }

    /// Waits until no turn of a conversation runs.
    pub(crate) async fn idle(&self, id: &str) {
        let path = format!("/conversations/{id}/status");
        let status = async || self.get(&path).await;
        eventually("the end of the turn", status, |status| status["isActive"] == false).await;
    }
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = within("an answer", request.send()).await.expect("an answer");
    let status = response.status().as_u16();
    let text = within("the whole answer", response.text()).await.expect("text");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A turn that is watched: NDJSON, frame by frame.
pub(crate) struct Chat {
    /// Of the header `X-Conversation-Id`.
    pub(crate) conversation_id: String,
    response: Response,
    unread: Vec<u8>,
}

impl Chat {
    /// Sends a request whose answer is frames.
    pub(crate) async fn open(request: RequestBuilder) -> Self {
        let response = within("the head of a turn", request.send()).await.expect("an answer");
        let status = response.status();
        if status != 200 {
            panic!("the turn was refused with {status}: {}", response.text().await.unwrap_or_default());
        }
        let header =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(header("content-type"), "application/x-ndjson");
        Self { conversation_id: header("x-conversation-id").to_owned(), response, unread: Vec::new() }
    }

    /// The next frame; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("a frame is JSON"));
            }
            match within("a frame", self.response.chunk()).await.expect("the stream does not break") {
                Some(bytes) => self.unread.extend_from_slice(&bytes),
                None => {
                    assert!(self.unread.is_empty(), "the stream ends in the middle of a line");
                    return None;
                }
            }
        }
    }

    /// Reads up to the first frame of the type; answers it.
    pub(crate) async fn until(&mut self, kind: &str) -> Value {
        while let Some(frame) = self.next().await {
            if frame["type"] == kind {
                return frame;
            }
        }
        panic!("the turn ended without a frame `{kind}`");
    }

    /// Reads until the model has said these words, in however many pieces; answers what it has said.
    pub(crate) async fn until_said(&mut self, words: &str) -> String {
        let mut said = String::new();
        while !said.contains(words) {
            said += &text_of(&[self.until("text-delta").await]);
        }
        said
    }

    /// All frames that are still to come.
    pub(crate) async fn rest(mut self) -> Vec<Value> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}

/// What the model said in these frames.
pub(crate) fn text_of(frames: &[Value]) -> String {
    let said = frames.iter().filter(|frame| frame["type"] == "text-delta");
    said.map(|frame| frame["delta"].as_str().expect("text")).collect()
}

/// The types of these frames; what is repeated counts once.
pub(crate) fn types_of(frames: &[Value]) -> Vec<&str> {
    let mut types: Vec<&str> = frames.iter().map(|frame| frame["type"].as_str().expect("a type")).collect();
    types.dedup();
    types
}
