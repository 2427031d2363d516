//! How commands show capabilities: what a plugin asks for, and once, below, what of it nobody sees to.

use std::collections::BTreeSet;

use transom_plugin_api::capability::is_power;

use crate::manifest::listed;

/// What stands about capabilities that are told to the operator, and that a plugin in the host's process can do without
/// being granted.
pub(super) const NOT_ENFORCED: &str = "declared, not enforced";

/// Behind a plugin's name: what it asks for; empty when that is nothing.
pub(super) fn asked<'a>(capabilities: impl IntoIterator<Item = &'a str>) -> String {
    let asked: Vec<&str> = capabilities.into_iter().collect();
    if asked.is_empty() { String::new() } else { format!("asks for {}", asked.join(", ")) }
}

/// The line below a listing, when one of the plugins listed asks for something that is not enforced.
pub(super) fn note<'a>(capabilities: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let powers: BTreeSet<&str> = capabilities.into_iter().filter(|one| is_power(one)).collect();
    let what = listed(powers.iter().copied());
    (!powers.is_empty()).then(|| format!("{what}: {NOT_ENFORCED}; plugins run in the host's process"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_enforced_is_told_once() {
        let told = note(["net", "secrets:openai", "fs", "net"]);
        assert_eq!(
            told.as_deref(),
            Some("`fs` and `net`: declared, not enforced; plugins run in the host's process")
        );
        assert_eq!(note(["secrets:openai"]), None);
        assert_eq!((asked(["fs", "net"]), asked([])), ("asks for fs, net".to_owned(), String::new()));
    }
}
