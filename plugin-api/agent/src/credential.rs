//! Credentials: accounts at the services behind models. Kept by one plugin, asked for by providers.

use transom_plugin_api::{Event, List, Maybe, SecretText, Service, Text, contract};

/// An account.
#[contract]
pub struct Credential {
    /// What stands before the `/` in the names of its models: 1 to 64 characters of A–Z a–z 0–9 - _ .
    pub name: Text,
    /// Where the service is reached; the provider's own default when absent.
    pub base_url: Maybe<Text>,
    /// Its key; local endpoints mostly need none.
    pub key: Maybe<SecretText>,
}

/// The accounts that a provider may use.
#[contract]
#[derive(Default)]
pub struct Credentials {
    /// In byte order of their names.
    pub credentials: List<Credential>,
}

/// Tells the plugin that calls which accounts are meant for it; who is meant for none gets none. A provider asks when it
/// starts, and serves the models of each account under its name.
///
/// `agent/credential.list` · service · 30 s · who keeps credentials answers, for the plugin that calls
pub const CREDENTIALS: Service<(), Credentials> = Service::new("agent/credential.list");

/// That the accounts of a provider are others than before.
#[contract]
pub struct CredentialsChanged {
    /// The id of the plugin that they are meant for.
    pub plugin: Text,
}

/// Said by whoever keeps credentials when those of a provider are not what they were when it asked last. The provider asks
/// again. Nobody can refuse it.
///
/// `agent/credential.changed` · event · who keeps credentials says it
pub const CREDENTIALS_CHANGED: Event<CredentialsChanged> = Event::new("agent/credential.changed");
