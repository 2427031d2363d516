//! [`SecretText`], a text that no log shows.

use std::fmt;

use abi_stable::StableAbi;
use serde::{Deserialize, Serialize};

use super::Text;
use crate::Secret;

/// A key or a password on its way from one plugin to another: as a [`Text`], but its `Debug` form shows nothing of it.
///
/// ```
/// use transom_plugin_api::SecretText;
///
/// let key = SecretText::from("s3cret");
/// assert_eq!(key.expose(), "s3cret");
/// assert_eq!(format!("{key:?}"), "SecretText(…)");
/// ```
#[repr(transparent)]
#[derive(Clone, Default, PartialEq, Eq, StableAbi, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(Text);

impl SecretText {
    /// The text itself. Hand it to whoever needs it, and to nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&Secret> for SecretText {
    fn from(secret: &Secret) -> Self {
        Self(secret.expose().into())
    }
}

impl From<SecretText> for Secret {
    fn from(text: SecretText) -> Self {
        Self::new(text.expose())
    }
}
