//! [`Accounts`]: those of the settings, checked, and whom each is meant for.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use transom_agent::credential::{Credential, Credentials};
use transom_agent::refusal::shown;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{Map, StartError, Text};
use url::Url;

use crate::Account;

/// The longest name of an account, in characters.
const LONGEST_NAME: usize = 64;

/// The accounts by name.
#[derive(Debug)]
pub(crate) struct Accounts(BTreeMap<String, Account>);

impl Accounts {
    /// Those of the settings.
    ///
    /// # Errors
    /// When one cannot be used; names it, and says nothing of its key.
    pub(crate) fn of(accounts: BTreeMap<String, Account>) -> Result<Self, StartError> {
        for (name, account) in &accounts {
            check_name(name)?;
            check(name, account)?;
        }
        Ok(Self(accounts))
    }

    /// Each with its name, in byte order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Account)> {
        self.0.iter()
    }

    /// Those that `plugin` may use.
    pub(crate) fn meant_for(&self, plugin: &str) -> Credentials {
        let is_meant =
            |account: &Account| account.plugin == plugin || sabotaged("tell-credentials-to-everybody");
        let meant = self.iter().filter(|(_, account)| is_meant(account));
        Credentials { credentials: meant.map(|(name, account)| credential(name, account)).collect() }
    }

    /// By plugin, a digest of everything that it is told: equal as long as that is.
    pub(crate) fn digests(&self) -> Map<Text> {
        let mut hashes: BTreeMap<&str, Sha256> = BTreeMap::new();
        for (name, account) in self.iter() {
            let hash = hashes.entry(&account.plugin).or_default();
            let key = account.key.as_ref().map(|key| key.expose());
            for part in [Some(name.as_str()), account.base_url.as_deref(), key] {
                update(hash, part);
            }
        }
        let mut digests = Map::new();
        for (plugin, hash) in hashes {
            digests.insert(plugin, Text::from(format!("{:x}", hash.finalize())));
        }
        digests
    }
}

/// With its length, so that no two lists of parts look the same.
fn update(hash: &mut Sha256, part: Option<&str>) {
    let length = part.map_or(u64::MAX, |part| part.len() as u64);
    hash.update(length.to_le_bytes());
    hash.update(part.unwrap_or_default());
}

fn credential(name: &str, account: &Account) -> Credential {
    Credential {
        name: name.into(),
        base_url: account.base_url.as_deref().map(Text::from).into(),
        key: account.key.as_ref().map(Into::into).into(),
    }
}

fn check_name(name: &str) -> Result<(), StartError> {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let length = name.chars().count();
    if (1..=LONGEST_NAME).contains(&length) && name.chars().all(is_allowed) {
        return Ok(());
    }
    let problem = format!("`{}` in setting `accounts` is no name of an account", shown(name, 80));
    Err(StartError::new(problem).help("use 1 to 64 characters of `A–Z a–z 0–9 - _ .`"))
}

fn check(name: &str, account: &Account) -> Result<(), StartError> {
    if account.plugin.is_empty() {
        return Err(StartError::new(format!("setting `accounts.{name}.plugin` is empty"))
            .help("write the id of the plugin that may use the account, such as `provider-openai`"));
    }
    if account.key.as_ref().is_some_and(|key| key.expose().is_empty()) {
        return Err(StartError::new(format!("setting `accounts.{name}.key` is empty"))
            .help("leave it out when the service needs none"));
    }
    account.base_url.as_deref().map_or(Ok(()), |url| check_url(name, url))
}

/// What is written there is not repeated: people put keys into addresses.
fn check_url(name: &str, written: &str) -> Result<(), StartError> {
    let refused = |problem: &str| {
        Err(StartError::new(format!("setting `accounts.{name}.base_url` {problem}"))
            .help("write an address such as `https://api.example.com/v1`, and the key under `key`"))
    };
    match Url::parse(written) {
        Err(error) => refused(&format!("is no address: {error}")),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            refused("is an address of another kind, expected `http://` or `https://`")
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            refused("has a user or a password in it, which would show wherever it is shown")
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            refused("has a query or a fragment, to which no path can be added")
        }
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::Secret;

    use super::*;

    fn account(plugin: &str, base_url: Option<&str>, key: Option<&str>) -> Account {
        Account { plugin: plugin.into(), base_url: base_url.map(Into::into), key: key.map(Secret::new) }
    }

    fn accounts<const N: usize>(of: [(&str, Account); N]) -> Result<Accounts, String> {
        let of = of.into_iter().map(|(name, account)| (name.to_owned(), account)).collect();
        Accounts::of(of).map_err(|error| error.to_string())
    }

    fn refusal(name: &str, account: Account) -> String {
        accounts([(name, account)]).unwrap_err()
    }

    #[test]
    fn each_plugin_is_told_its_own_in_the_order_of_their_names() {
        let two = accounts([
            ("b", account("provider-x", Some("http://127.0.0.1:1/v1"), None)),
            ("a", account("provider-x", None, Some("k"))),
            ("c", account("provider-y", None, Some("other"))),
        ])
        .unwrap();
        let told = two.meant_for("provider-x").credentials;
        assert_eq!(told.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(told[0].key.as_ref().unwrap().expose(), "k");
        assert!(told[1].key.is_none() && told[1].base_url.as_deref() == Some("http://127.0.0.1:1/v1"));
        assert!(two.meant_for("provider").credentials.is_empty());
    }

    #[test]
    fn what_is_printed_of_accounts_has_no_key_in_it() {
        let kept = accounts([("a", account("p", None, Some("canary")))]).unwrap();
        let shown = format!("{kept:?} {:?} {:?}", kept.meant_for("p"), kept.digests());
        assert!(shown.contains("\"a\"") && !shown.contains("canary"), "{shown}");
    }

    #[test]
    fn a_digest_changes_with_everything_that_is_told_and_with_nothing_else() {
        let digest = |key: &str, url: Option<&str>, other: &str| {
            let both = [("a", account("p", url, Some(key))), ("b", account("q", None, Some(other)))];
            accounts(both).unwrap().digests().get("p").cloned()
        };
        let one = digest("k", None, "x");
        assert_eq!(one, digest("k", None, "y"));
        assert_ne!(one, digest("l", None, "x"));
        assert_ne!(one, digest("k", Some("http://h/"), "x"));
        let moved = accounts([("ak", account("p", None, None))]).unwrap().digests();
        assert_ne!(moved.get("p").cloned(), one);
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_account_and_without_its_key() {
        let longest = "x".repeat(64);
        assert!(
            accounts([(&longest, account("p", None, None)), ("A-z_0.9", account("p", None, None))]).is_ok()
        );
        for name in ["", "a/b", "ä", "a b", "a\n", &"x".repeat(65)] {
            let told = refusal(name, account("p", None, Some("canary")));
            assert!(told.contains("is no name of an account") && !told.contains("canary"), "{told}");
        }
        assert!(refusal("a", account("", None, None)).contains("`accounts.a.plugin` is empty"));
        assert!(refusal("a", account("p", None, Some(""))).contains("`accounts.a.key` is empty"));
        for url in [
            "",
            "canary",
            "ftp://canary/",
            "http://",
            "http://canary@h/",
            "http://u:canary@h/",
            "http://h/?k=canary",
        ] {
            let told = refusal("a", account("p", Some(url), None));
            assert!(told.contains("`accounts.a.base_url`") && !told.contains("canary"), "{told}");
        }
    }
}
