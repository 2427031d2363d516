//! Finds out what a plugin is before any of its code runs, and then loads it.
//!
//! Reads the descriptors in a plugin's file or in the running program, says whether this host can load them, and opens
//! what was checked; does not order plugins or know a manifest.
//!
//! | step | in |
//! |---|---|
//! | bytes of a file, read once | [`PluginFile::read`] |
//! | records of its section, symbols it exports | [`Contents::of`] |
//! | what one record says | [`Descriptor`] |
//! | whether this host can load it | [`check`](check::check) |
//! | whether somebody who is trusted signed those bytes | [`PluginFile::signed_by`] |
//! | the plugin's entry, from exactly the bytes that were read | [`PluginFile::load`], [`load`] |
//! | whose code lies at an address | [`plugin_at`] |

pub mod check;

mod contents;
mod descriptor;
mod dylib;
mod file;
mod flaw;
mod images;
mod linked;
mod memory;
mod record;
mod sealed;
mod signature;

#[cfg(test)]
mod testing;

pub use check::{Mismatch, TARGET, is_plugin_id};
pub use contents::Contents;
pub use descriptor::{Descriptor, PanicStrategy, PayloadDescriptor, PortDescriptor, symbol_of};
pub use dylib::{LoadError, Loaded, Opening, load};
pub use file::PluginFile;
pub use flaw::{Flaw, ReadError};
pub use images::plugin_at;
pub use linked::{Linked, linked};
pub use memory::{return_free_memory, return_large_memory};
pub use signature::{KeyId, Signature, SignatureFlaw, TrustedKey};
