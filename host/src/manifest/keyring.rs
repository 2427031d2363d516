//! Secrets in the kernel's key retention service: what `keyring:NAME` leads to.
//!
//! A key of type `user` with the description `transom:NAME` is looked for in the persistent keyring of the host's user, then in
//! the user session keyring, which has the user keyring (`@u`) in it. It lives in the kernel's memory and is gone with the last of them, at
//! the latest when the machine is shut down. The stores of desktops (Secret Service) are not asked yet.

use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};

/// Begins the description of every key.
const PREFIX: &str = "transom:";
/// The longest name, in characters.
const LONGEST_NAME: usize = 64;
/// More than the kernel takes of such a key.
const LONGEST_KEY: usize = 64 * 1024;

/// The operation that Linux does not know, as an error number.
const ENOSYS: i32 = libc::ENOSYS;

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lacking {
    /// Nobody has put it there.
    NotThere,
    /// It is there, and has expired or was revoked.
    Over,
    /// The system lets nobody ask, or not this user: containers often do not.
    Forbidden,
    /// Something else; the number that the system gave, 0 when it gave none.
    Failed(i32),
}

/// What a key is called in the kernel.
pub(super) fn description(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// Whether a key can be called that: 1 to 64 characters of A–Z a–z 0–9 - _ .
pub(super) fn is_key_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// The key of that name.
///
/// # Errors
/// Why there is none.
pub(super) fn key(name: &str) -> Result<Vec<u8>, Lacking> {
    let mut lacking = Lacking::NotThere;
    for attach in [persistent, user_session] {
        match attach().and_then(|keyring| read(keyring, &description(name))) {
            Ok(key) => return Ok(key),
            // What is wrong with a key that is there is worth more than that there is none elsewhere.
            Err(error) if lacking == Lacking::NotThere => lacking = error.into(),
            Err(_) => {}
        }
    }
    Err(lacking)
}

/// Who reads a key has to possess it, by a way from one of its own keyrings. The session of a service often has none to
/// its user's, so the thread's is put in between.
fn persistent() -> Result<KeyRing, KeyError> {
    match KeyRing::get_persistent(KeyRingIdentifier::Thread) {
        // Kernels can be built without them.
        Err(KeyError::OperationNotSupported) => Err(KeyError::KeyDoesNotExist),
        found => found,
    }
}

fn user_session() -> Result<KeyRing, KeyError> {
    let keyring = KeyRing::from_special_id(KeyRingIdentifier::UserSession, false)?;
    KeyRing::from_special_id(KeyRingIdentifier::Thread, true)?.link_keyring(keyring)?;
    Ok(keyring)
}

/// Reads the key, and takes the keyring away from the thread again.
fn read(keyring: KeyRing, description: &str) -> Result<Vec<u8>, KeyError> {
    let found = keyring.search(description).and_then(|key| {
        let mut bytes = vec![0; LONGEST_KEY];
        let length = key.read(&mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    });
    // Nothing follows from a link that stays: it goes with the thread.
    let _ = KeyRing::from_special_id(KeyRingIdentifier::Thread, false)
        .and_then(|thread| thread.unlink_keyring(keyring));
    found
}

impl From<KeyError> for Lacking {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::KeyDoesNotExist | KeyError::KeyringDoesNotExist | KeyError::MissingFileOrDirectory => {
                Self::NotThere
            }
            KeyError::KeyExpired | KeyError::KeyRevoked | KeyError::KeyRejected => Self::Over,
            KeyError::AccessDenied | KeyError::PermissionDenied | KeyError::Unknown(ENOSYS) => {
                Self::Forbidden
            }
            KeyError::Unknown(number) => Self::Failed(number),
            _ => Self::Failed(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key for one test, in the user keyring as `keyctl add user transom:NAME … @u` puts it there.
    struct Added {
        name: String,
        key: linux_keyutils::Key,
    }

    impl Added {
        /// `None`, and said so, where this system lets nobody have keys.
        fn add(name: &str, secret: &str) -> Option<Self> {
            let name = format!("test-{}-{name}", std::process::id());
            let ring = KeyRing::from_special_id(KeyRingIdentifier::User, true);
            match ring.and_then(|ring| ring.add_key(&description(&name), secret)) {
                Ok(key) => Some(Self { name, key }),
                Err(error) if Lacking::from(error) == Lacking::Forbidden => {
                    eprintln!("skipped: this system forbids the kernel's keyrings ({error:?})");
                    None
                }
                Err(error) => panic!("the key cannot be added: {error:?}"),
            }
        }
    }

    impl Drop for Added {
        fn drop(&mut self) {
            if let Ok(ring) = KeyRing::from_special_id(KeyRingIdentifier::User, false) {
                let _ = ring.unlink_key(self.key);
            }
        }
    }

    #[test]
    fn a_key_that_was_put_into_the_user_keyring_is_found() {
        let Some(added) = Added::add("found", "s3cret") else { return };
        assert_eq!(key(&added.name), Ok(b"s3cret".to_vec()));
        assert_eq!(key(&added.name), Ok(b"s3cret".to_vec()), "as often as one likes");
    }

    #[test]
    fn each_thread_finds_it() {
        let Some(added) = Added::add("threads", "s3cret") else { return };
        let name = added.name.clone();
        let found = std::thread::spawn(move || key(&name)).join().expect("it does not panic");
        assert_eq!(found, Ok(b"s3cret".to_vec()));
    }

    #[test]
    fn a_key_that_nobody_has_put_there_is_not_there() {
        let lacking = key(&format!("test-{}-nobody", std::process::id())).expect_err("nobody has");
        assert!(matches!(lacking, Lacking::NotThere | Lacking::Forbidden), "{lacking:?}");
    }

    #[test]
    fn a_key_that_was_revoked_is_told_from_one_that_is_not_there() {
        let Some(added) = Added::add("revoked", "s3cret") else { return };
        added.key.revoke().expect("it is ours");
        assert_eq!(key(&added.name), Err(Lacking::Over));
    }

    #[test]
    fn what_the_system_says_is_put_into_classes() {
        for (error, expected) in [
            (KeyError::KeyDoesNotExist, Lacking::NotThere),
            (KeyError::KeyExpired, Lacking::Over),
            (KeyError::PermissionDenied, Lacking::Forbidden),
            (KeyError::AccessDenied, Lacking::Forbidden),
            (KeyError::Unknown(libc::ENOSYS), Lacking::Forbidden),
            (KeyError::Unknown(libc::EIO), Lacking::Failed(libc::EIO)),
        ] {
            assert_eq!(Lacking::from(error), expected, "{error:?}");
        }
    }

    #[test]
    fn a_name_is_a_word() {
        assert!(["a", "open-ai_2.x", &"x".repeat(64)].into_iter().all(is_key_name));
        assert!(!["", "a b", "a:b", "ä", "a\0", &"x".repeat(65)].into_iter().any(is_key_name));
    }
}
