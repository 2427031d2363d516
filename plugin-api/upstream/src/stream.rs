//! [`ModelStream`]: one request, and the events of its answer.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use tokio::time::timeout;
use transom_agent::provider::{FailureClass, ModelRequest, ProviderEvent};

use crate::answer::Answer;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::format::{Target, WireFormat};
use crate::headers;
use crate::sse::Decoder;

/// Bytes that one event may hold.
pub(crate) const EVENT_BYTES: usize = 8 * 1024 * 1024;
/// Bytes that are read of a response that is no stream.
const OTHER_BYTES: usize = 64 * 1024;
/// How long the end of a body is awaited behind the end of its answer.
const LINGER: Duration = Duration::from_millis(100);

/// The answer to one request, while it comes in. Dropping it closes the connection.
#[derive(Debug)]
pub struct ModelStream<F: WireFormat> {
    endpoint: Arc<Endpoint>,
    decoder: Decoder,
    answer: Answer<F::Reader>,
    /// None when nothing more is read.
    response: Option<Response>,
}

impl<F: WireFormat> ModelStream<F> {
    /// Sends the request. A failure is the stream's only event.
    pub async fn open(
        endpoint: Arc<Endpoint>,
        format: &F,
        request: &ModelRequest,
        max_output_tokens: Option<u64>,
    ) -> Self {
        let target = Target { provider: endpoint.provider(), max_output_tokens };
        let mut answer = Answer::to(&request.messages, format.reader(request, &target));
        let response = match send(&endpoint, format, request, &target).await {
            Ok(response) => Some(response),
            Err(failure) => {
                answer.break_off(failure);
                None
            }
        };
        Self { endpoint, decoder: Decoder::new(EVENT_BYTES), answer, response }
    }

    /// The next event; none after a finish or an error.
    pub async fn next(&mut self) -> Option<ProviderEvent> {
        loop {
            if let Some(event) = self.answer.next() {
                return Some(event.unwrap_or_else(|failure| self.endpoint.event(&failure)));
            }
            if self.answer.is_over() {
                self.linger().await;
            }
            let response = self.response.as_mut()?;
            match timeout(self.endpoint.idle(), response.chunk()).await {
                Ok(Ok(Some(bytes))) => self.take(&bytes),
                Ok(Ok(None)) => self.end(),
                Ok(Err(error)) => self.give_up(self.endpoint.broken(&error)),
                Err(_) => self.give_up(self.endpoint.idled()),
            }
        }
    }

    /// A body that was read to its end leaves its connection for the next request, which saves making one.
    async fn linger(&mut self) {
        if let Some(mut response) = self.response.take() {
            let _ = timeout(LINGER, response.chunk()).await;
        }
    }

    fn give_up(&mut self, failure: Failure) {
        self.response = None;
        self.answer.break_off(failure);
    }

    fn take(&mut self, bytes: &[u8]) {
        let taken = self.decoder.push(bytes);
        self.hear();
        if taken.is_err() {
            let what = format!("sent an event of more than {EVENT_BYTES} bytes");
            self.give_up(Failure::new(FailureClass::Protocol, what));
        }
    }

    fn end(&mut self) {
        self.response = None;
        self.decoder.end();
        self.hear();
        self.answer.end();
    }

    fn hear(&mut self) {
        while let Some(frame) = self.decoder.next() {
            self.answer.hear(&frame);
        }
    }
}

async fn send<F: WireFormat>(
    endpoint: &Endpoint,
    format: &F,
    request: &ModelRequest,
    target: &Target<'_>,
) -> Result<Response, Failure> {
    let body = format.body(request, target).map_err(|error| {
        Failure::new(FailureClass::InvalidRequest, "was not asked: the request has no JSON form")
            .detail(error.to_string())
    })?;
    let further = headers::of_request(request)?;
    let response = endpoint.post(F::REQUEST_PATH, "text/event-stream", further, body).await?;
    match foreign_type(&response) {
        None => Ok(response),
        Some(found) => Err(not_a_stream(endpoint, response, found).await),
    }
}

/// The type of a body that cannot be a stream. Some endpoints name none, or call it plain text.
fn foreign_type(response: &Response) -> Option<String> {
    let found = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let found = found.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    ["application/json", "text/html"].contains(&found.as_str()).then_some(found)
}

/// Some endpoints report errors with a status of success.
async fn not_a_stream(endpoint: &Endpoint, response: Response, found: String) -> Failure {
    let (body, _) = endpoint.read(response, OTHER_BYTES).await;
    let body = String::from_utf8_lossy(&body).into_owned();
    let error = serde_json::from_str::<serde_json::Value>(&body).ok();
    match error.as_ref().and_then(|value| value.get("error")).filter(|error| !error.is_null()) {
        Some(error) => endpoint.complaint(error),
        None => {
            let what = format!("answered with `{found}`, expected `text/event-stream`");
            Failure::new(FailureClass::Protocol, what).detail(body)
        }
    }
}

#[cfg(test)]
mod tests;
