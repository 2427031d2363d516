//! Keeps accounts at the services behind models, and tells each provider its own.
//!
//! Serves [`CREDENTIALS`], for the plugin that calls, and `GET /credentials` without any key; says
//! [`CREDENTIALS_CHANGED`] when a reload has changed the accounts of a provider. Does not keep a key in a file, and does not try
//! whether one is good: a provider tells that when it is refused.
//!
//! ```toml
//! [plugin.settings.accounts.claude]
//! plugin = "provider-anthropic"
//! key = "env:ANTHROPIC_API_KEY"
//! ```
//!
//! A provider reaches the models of that account as `claude/…`.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod accounts;
mod changes;
mod mask;
mod route;

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

use transom_agent::credential::{CREDENTIALS, CREDENTIALS_CHANGED, Credentials, CredentialsChanged};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::prelude::*;

use crate::accounts::Accounts;
use crate::changes::{Changes, Kept};

/// What an operator may set.
#[derive(Debug, Settings)]
pub struct KeepCredentials {
    /// Accounts by name, which is what stands before the `/` in the names of their models: 1 to 64 characters of
    /// A–Z a–z 0–9 - _ .
    pub accounts: BTreeMap<String, Account>,
}

/// An account.
#[derive(Debug, Settings)]
pub struct Account {
    /// The id of the plugin that may use it, such as `provider-openai`. No other plugin is told of it.
    pub plugin: String,
    /// Address of the service; the provider's own when left out.
    pub base_url: Option<String>,
    /// Key of the account; local endpoints mostly need none.
    pub key: Option<Secret>,
}

/// Tells which generation of this plugin answers, so that one that has started knows when it does.
const GENERATION: Service<(), u64> = Service::new("credentials/generation");

/// The points this plugin touches.
#[derive(Clone, Debug, Ports)]
pub struct CredentialsPorts {
    #[serves(CREDENTIALS)]
    list: Server<(), Credentials>,
    #[says(CREDENTIALS_CHANGED)]
    changed: Emitter<CredentialsChanged>,
    #[serves(GENERATION)]
    generation: Server<(), u64>,
    #[calls(GENERATION, optional)]
    serving: Caller<(), u64>,
    #[serves(HTTP_ROUTE, names = ["GET /credentials"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
}

impl Plugin for KeepCredentials {
    type Ports = CredentialsPorts;

    async fn start(self, ports: CredentialsPorts, host: Host) -> Result<(), StartError> {
        let accounts = Arc::new(Accounts::of(self.accounts)?);
        let before = host.handed_over::<Kept>()?.unwrap_or_default();
        let changes = Changes::between(before, accounts.digests());
        let (kept, generation) = (changes.kept().clone(), changes.kept().generation);
        host.hand_over(move || ready(Ok(kept.clone())));
        let told = Arc::clone(&accounts);
        ports.list.serve(move |(), context| ready(Ok(told.meant_for(context.caller()))))?;
        ports.generation.serve(move |(), _| ready(Ok(generation)))?;
        route::register(&accounts, &ports.routes)?;
        host.spawn(changes.tell(ports, host.clone()));
        Ok(())
    }
}

export_plugin!(KeepCredentials, id = "credentials");
