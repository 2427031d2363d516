//! Servers over HTTP: the client, and what a connection of it may bear.

mod discreet;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use transom_plugin_api::Secret;

use self::discreet::Discreet;
use crate::lines::LONGEST_LINE;

/// Calls of one server that are made at the same time; further ones wait.
const SIDE_BY_SIDE: usize = 16;

/// A connection to a server; nothing is sent yet. Inside of a runtime.
pub(crate) fn transport(
    url: &Url,
    headers: &BTreeMap<String, Secret>,
    connect: Duration,
) -> Result<StreamableHttpClientTransport<Discreet>, String> {
    let settings = StreamableHttpClientTransportConfig::with_uri(url.as_str())
        .custom_headers(custom(headers)?)
        .max_concurrent_requests(SIDE_BY_SIDE)
        .max_sse_event_size(LONGEST_LINE)
        .max_json_response_size(LONGEST_LINE);
    Ok(StreamableHttpClientTransport::with_client(Discreet(client(url, connect)?), settings))
}

fn custom(headers: &BTreeMap<String, Secret>) -> Result<HashMap<HeaderName, HeaderValue>, String> {
    let one = |(name, value): (&String, &Secret)| {
        let wrong = |what| format!("the {what} of header `{}` cannot be one", name.escape_debug());
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| wrong("value"))?;
        value.set_sensitive(true);
        Ok((HeaderName::try_from(name).map_err(|_| wrong("name"))?, value))
    };
    headers.iter().map(one).collect()
}

fn client(url: &Url, connect: Duration) -> Result<Client, String> {
    let builder = Client::builder()
        .tls_backend_preconfigured(tls(url)?)
        .user_agent(concat!("transom/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        // Following one would send what is called, and perhaps a token, to somebody else.
        .redirect(Policy::none());
    let builder = if is_loopback(url) { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| format!("no client can be made: {error}"))
}

/// TLS with a provider of our own, because the process-wide one belongs to the image, not to a plugin.
fn tls(url: &Url) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| format!("TLS cannot be used: {error}"))?;
    if url.scheme() == "http" {
        // No redirect leads from there to TLS, so a machine without certificates must not keep it from working.
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let trusted = builder.with_platform_verifier();
    let trusted = trusted.map_err(|error| format!("no certificates of this machine can be read: {error}"))?;
    Ok(trusted.with_no_client_auth())
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
