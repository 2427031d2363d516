//! [`Shared`], the `Arc` of contracts.

use std::fmt;
use std::ops::Deref;

use abi_stable::StableAbi;
use abi_stable::std_types::RArc;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One value with many owners: cloning it copies a pointer.
///
/// For the large, rarely changed part of a payload, such as a conversation's history inside a filter contract.
///
/// ```
/// use transom_plugin_api::Shared;
///
/// let mut history = Shared::new(vec![1, 2]);
/// let before = history.clone();
/// history.to_mut().push(3);
/// assert_eq!((before.len(), history.len()), (2, 3));
/// ```
#[repr(transparent)]
#[derive(StableAbi)]
pub struct Shared<T>(RArc<T>);

impl<T> Shared<T> {
    /// Moves `value` to a place of its own.
    pub fn new(value: T) -> Self {
        Self(RArc::new(value))
    }

    /// The value, or a clone of it when others hold it too.
    #[must_use]
    pub fn into_inner(self) -> T
    where
        T: Clone,
    {
        RArc::try_unwrap(self.0).unwrap_or_else(|shared| (*shared).clone())
    }

    /// A mutable look; the value is cloned first when others hold it too.
    pub fn to_mut(&mut self) -> &mut T
    where
        T: Clone,
    {
        RArc::make_mut(&mut self.0)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}
