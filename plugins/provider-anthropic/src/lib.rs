//! Models behind Anthropic's Messages API, or whoever speaks it.
//!
//! Serves [`MODEL`](transom_agent::provider::MODEL) under `<account>/<id>`, for the model of the settings and for those that
//! the endpoints list: that of the settings, and that of each account that
//! [`CREDENTIALS`](transom_agent::credential::CREDENTIALS) tells. Does not retry a request or count tokens: what the service
//! says is translated, and its failures are put into classes. What providers share is
//! [`transom_upstream`]; only the wire format is told here.
//!
//! ```toml
//! [plugin.settings]
//! key = "env:ANTHROPIC_API_KEY"
//! model = "claude-sonnet-4-5"
//! ```
//!
//! A conversation that goes on begins, on the wire, with the very bytes of the request before, apart from the marks that
//! say up to where the service is to keep it in its cache. Thoughts are given back with their signatures, to the service
//! that signed them and to no other.
//!
//! Dropping a stream closes its connection. Between two pieces of an answer at most `idle_timeout_s` pass, which
//! anything the endpoint sends begins anew.

mod class;
mod delta;
mod events;
mod format;
mod request;

#[cfg(test)]
mod exchanges;

use std::time::Duration;

use transom_plugin_api::prelude::*;
use transom_upstream::{Account, ProviderPorts, Provision, Times, extra_body, provide};

use crate::format::Messages;
use crate::request::{CacheLife, Dialect, OURS};

/// What an operator may set.
#[derive(Debug, Settings)]
pub struct Anthropic {
    /// What stands before the `/` in the names of the models: 1 to 64 characters of A–Z a–z 0–9 - _ .
    #[setting(default = "anthropic")]
    pub name: String,
    /// Address of the endpoint, without `/v1/messages`.
    #[setting(default = "https://api.anthropic.com")]
    pub base_url: String,
    /// Key of the account.
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
    /// The most tokens of an answer where the request does not say it; a lower limit that the service tells of a model counts.
    #[setting(default = 32000, min = 1)]
    pub max_tokens: u64,
    /// Whether models think, as hard as the request says.
    #[setting(default = true)]
    pub thinking: bool,
    /// How long the service is to keep what was sent in its cache: `off`, `5m` or `1h`.
    #[setting(default = "5m")]
    pub cache: String,
    /// Names of unfinished features to ask for, as `anthropic-beta`.
    #[setting(default = [])]
    pub beta: Vec<String>,
    /// A JSON object whose fields are added to every request, such as '{"top_k":40}'.
    pub extra_body: Option<String>,
}

impl Anthropic {
    fn format(&self) -> Result<Messages, StartError> {
        let extra = self.extra_body.as_deref().map(|text| extra_body::read(text, &OURS)).transpose()?;
        let dialect = Dialect {
            max_tokens: self.max_tokens,
            thinks: self.thinking,
            cache: CacheLife::read(&self.cache)?,
            extra: extra.unwrap_or_default(),
        };
        Messages::new(dialect, &self.beta)
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

impl Plugin for Anthropic {
    type Ports = ProviderPorts;

    async fn start(self, ports: ProviderPorts, host: Host) -> Result<(), StartError> {
        let format = self.format()?;
        provide(format, self.provision(), ports, host).await
    }
}

export_plugin!(Anthropic, id = "provider-anthropic", runtime = "tokio", capabilities = ["net"]);
