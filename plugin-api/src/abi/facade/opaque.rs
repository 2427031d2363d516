//! [`Opaque`], what a growing enum does not know.

use abi_stable::StableAbi;
use serde::{Serialize, Serializer};

use super::{Json, Shared, Text};
use crate::contract::Fingerprint;

/// A variant that this copy of a growing enum does not know: its tag, and its encoded content as it was read.
///
/// Only reading makes one, and writing it gives back exactly what was read. So a relay passes on what it does not
/// understand. See [`contract`](macro@crate::contract). It is as large as two pointers, so that an enum of words stays small.
#[repr(transparent)]
#[derive(Clone, Debug, PartialEq, StableAbi)]
pub struct Opaque(Shared<Kept>);

/// What all clones share.
#[doc(hidden)]
#[repr(C)]
#[derive(Clone, Debug, PartialEq, StableAbi)]
pub struct Kept {
    tag: Text,
    content: Json,
}

// Texts are, and so is what is made of them.
impl Eq for Opaque {}

impl Opaque {
    /// Its part in the fingerprint of an enum that grows.
    #[doc(hidden)]
    pub const FINGERPRINT: Fingerprint =
        Fingerprint::begin("facade", "Opaque", size_of::<Self>(), align_of::<Self>());

    pub(crate) fn new(tag: Text, content: Json) -> Self {
        Self(Shared::new(Kept { tag, content }))
    }

    /// What the variant is called in the encoded form, such as `rate-limited`.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.0.tag
    }

    /// The whole encoded value, its tag included: an object, or a text where the enum's variants have no fields.
    #[must_use]
    pub fn content(&self) -> &Json {
        &self.0.content
    }
}

impl Serialize for Opaque {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.content.serialize(serializer)
    }
}
