//! [`Text`], the `String` of contracts.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::{AddAssign, Deref};

use abi_stable::StableAbi;
use abi_stable::std_types::RString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Owned UTF-8 text: what `String` is elsewhere, in a layout that every build agrees on.
///
/// It derefs to [`str`], so everything that reads a string reads it too.
///
/// ```
/// use transom_plugin_api::Text;
///
/// let mut greeting = Text::from("good");
/// greeting.push_str(" morning");
/// assert_eq!(greeting, "good morning");
/// assert!(greeting.starts_with("good"));
/// assert_eq!(String::from(greeting), "good morning");
/// ```
#[repr(transparent)]
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, StableAbi)]
pub struct Text(RString);

impl Text {
    /// Empty text; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(RString::new())
    }

    /// The text as a borrowed string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Appends `tail`.
    pub fn push_str(&mut self, tail: &str) {
        self.0.push_str(tail);
    }

    /// Appends one character.
    pub fn push(&mut self, character: char) {
        self.0.push(character);
    }

    /// Makes the text empty and keeps its memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Turns it into the std type. Moves the memory where both sides share an allocator, copies otherwise.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0.into_string()
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        self.0.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<std::path::Path> for Text {
    fn as_ref(&self) -> &std::path::Path {
        std::path::Path::new(self.as_str())
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.push_str(s);
        Ok(())
    }
}

impl AddAssign<&str> for Text {
    fn add_assign(&mut self, tail: &str) {
        self.push_str(tail);
    }
}

impl From<&str> for Text {
    fn from(value: &str) -> Self {
        Self(RString::from(value))
    }
}

impl From<&String> for Text {
    fn from(value: &String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<String> for Text {
    fn from(value: String) -> Self {
        Self(RString::from(value))
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(value: Cow<'_, str>) -> Self {
        Self::from(value.into_owned())
    }
}

impl From<char> for Text {
    fn from(value: char) -> Self {
        Self::from(value.encode_utf8(&mut [0; 4]) as &str)
    }
}

impl From<Text> for String {
    fn from(value: Text) -> Self {
        value.into_string()
    }
}

impl From<&Text> for String {
    fn from(value: &Text) -> Self {
        value.as_str().to_owned()
    }
}

impl From<&Text> for Text {
    fn from(value: &Text) -> Self {
        value.clone()
    }
}

impl FromIterator<char> for Text {
    fn from_iter<I: IntoIterator<Item = char>>(characters: I) -> Self {
        Self::from(characters.into_iter().collect::<String>())
    }
}

impl<'a> FromIterator<&'a str> for Text {
    fn from_iter<I: IntoIterator<Item = &'a str>>(pieces: I) -> Self {
        Self::from(pieces.into_iter().collect::<String>())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<Text> for str {
    fn eq(&self, other: &Text) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Text> for &str {
    fn eq(&self, other: &Text) -> bool {
        *self == other.as_str()
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
