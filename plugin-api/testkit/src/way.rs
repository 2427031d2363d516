//! [`Way`]: how the kit attaches a plugin.

use transom_plugin_api::hosting::Attach;

/// Of the ways to attach a plugin, those that the kit knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Linked into the test.
    Linked,
    /// Loaded from its file.
    Dylib,
}

impl From<Way> for Attach {
    fn from(way: Way) -> Self {
        match way {
            Way::Linked => Self::Linked,
            Way::Dylib => Self::Dylib,
        }
    }
}
