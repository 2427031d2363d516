//! [`Maybe`], the `Option` of contracts.

use abi_stable::StableAbi;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value or its absence: what `Option` is elsewhere, in a layout that every build agrees on.
///
/// An absent field is left out of the encoded form, and a missing one decodes as absent.
///
/// ```
/// use transom_plugin_api::Maybe;
///
/// let title: Maybe<u32> = Some(3).into();
/// assert_eq!(title.into_option(), Some(3));
/// if let Maybe::Some(number) = title {
///     assert_eq!(number, 3);
/// }
/// ```
#[repr(C, u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, StableAbi)]
pub enum Maybe<T> {
    /// There is none.
    #[default]
    None,
    /// There is one.
    Some(T),
}

impl<T> Maybe<T> {
    /// Whether there is a value.
    #[must_use]
    pub const fn is_some(&self) -> bool {
        matches!(self, Self::Some(_))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        !self.is_some()
    }

    /// The std type, which has all the combinators.
    #[must_use]
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Some(value) => Some(value),
            Self::None => None,
        }
    }

    /// A borrowed look as the std type.
    #[must_use]
    pub const fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Some(value) => Some(value),
            Self::None => None,
        }
    }

    /// A mutable look as the std type.
    #[must_use]
    pub const fn as_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Some(value) => Some(value),
            Self::None => None,
        }
    }

    /// Takes the value out and leaves none.
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_option()
    }
}

impl<T> Maybe<T> {
    /// As [`Option::map`].
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Maybe<U> {
        self.into_option().map(change).into()
    }

    /// As [`Option::and_then`].
    pub fn and_then<U>(self, change: impl FnOnce(T) -> Option<U>) -> Maybe<U> {
        self.into_option().and_then(change).into()
    }

    /// As [`Option::unwrap_or`].
    pub fn unwrap_or(self, default: T) -> T {
        self.into_option().unwrap_or(default)
    }

    /// As [`Option::unwrap_or_else`].
    pub fn unwrap_or_else(self, default: impl FnOnce() -> T) -> T {
        self.into_option().unwrap_or_else(default)
    }

    /// As [`Option::unwrap_or_default`].
    pub fn unwrap_or_default(self) -> T
    where
        T: Default,
    {
        self.into_option().unwrap_or_default()
    }
}

impl<T: PartialEq> PartialEq<Option<T>> for Maybe<T> {
    fn eq(&self, other: &Option<T>) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl From<&str> for Maybe<super::Text> {
    fn from(value: &str) -> Self {
        Self::Some(value.into())
    }
}

impl<T: std::ops::Deref> Maybe<T> {
    /// A borrowed look at what the value derefs to: `Maybe<Text>` gives `Option<&str>`.
    pub fn as_deref(&self) -> Option<&T::Target> {
        self.as_ref().map(|value| &**value)
    }
}

impl<T> From<Option<T>> for Maybe<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Self::Some)
    }
}

impl<T> From<Maybe<T>> for Option<T> {
    fn from(value: Maybe<T>) -> Self {
        value.into_option()
    }
}

impl<T> From<T> for Maybe<T> {
    fn from(value: T) -> Self {
        Self::Some(value)
    }
}

impl<T: Serialize> Serialize for Maybe<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}
