//! [`Endpoint`]: where an account's models are, and how they are asked.

mod client;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, Url};
use tokio::time::timeout;
use transom_agent::provider::{FailureClass, ProviderEvent};
use transom_plugin_api::{Secret, StartError};

use crate::account::Account;
use crate::failure::{Classes, Failure};
use crate::format::WireFormat;
use crate::retry_after::retry_after_ms;

/// Milliseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Bytes of an error's body that are read.
const ERROR_BYTES: usize = 64 * 1024;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The longest time without a byte.
    pub idle: Duration,
    /// The longest time until there is a connection.
    pub connect: Duration,
}

/// Where an account's models are, and how they are asked.
pub struct Endpoint {
    name: String,
    /// The service, or the account where that is at another address.
    provider: String,
    url: Url,
    is_at_home: bool,
    key: Option<Secret>,
    headers: HeaderMap,
    times: Times,
    client: Client,
    classes: Classes,
    now_ms: Clock,
}

impl Endpoint {
    /// The endpoint of an account.
    ///
    /// # Errors
    /// When its name, its address or its key can be none.
    pub fn of<F: WireFormat>(
        format: &F,
        account: &Account,
        times: Times,
        now_ms: Clock,
    ) -> Result<Self, StartError> {
        let url = base_url::<F>(&account.base_url)?;
        let name = account.checked_name()?;
        let key = account.bare_key();
        let is_at_home = is_at_home::<F>(&url);
        Ok(Self {
            provider: if is_at_home { F::SERVICE.to_owned() } else { name.clone() },
            name,
            is_at_home,
            headers: headers(format, key)?,
            key: key.map(Secret::new),
            client: client::client(&url, times.connect)?,
            url,
            times,
            classes: F::class,
            now_ms,
        })
    }

    /// What stands before the `/` in the names of its models.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The service behind its models, as far as one can tell: anybody may stand at another address.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Whether a key would cross a network in the clear.
    pub(crate) fn exposes_the_key(&self) -> bool {
        self.key.is_some() && self.url.scheme() == "http" && !is_loopback(&self.url)
    }

    /// Whether nothing can come of asking: a service itself answers nobody without a key.
    pub(crate) const fn lacks_a_key(&self) -> bool {
        self.key.is_none() && self.is_at_home
    }

    /// Posts JSON to a path below the base and waits for a successful response.
    pub(crate) async fn post(
        &self,
        path: &[&str],
        accept: &'static str,
        further: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Response, Failure> {
        let mut headers = further;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        self.send(self.client.post(self.at(path)).headers(headers).body(body)).await
    }

    /// Gets a path below the base and waits for a successful response.
    pub(crate) async fn get(
        &self,
        path: &[&str],
        query: &[(&'static str, String)],
    ) -> Result<Response, Failure> {
        let mut url = self.at(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(self.client.get(url).header(ACCEPT, "application/json")).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        // Ours last, for a header that is there twice says two things.
        let request = request.headers(self.headers.clone());
        let response = timeout(self.times.idle, request.send()).await.map_err(|_| self.idled())?;
        let response = response.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let wait = retry_after_ms(response.headers(), (self.now_ms)());
        let status = response.status();
        // A body that breaks off still says more than none.
        let (body, _) = self.read(response, ERROR_BYTES).await;
        Err(Failure::of_response(status, &String::from_utf8_lossy(&body), wait, self.classes))
    }

    /// Reads a body, up to `limit` bytes, and says what kept it from reading to the end.
    pub(crate) async fn read(&self, mut response: Response, limit: usize) -> (Vec<u8>, Option<Failure>) {
        let mut body = Vec::new();
        loop {
            match timeout(self.times.idle, response.chunk()).await {
                Ok(Ok(Some(bytes))) if body.len() + bytes.len() > limit => {
                    body.extend_from_slice(&bytes[..limit - body.len()]);
                    let what = format!("sent more than the {limit} bytes that are read");
                    return (body, Some(Failure::new(FailureClass::Protocol, what)));
                }
                Ok(Ok(Some(bytes))) => body.extend_from_slice(&bytes),
                Ok(Ok(None)) => return (body, None),
                Ok(Err(error)) => return (body, Some(self.broken(&error))),
                Err(_) => return (body, Some(self.idled())),
            }
        }
    }

    /// The longest time without a byte.
    pub(crate) const fn idle(&self) -> Duration {
        self.times.idle
    }

    /// An error that a provider reports although it answered with success.
    pub(crate) fn complaint(&self, error: &serde_json::Value) -> Failure {
        Failure::of_frame(error, self.classes)
    }

    /// Nothing came for too long.
    pub(crate) fn idled(&self) -> Failure {
        let what = format!("sent nothing for {} ms", self.times.idle.as_millis());
        Failure::new(FailureClass::Timeout, what)
    }

    /// The connection broke while an answer was read.
    pub(crate) fn broken(&self, error: &reqwest::Error) -> Failure {
        Failure::new(FailureClass::Network, "lost its connection").detail(root_of(error))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let at = self.url.origin().ascii_serialization();
        if error.is_timeout() {
            let what =
                format!("at {at} did not accept a connection within {} ms", self.times.connect.as_millis());
            return Failure::new(FailureClass::Timeout, what);
        }
        Failure::new(FailureClass::Network, format!("could not be reached at {at}")).detail(root_of(error))
    }

    /// A failure as a caller gets it.
    pub(crate) fn event(&self, failure: &Failure) -> ProviderEvent {
        failure.event(&self.name, self.key.as_ref())
    }

    /// A failure as a log shows it.
    pub(crate) fn message(&self, failure: &Failure) -> String {
        failure.message(&self.name, self.key.as_ref())
    }

    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.url.clone();
        // Whether a version belongs to the address is written in two ways; once is enough.
        let last = self.url.path().trim_end_matches('/').rsplit('/').next();
        let path = if last.is_some() && path.first().copied() == last { &path[1..] } else { path };
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("name", &self.name).finish_non_exhaustive()
    }
}

fn base_url<F: WireFormat>(text: &str) -> Result<Url, StartError> {
    let refused =
        |problem: &str| StartError::new(format!("setting `base_url` {problem}")).help(F::BASE_URL_HELP);
    let url = Url::parse(text).map_err(|error| refused(&format!("is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused(&format!("begins with `{}:`, expected `https:` or `http:`", url.scheme())));
    }
    // It would be sent as a password, and shown in errors that we do not write.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("holds a user's name; the setting `key` is for secrets"));
    }
    Ok(url)
}

/// Whether it is the service itself that answers there.
fn is_at_home<F: WireFormat>(url: &Url) -> bool {
    Url::parse(F::BASE_URL).is_ok_and(|home| home.domain().is_some() && home.domain() == url.domain())
}

fn headers<F: WireFormat>(format: &F, key: Option<&str>) -> Result<HeaderMap, StartError> {
    let mut headers = format.headers(key).map_err(|_| {
        StartError::new("setting `key` holds a character that no key has, such as a line break")
    })?;
    // Whatever of it holds the key, no debug output is to show it.
    headers.values_mut().for_each(|value| value.set_sensitive(true));
    Ok(headers)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The innermost cause. The outer ones repeat the URL and say little.
fn root_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests;
