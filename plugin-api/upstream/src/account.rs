//! [`Account`]: whose models are asked, and where.

use transom_agent::credential::Credential;
use transom_plugin_api::{Secret, StartError};

/// An account at a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// What stands before the `/` in the names of its models: 1 to 64 characters of A–Z a–z 0–9 - _ .
    pub name: String,
    /// Where the service is reached.
    pub base_url: String,
    /// Its key.
    pub key: Option<Secret>,
}

impl Account {
    /// The account of a credential, at the service's own address where that names none.
    pub(crate) fn told(credential: Credential, base_url: &str) -> Self {
        let Credential { name, base_url: named, key } = credential;
        let named = named.into_option().map(String::from).filter(|named| !named.is_empty());
        Self {
            name: name.into(),
            base_url: named.unwrap_or_else(|| base_url.to_owned()),
            key: key.into_option().map(Secret::from),
        }
    }

    /// The key without what surrounds it; an empty one is none.
    pub(crate) fn bare_key(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.expose().trim()).filter(|key| !key.is_empty())
    }

    /// Its name, if it can be one.
    pub(crate) fn checked_name(&self) -> Result<String, StartError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if (1..=64).contains(&self.name.len()) && self.name.chars().all(fits) {
            return Ok(self.name.clone());
        }
        let shown: String = self.name.chars().take(80).collect();
        Err(StartError::new(format!("setting `name`: `{shown}` cannot be a provider's name"))
            .help("use 1 to 64 characters of A–Z a–z 0–9 - _ ."))
    }
}
