//! Models behind any endpoint that speaks OpenAI's `/chat/completions`.
//!
//! Serves [`MODEL`] under `<name>/<id>`, for the model of the settings and for those the endpoint lists. Does not
//! retry a request, count tokens or keep anything: what the provider says is translated, and its failures are put
//! into classes.
//!
//! ```toml
//! [plugin.settings]
//! key = "env:OPENAI_API_KEY"
//! model = "gpt-5-mini"
//! ```
//!
//! Any other endpoint works by its address, a local one without a key:
//!
//! ```toml
//! [plugin.settings]
//! name = "ollama"
//! base_url = "http://127.0.0.1:11434/v1"
//! ```
//!
//! When the plugin is reloaded, the models that were listed are there at once.
//!
//! Dropping a stream closes its connection. Between two pieces of an answer at most `idle_timeout_s` pass, which
//! anything the endpoint sends begins anew.

mod answer;
mod calls;
mod catalogue;
mod endpoint;
mod failure;
#[cfg(test)]
mod fixture;
mod known;
#[cfg(test)]
mod loopback;
mod models;
mod piece;
mod request;
mod retry_after;
mod sse;
mod stream;

use std::sync::Arc;

use transom_agent::provider::{MODEL, ModelInfo, ModelRequest, ProviderEvent};
use transom_plugin_api::prelude::*;

use crate::endpoint::Endpoint;
use crate::known::Memory;
use crate::models::Models;

/// What an operator may set.
#[derive(Debug, Settings)]
pub struct OpenAi {
    /// What stands before the `/` in the names of the models: 1 to 64 characters of A–Z a–z 0–9 - _ .
    #[setting(default = "openai")]
    pub name: String,
    /// Address of the endpoint, without `/chat/completions`.
    #[setting(default = "https://api.openai.com/v1")]
    pub base_url: String,
    /// Key of the account; local endpoints mostly need none.
    pub key: Option<Secret>,
    /// A model that is there at once, whatever the endpoint lists.
    pub model: Option<String>,
    /// Whether to ask the endpoint for its models, in the background.
    #[setting(default = true)]
    pub list_models: bool,
    /// Seconds without a byte from the endpoint after which a request has failed. At least 1.
    #[setting(default = 120, min = 1, max = 86400)]
    pub idle_timeout_s: u64,
    /// Seconds a connection may take to be made. At least 1.
    #[setting(default = 10, min = 1, max = 3600)]
    pub connect_timeout_s: u64,
    /// Whether to ask for the tokens of each answer; a few endpoints refuse the question.
    #[setting(default = true)]
    pub ask_for_usage: bool,
    /// Whether to send how hard the model is to think; many endpoints refuse it.
    #[setting(default = false)]
    pub send_reasoning_effort: bool,
    /// A JSON object whose fields are added to every request, such as '{"top_p":0.9}'.
    pub extra_body: Option<String>,
}

/// The points this plugin touches.
#[derive(Debug, Ports)]
pub struct OpenAiPorts {
    #[serves(MODEL, names = "dynamic")]
    model: StreamServer<ModelRequest, ProviderEvent, ModelInfo>,
}

impl Plugin for OpenAi {
    type Ports = OpenAiPorts;

    async fn start(self, ports: OpenAiPorts, host: Host) -> Result<(), StartError> {
        let clock = host.clone();
        let endpoint = Arc::new(Endpoint::new(&self, Arc::new(move || clock.now_ms()))?);
        if endpoint.exposes_the_key() {
            tracing::warn!(
                "`{}` is reached without TLS: everybody on the way can read the key",
                endpoint.name()
            );
        }
        let memory = Memory::of(&self.base_url);
        let mut models = Models::new(endpoint.clone(), ports.model, memory.clone());
        if let Some(id) = self.model {
            let about = ModelInfo { provider: endpoint.name().into(), ..ModelInfo::default() };
            models.serve(&id, about)?;
        }
        if endpoint.lacks_a_key() {
            tracing::info!("`{}` has no key, so its models are not listed; set `key`", endpoint.name());
        } else if self.list_models {
            let inherited = memory.inherited(&host);
            if !inherited.is_empty() {
                models.serve_all(inherited);
            }
            host.hand_over(move || std::future::ready(memory.hand_over()));
            host.spawn(models.keep_asking(host.clone()));
        }
        Ok(())
    }
}

export_plugin!(OpenAi, id = "provider-openai", runtime = "tokio", capabilities = ["net"]);
