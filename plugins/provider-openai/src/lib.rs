//! Models behind any endpoint that speaks OpenAI's `/chat/completions`.
//!
//! Serves [`MODEL`](transom_agent::provider::MODEL) under `<account>/<id>`, for the model of the settings and for those that
//! the endpoints list: that of the settings, and that of each account that
//! [`CREDENTIALS`](transom_agent::credential::CREDENTIALS) tells. Does not retry a request or count tokens: what an endpoint
//! says is translated, and its failures are put into classes. What providers share is
//! [`transom_upstream`]; only the wire format is told here.
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
//! When the plugin is reloaded, or its host started again, the models that were listed are there at once.
//!
//! Dropping a stream closes its connection. Between two pieces of an answer at most `idle_timeout_s` pass, which
//! anything the endpoint sends begins anew.

mod answer;
mod class;
mod format;
mod piece;
mod request;

#[cfg(test)]
mod exchanges;

use std::time::Duration;

use transom_plugin_api::prelude::*;
use transom_upstream::{Account, ProviderPorts, Provision, Times, extra_body, provide};

use crate::format::ChatCompletions;
use crate::request::{Dialect, OURS};

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

impl OpenAi {
    fn dialect(&self) -> Result<Dialect, StartError> {
        let extra = self.extra_body.as_deref().map(|text| extra_body::read(text, &OURS)).transpose()?;
        Ok(Dialect {
            asks_for_usage: self.ask_for_usage,
            sends_reasoning_effort: self.send_reasoning_effort,
            extra: extra.unwrap_or_default(),
        })
    }

    fn provision(self) -> Provision {
        Provision {
            account: Account { name: self.name, base_url: self.base_url, key: self.key },
            model: self.model,
            lists_models: self.list_models,
            times: Times {
                idle: Duration::from_secs(self.idle_timeout_s),
                connect: Duration::from_secs(self.connect_timeout_s),
            },
        }
    }
}

impl Plugin for OpenAi {
    type Ports = ProviderPorts;

    async fn start(self, ports: ProviderPorts, host: Host) -> Result<(), StartError> {
        let format = ChatCompletions(self.dialect()?);
        provide(format, self.provision(), ports, host).await
    }
}

export_plugin!(OpenAi, id = "provider-openai", runtime = "tokio", capabilities = ["net"]);
