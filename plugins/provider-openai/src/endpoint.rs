//! [`Endpoint`]: where the models are, and how they are asked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::timeout;
use transom_agent::provider::{FailureClass, ProviderEvent};
use transom_plugin_api::{Secret, StartError};

use crate::OpenAi;
use crate::failure::Failure;
use crate::request::Dialect;
use crate::retry_after::retry_after_ms;

/// Milliseconds since the epoch.
pub(crate) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Bytes of an error's body that are read.
const ERROR_BYTES: usize = 64 * 1024;

/// Where the models are, and how they are asked.
pub(crate) struct Endpoint {
    pub(crate) dialect: Dialect,
    /// The longest time without a byte.
    pub(crate) idle: Duration,
    name: String,
    url: Url,
    key: Option<Secret>,
    authorization: Option<HeaderValue>,
    connect: Duration,
    client: Client,
    now_ms: Clock,
}

impl Endpoint {
    /// The endpoint that the settings describe.
    pub(crate) fn new(settings: &OpenAi, now_ms: Clock) -> Result<Self, StartError> {
        let url = base_url(&settings.base_url)?;
        let key = settings.key.as_ref().map(|key| key.expose().trim()).filter(|key| !key.is_empty());
        let extra = settings.extra_body.as_deref().map(Dialect::read_extra).transpose()?;
        let connect = Duration::from_secs(settings.connect_timeout_s);
        Ok(Self {
            dialect: Dialect {
                asks_for_usage: settings.ask_for_usage,
                sends_reasoning_effort: settings.send_reasoning_effort,
                extra: extra.unwrap_or_default(),
            },
            idle: Duration::from_secs(settings.idle_timeout_s),
            name: checked_name(&settings.name)?,
            authorization: key.map(authorization).transpose()?,
            key: key.map(Secret::new),
            connect,
            client: client(&url, connect)?,
            url,
            now_ms,
        })
    }

    /// What stands before the `/` in the names of its models.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a key would cross a network in the clear.
    pub(crate) fn exposes_the_key(&self) -> bool {
        self.key.is_some() && self.url.scheme() == "http" && !is_loopback(&self.url)
    }

    /// Whether nothing can come of asking: the default endpoint answers nobody without a key.
    pub(crate) fn lacks_a_key(&self) -> bool {
        self.key.is_none() && self.url.domain() == Some("api.openai.com")
    }

    /// Posts JSON to a path below the base and waits for a successful response.
    pub(crate) async fn post(
        &self,
        path: &[&str],
        accept: &'static str,
        body: Vec<u8>,
    ) -> Result<Response, Failure> {
        let request = self.client.post(self.at(path)).header(CONTENT_TYPE, "application/json").body(body);
        self.send(request.header(ACCEPT, accept)).await
    }

