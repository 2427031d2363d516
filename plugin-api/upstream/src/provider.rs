//! [`provide`]: a provider, from its ports and its settings to the models that can be asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use transom_agent::credential::{CREDENTIALS, CREDENTIALS_CHANGED, Credentials, CredentialsChanged};
use transom_agent::provider::{MODEL, ModelInfo, ModelRequest, ProviderEvent};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_plugin_api::prelude::*;

use crate::account::Account;
use crate::accounts::Accounts;
use crate::desk::Counter;
use crate::endpoint::{Endpoint, Times};
use crate::format::WireFormat;
use crate::known::Memory;
use crate::shelf::Shelf;

/// How long a start waits for accounts. Later ones are served when they are told.
const ACCOUNTS_WITHIN: Duration = Duration::from_secs(2);

/// The points a provider touches.
#[derive(Debug, Ports)]
pub struct ProviderPorts {
    #[serves(MODEL, names = "dynamic")]
    models: StreamServer<ModelRequest, ProviderEvent, ModelInfo>,
    #[calls(CREDENTIALS, optional)]
    credentials: Caller<(), Credentials>,
    #[hears(CREDENTIALS_CHANGED)]
    changed: Listener<CredentialsChanged>,
    #[calls(STORAGE_READ, optional)]
    read: Caller<StorageRead, StorageRows>,
    #[calls(STORAGE_WRITE, optional)]
    write: Caller<StorageWrites, StorageWritten>,
}

/// What an operator has set.
#[derive(Debug)]
pub struct Provision {
    /// The account of the settings.
    pub account: Account,
    /// A model of it that is there at once, whatever it lists.
    pub model: Option<String>,
    /// Whether to ask it for its models.
    pub lists_models: bool,
    /// How long things may take, at every account.
    pub times: Times,
}

/// The account of the settings, and what goes with it.
pub(crate) struct OwnAccount {
    pub(crate) account: Account,
    pub(crate) model: Option<String>,
    pub(crate) lists_models: bool,
    pub(crate) lacks_a_key: bool,
    pub(crate) times: Times,
}

/// Serves the models of the account in the settings, and of each account that whoever keeps credentials tells, as long
/// as the plugin runs. Each account is asked on a task of its own.
///
/// # Errors
/// When the account of the settings can be none. What is wrong with the others is logged.
pub async fn provide<F: WireFormat>(
    format: F,
    provision: Provision,
    ports: ProviderPorts,
    host: Host,
) -> Result<(), StartError> {
    let memory = Memory::inherited(&host);
    let shelf = Shelf { read: ports.read, write: ports.write };
    let counter =
        Arc::new(Counter { format, models: ports.models, shelf, memory: memory.clone(), host: host.clone() });
    let changed = Arc::new(Notify::new());
    listen(&ports.changed, &host, &changed)?;
    let own = own_account(&counter, provision)?;
    let mut accounts = Accounts { counter, own, credentials: ports.credentials, open: BTreeMap::new() };
    let told = host.within(ACCOUNTS_WITHIN, accounts.told()).await.flatten();
    let was_answered = told.is_some();
    accounts.serve(told.unwrap_or_default())?;
    host.hand_over(move || std::future::ready(memory.hand_over()));
    host.spawn(accounts.follow(changed, was_answered));
    Ok(())
}

/// Wakes whoever asks for accounts when those meant for this plugin change.
fn listen(port: &Listener<CredentialsChanged>, host: &Host, changed: &Arc<Notify>) -> Result<(), StartError> {
    let (id, changed) = (host.id().to_owned(), changed.clone());
    port.inline(move |event, _| {
        if event.plugin == id {
            changed.notify_one();
        }
    })
}

fn own_account<F: WireFormat>(counter: &Counter<F>, provision: Provision) -> Result<OwnAccount, StartError> {
    let Provision { account, model, lists_models, times } = provision;
    let lacks_a_key = endpoint_of(counter, &account, times)?.lacks_a_key();
    Ok(OwnAccount { account, model, lists_models, lacks_a_key, times })
}

pub(crate) fn endpoint_of<F: WireFormat>(
    counter: &Counter<F>,
    account: &Account,
    times: Times,
) -> Result<Endpoint, StartError> {
    let clock = counter.host.clone();
    Endpoint::of(&counter.format, account, times, Arc::new(move || clock.now_ms()))
}
