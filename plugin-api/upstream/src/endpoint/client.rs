//! The HTTP client of an endpoint.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use transom_plugin_api::StartError;

use super::is_loopback;

/// One for requests to `url`, whose connections may take so long to be made.
pub(super) fn client(url: &Url, connect: Duration) -> Result<Client, StartError> {
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
