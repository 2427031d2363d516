//! Capabilities: what a plugin may ask an operator to grant, as a closed list.
//!
//! | capability | what it covers | who sees to it |
//! |---|---|---|
//! | `net` | sockets | nobody: declared, not enforced |
//! | `fs` | files outside of the plugin's [data folder](crate::Host::data_folder) | nobody: declared, not enforced |
//! | `process` | starting processes | nobody: declared, not enforced |
//! | `secrets:NAME` | [`Host::secret`](crate::Host::secret) of that name | the kernel, whenever the secret is asked for |
//!
//! They stand in the plugin's export, and the operator repeats them in the manifest. Anything else does not compile:
//!
//! ```compile_fail,E0080
//! use transom_plugin_api::prelude::*;
//!
//! /// Draws.
//! #[derive(Settings)]
//! struct Painter;
//!
//! impl Plugin for Painter {
//!     type Ports = ();
//!     async fn start(self, (): (), _: Host) -> Result<(), StartError> {
//!         Ok(())
//!     }
//! }
//!
//! export_plugin!(Painter, id = "painter", capabilities = ["gpu"]);
//! # fn main() {}
//! ```

/// The capabilities without a name of their own. They tell the operator what a plugin is about to do; nothing keeps a
/// plugin in the host's process from doing the same without them.
pub const POWERS: [&str; 3] = ["fs", "net", "process"];

/// What stands before the name of a secret.
pub const SECRETS: &str = "secrets:";

/// The longest name of a secret, in bytes.
const LONGEST_NAME: usize = 64;

/// The capabilities there are, in words.
pub const KNOWN: &str = "`fs`, `net`, `process` and `secrets:NAME`";

/// Whether `text` is a capability.
#[must_use]
pub const fn is_capability(text: &str) -> bool {
    let mut index = 0;
    while index < POWERS.len() {
        if is_same(text.as_bytes(), POWERS[index].as_bytes()) {
            return true;
        }
        index += 1;
    }
    match secret_of(text) {
        Some(name) => is_secret_name(name),
        None => false,
    }
}

/// Whether `text` is one of those that are declared and not enforced.
#[must_use]
pub fn is_power(text: &str) -> bool {
    POWERS.contains(&text)
}

/// What stands behind `secrets:`, when `capability` begins so.
#[must_use]
pub const fn secret_of(capability: &str) -> Option<&str> {
    if capability.len() < SECRETS.len() || !capability.is_char_boundary(SECRETS.len()) {
        return None;
    }
    let (head, name) = capability.split_at(SECRETS.len());
    if is_same(head.as_bytes(), SECRETS.as_bytes()) { Some(name) } else { None }
}

/// Whether `text` can be the name of a secret: lower-case words of letters and digits joined by `-`, at most 64
/// characters.
#[must_use]
pub const fn is_secret_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > LONGEST_NAME {
        return false;
    }
    let mut is_within_word = false;
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'a'..=b'z' | b'0'..=b'9' => is_within_word = true,
            b'-' if is_within_word => is_within_word = false,
            _ => return false,
        }
        index += 1;
    }
    is_within_word
}

/// For the export macro: the list as it is, when it is one.
#[must_use]
pub const fn checked(capabilities: &'static [&'static str]) -> &'static [&'static str] {
    let mut index = 0;
    while index < capabilities.len() {
        assert!(
            is_capability(capabilities[index]),
            "a capability is `fs`, `net`, `process` or `secrets:NAME`, the name being lower-case words joined by `-`"
        );
        let mut earlier = 0;
        while earlier < index {
            let is_new = !is_same(capabilities[earlier].as_bytes(), capabilities[index].as_bytes());
            assert!(is_new, "a capability is asked for once");
            earlier += 1;
        }
        index += 1;
    }
    capabilities
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_closed() {
        for known in ["net", "fs", "process", "secrets:openai", "secrets:a-1", "secrets:0"] {
            assert!(is_capability(known), "{known}");
        }
        let long = format!("secrets:{}", "a".repeat(65));
        for unknown in [
            "",
            "nett",
            "Net",
            "net ",
            "network",
            "secrets",
            "secrets:",
            "secrets:-a",
            "secrets:a-",
            "secrets:a--b",
            "secrets:A",
            "secrets:a_b",
            "secrets:a/b",
            "secrets:ä",
            "sécrets:a",
            &long,
        ] {
            assert!(!is_capability(unknown), "{unknown}");
        }
    }

    #[test]
    fn a_list_that_is_one_stays_as_it_is() {
        assert_eq!(checked(&["net", "secrets:openai"]), ["net", "secrets:openai"]);
        assert_eq!(secret_of("secrets:openai"), Some("openai"));
        assert_eq!(secret_of("net"), None);
    }

    #[test]
    #[should_panic(expected = "a capability is `fs`, `net`, `process` or `secrets:NAME`")]
    fn a_capability_that_is_none_does_not_compile() {
        let _ = checked(&["net", "gpu"]);
    }

    #[test]
    #[should_panic(expected = "a capability is asked for once")]
    fn a_capability_is_asked_for_once() {
        let _ = checked(&["net", "fs", "net"]);
    }

    #[test]
    fn the_words_name_every_power() {
        assert!(POWERS.iter().all(|power| KNOWN.contains(&format!("`{power}`"))));
        assert!(POWERS.is_sorted());
    }
}