    /// Gets a path below the base and waits for a successful response.
    pub(crate) async fn get(&self, path: &[&str]) -> Result<Response, Failure> {
        self.send(self.client.get(self.at(path)).header(ACCEPT, "application/json")).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let request = match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        };
        let response = timeout(self.idle, request.send()).await.map_err(|_| self.idled())?;
        let response = response.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let wait = retry_after_ms(response.headers(), (self.now_ms)());
        let status = response.status();
        // A body that breaks off still says more than none.
        let (body, _) = self.read(response, ERROR_BYTES).await;
        Err(Failure::of_response(status, &String::from_utf8_lossy(&body), wait))
    }

    /// Reads a body, up to `limit` bytes, and says what kept it from reading to the end.
    pub(crate) async fn read(&self, mut response: Response, limit: usize) -> (Vec<u8>, Option<Failure>) {
        let mut body = Vec::new();
        loop {
            match timeout(self.idle, response.chunk()).await {
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

    /// Nothing came for too long.
    pub(crate) fn idled(&self) -> Failure {
        let what = format!("sent nothing for {} ms", self.idle.as_millis());
        Failure::new(FailureClass::Timeout, what)
    }

    /// The connection broke while an answer was read.
    pub(crate) fn broken(&self, error: &reqwest::Error) -> Failure {
        Failure::new(FailureClass::Network, "lost its connection").detail(root_of(error))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let at = self.url.origin().ascii_serialization();
        if error.is_timeout() {
            let what = format!("at {at} did not accept a connection within {} ms", self.connect.as_millis());
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

fn base_url(text: &str) -> Result<Url, StartError> {
    let refused = |problem: &str| {
        StartError::new(format!("setting `base_url` {problem}"))
            .help("write it like `https://api.openai.com/v1`, without `/chat/completions`")
    };
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

fn checked_name(name: &str) -> Result<String, StartError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(fits) {
        return Ok(name.to_owned());
    }
    Err(StartError::new(format!("setting `name`: `{name}` cannot be a provider's name"))
        .help("use 1 to 64 characters of A–Z a–z 0–9 - _ ."))
}

fn authorization(key: &str) -> Result<HeaderValue, StartError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| {
        StartError::new("setting `key` holds a character that no key has, such as a line break")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn client(url: &Url, connect: Duration) -> Result<Client, StartError> {
    let builder = Client::builder()
        .tls_backend_preconfigured(tls(url)?)
        .user_agent(concat!("transom/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        // Following one would send the conversation, and perhaps the key, to somebody else.
        .redirect(Policy::none());
    let builder = if is_loopback(url) { builder.no_proxy() } else { builder };
    Ok(builder.build()?)
}

/// TLS with a provider of our own, because the process-wide one belongs to the image, not to a plugin.
fn tls(url: &Url) -> Result<ClientConfig, StartError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    if url.scheme() == "http" {
        // No redirect leads from there to TLS, so a machine without certificates must not keep it from working.
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let trusted = builder.clone().with_platform_verifier();
    let trusted = trusted.unwrap_or_else(|error| {
        // The plugin is on by default, also where nobody uses it.
        tracing::warn!("no certificates of this machine can be read, so no TLS server is trusted: {error}");
        builder.with_root_certificates(RootCertStore::empty())
    });
    Ok(trusted.with_no_client_auth())
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
mod tests {
    use transom_plugin_api::Settings;

    use super::*;

    fn endpoint(base_url: &str, key: Option<&str>) -> Result<Endpoint, StartError> {
        let settings =
            OpenAi { base_url: base_url.into(), key: key.map(Secret::new), ..crate::loopback::settings() };
        Endpoint::new(&settings, Arc::new(|| 0))
    }

    #[track_caller]
    fn refused(endpoint: Result<Endpoint, StartError>, expected: &str) {
        let error = endpoint.expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn paths_are_added_before_the_query() {
        for (base, expected) in [
            ("http://h/v1", "http://h/v1/chat/completions"),
            ("http://h/v1/", "http://h/v1/chat/completions"),
            ("http://h", "http://h/chat/completions"),
            ("http://h/a?version=1", "http://h/a/chat/completions?version=1"),
        ] {
            let endpoint = endpoint(base, None).expect("good");
            assert_eq!(endpoint.at(&["chat", "completions"]).as_str(), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        refused(endpoint("api.openai.com", None), "not a URL");
        refused(endpoint("ftp://h/", None), "begins with `ftp:`");
        refused(endpoint("http://me:pass@h/", None), "a user's name");
        refused(endpoint("", None), "not a URL");
    }

    #[test]
    fn a_bad_key_is_refused_without_being_shown() {
        let error = endpoint("http://h", Some("sk-a\nb")).expect_err("refused").to_string();
        assert!(error.contains("line break") && !error.contains("sk-"), "{error}");
    }

    #[test]
    fn white_space_around_a_key_is_dropped_and_an_empty_one_is_none() {
        assert_eq!(endpoint("http://h", Some(" k\n")).expect("good").key, Some(Secret::new("k")));
        assert_eq!(endpoint("http://h", Some(" ")).expect("good").key, None);
    }

    #[test]
    fn the_defaults_make_an_endpoint_that_lacks_a_key() {
        let settings = OpenAi::from_json("{}").expect("defaults");
        let endpoint = Endpoint::new(&settings, Arc::new(|| 0)).expect("good");
        assert_eq!((endpoint.name(), endpoint.lacks_a_key()), ("openai", true));
        assert_eq!(endpoint.at(&["models"]).as_str(), "https://api.openai.com/v1/models");
    }

    #[test]
    fn a_name_has_no_slash() {
        let settings = OpenAi { name: "a/b".into(), ..crate::loopback::settings() };
        refused(Endpoint::new(&settings, Arc::new(|| 0)), "`a/b` cannot be a provider's name");
    }

    #[test]
    fn a_key_in_the_clear_is_noticed() {
        for (base, expected) in [
            ("http://example.org/v1", true),
            ("http://127.0.0.1:1/v1", false),
            ("http://[::1]/v1", false),
            ("http://localhost/v1", false),
        ] {
            assert_eq!(endpoint(base, Some("k")).expect("good").exposes_the_key(), expected, "{base}");
        }
        assert!(!endpoint("http://example.org", None).expect("good").exposes_the_key());
    }
}
