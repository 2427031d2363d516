//! Finds out what a plugin is before any of its code runs.
//!
//! Reads the descriptors in a plugin's file or in the running program, and says whether this host can load them;
//! does not open a file as a library, order plugins or know a manifest.
//!
//! | step | in |
//! |---|---|
//! | bytes of a file, read once | [`PluginFile::read`] |
//! | records of its section, symbols it exports | [`Contents::of`] |
//! | what one record says | [`Descriptor`] |
//! | whether this host can load it | [`check`](check::check) |

pub mod check;

mod contents;
mod descriptor;
mod file;
mod flaw;
mod linked;
mod record;

#[cfg(test)]
mod testing;

pub use check::{Mismatch, TARGET, is_plugin_id};
pub use contents::Contents;
pub use descriptor::{Descriptor, PanicStrategy, PayloadDescriptor, PortDescriptor, symbol_of};
pub use file::PluginFile;
pub use flaw::{Flaw, ReadError};
pub use linked::{Linked, linked};
