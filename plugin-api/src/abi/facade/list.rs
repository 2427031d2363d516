//! [`List`], the `Vec` of contracts.

use std::fmt;
use std::ops::{Deref, DerefMut};

use abi_stable::StableAbi;
use abi_stable::std_types::RVec;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A growable sequence: what `Vec` is elsewhere, in a layout that every build agrees on.
///
/// ```
/// use transom_plugin_api::List;
///
/// let mut primes = List::from(vec![2, 3, 5]);
/// primes.push(7);
/// assert_eq!(primes.iter().sum::<i32>(), 17);
/// assert_eq!(Vec::from(primes), [2, 3, 5, 7]);
/// ```
#[repr(transparent)]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, StableAbi)]
pub struct List<T>(RVec<T>);

impl<T> List<T> {
    /// An empty list; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(RVec::new())
    }

    /// An empty list with room for `capacity` items.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(RVec::with_capacity(capacity))
    }

    /// Appends `item`.
    pub fn push(&mut self, item: T) {
        self.0.push(item);
    }

    /// Takes the last item.
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// Puts `item` at `index` and moves what follows one place on.
    ///
    /// # Panics
    /// When `index` is greater than the length.
    pub fn insert(&mut self, index: usize, item: T) {
        self.0.insert(index, item);
    }

    /// Takes the item at `index` and closes the gap.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn remove(&mut self, index: usize) -> T {
        self.0.remove(index)
    }

    /// Keeps the items for which `keep` says so, in their order.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }

    /// Drops all items.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Drops the items behind the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Turns it into the std type.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0.into_vec()
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for List<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.0.as_slice()
    }
}

impl<T> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.0.as_mut_slice()
    }
}

impl<T> AsRef<[T]> for List<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self(RVec::from(items))
    }
}

impl<T, const N: usize> From<[T; N]> for List<T> {
    fn from(items: [T; N]) -> Self {
        Self::from(Vec::from(items))
    }
}

impl<T: Clone> From<&[T]> for List<T> {
    fn from(items: &[T]) -> Self {
        Self::from(items.to_vec())
    }
}

impl<T> From<List<T>> for Vec<T> {
    fn from(items: List<T>) -> Self {
        items.into_vec()
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::from(items.into_iter().collect::<Vec<_>>())
    }
}

impl<T> Extend<T> for List<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        self.0.extend(items);
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut List<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T: PartialEq> PartialEq<[T]> for List<T> {
    fn eq(&self, other: &[T]) -> bool {
        **self == *other
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}
