//! [`Discreet`]: a client whose errors do not tell the address, which may hold a secret.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Error};
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
    StreamableHttpResponseLimits,
};
use sse_stream::Sse;
use transom_plugin_api::sabotage::sabotaged;

/// A client that does what the one inside does, and tells less of what went wrong.
#[derive(Clone, Debug)]
pub(crate) struct Discreet(pub(super) Client);

type Headers = HashMap<HeaderName, HeaderValue>;
type Stream = BoxStream<'static, Result<Sse, SseError>>;
type Outcome<T> = Result<T, StreamableHttpError<Error>>;

fn discreet<T>(outcome: Outcome<T>) -> Outcome<T> {
    outcome.map_err(|error| match error {
        StreamableHttpError::Client(error) if !sabotaged("tell-addresses") => {
            StreamableHttpError::Client(error.without_url())
        }
        error => error,
    })
}

impl StreamableHttpClient for Discreet {
    type Error = Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
    ) -> Outcome<StreamableHttpPostResponse> {
        discreet(self.0.post_message(uri, message, session_id, token, headers).await)
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
        limits: StreamableHttpResponseLimits,
    ) -> Outcome<StreamableHttpPostResponse> {
        let posting =
            self.0.post_message_with_response_limits(uri, message, session_id, token, headers, limits);
        discreet(posting.await)
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        token: Option<String>,
        headers: Headers,
    ) -> Outcome<()> {
        discreet(self.0.delete_session(uri, session_id, token, headers).await)
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        token: Option<String>,
        headers: Headers,
    ) -> Outcome<Stream> {
        discreet(self.0.get_stream(uri, session_id, last_event_id, token, headers).await)
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        token: Option<String>,
        headers: Headers,
        most: usize,
    ) -> Outcome<Stream> {
        let getting =
            self.0.get_stream_with_max_sse_event_size(uri, session_id, last_event_id, token, headers, most);
        discreet(getting.await)
    }
}
