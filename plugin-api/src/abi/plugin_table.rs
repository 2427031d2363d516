//! What a host may ask of a plugin, and how it finds the plugin in a file.

use std::mem::MaybeUninit;

use abi_stable::StableAbi;
use abi_stable::library::{LibHeader, RootModule};
use abi_stable::sabi_types::VersionStrings;

pub use abi_stable::library::AbiHeaderRef;

use super::host_table::{FailurePlace, HostTableRef};
use super::{RStr, Step};
use crate::CallError;

/// Every plugin file exports one data symbol of this name followed by its id, with `_` for `-`.
pub const SYMBOL_PREFIX: &str = "transom_plugin_";

/// The functions of a plugin.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginTableRef)))]
#[sabi(missing_field(panic))]
pub struct PluginTable {
    /// The descriptor's JSON: the same bytes that stand in the file's section.
    pub describe: extern "C" fn() -> RStr<'static>,
    /// Starts the plugin with its settings as JSON: [`READY`](super::READY) or [`FAILED`](super::FAILED). Blocks;
    /// called once per activation, on a thread of its own, which has entered the host's runtime.
    pub start: unsafe extern "C" fn(RawHost, RStr<'_>, FailurePlace) -> Step,
    /// Ends what the image keeps between activations, such as its runtime's threads. Called when an activation is over
    /// and nothing of it runs; blocks for a second at most. Another `start` may follow.
    #[sabi(last_prefix_field)]
    pub rest: extern "C" fn(),
}

impl PluginTable {
    /// Makes the table last as long as the process.
    #[must_use]
    pub fn leak(self) -> PluginTableRef {
        use abi_stable::prefix_type::PrefixTypeTrait;
        self.leak_into_prefix()
    }
}

impl RootModule for PluginTableRef {
    abi_stable::declare_root_module_statics! {PluginTableRef}
    const BASE_NAME: &'static str = "transom_plugin";
    const NAME: &'static str = "transom_plugin";
    // The revision of the ABI, not the version of this crate: a new release of the crate refuses nobody.
    const VERSION_STRINGS: VersionStrings = VersionStrings { version: RStr::from_str("1.0.0") };
}

/// A seat and the functions to use it with.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawHost {
    /// The host's record of this activation; this value is one holder of it.
    pub seat: *const (),
    /// What can be done with it.
    pub table: HostTableRef,
}

/// The entry of one plugin, before any check.
pub type Header = LibHeader;

/// Reads the entry of a linked plugin; a dylib's is reached through [`AbiHeaderRef::upgrade`].
///
/// # Errors
/// When the header or the layout of the tables differ; the text is `abi_stable`'s and long.
pub fn open_header(header: &'static Header) -> Result<PluginTableRef, String> {
    header.init_root_module::<PluginTableRef>().map_err(|error| error.to_string())
}

/// Reads the entry found under a plugin's symbol in a loaded file.
///
/// # Errors
/// When header, version or layout differ; the text is `abi_stable`'s and long.
///
/// # Safety
/// `symbol` is the address of a plugin's exported header, in an image that is never unmapped.
pub unsafe fn open_symbol(symbol: *const ()) -> Result<PluginTableRef, String> {
    // SAFETY: the macro exports a `LibHeader`, which begins with the `AbiHeader` that this reads and checks.
    let header = unsafe { *(&raw const symbol).cast::<AbiHeaderRef>() };
    let header = header.upgrade().map_err(|error| error.to_string())?;
    open_header(header)
}

/// For the export macro: a header whose tables are built by `constructor`.
///
/// # Safety
/// `constructor` returns what [`root_module`] made.
#[must_use]
pub const unsafe fn header(constructor: extern "C" fn() -> abi_stable::library::RootModuleResult) -> Header {
    // SAFETY: by this function's contract the constructor's table is a `PluginTableRef`.
    unsafe {
        LibHeader::from_constructor::<PluginTableRef>(constructor, abi_stable::library::CheckTypeLayout::Yes)
    }
}

/// For the export macro: wraps the tables for [`header`].
#[must_use]
pub fn root_module(table: fn() -> PluginTableRef) -> abi_stable::library::RootModuleResult {
    abi_stable::library::__call_root_module_loader(table)
}

/// A place for a failure that has not happened.
#[must_use]
pub const fn no_failure() -> MaybeUninit<CallError> {
    MaybeUninit::uninit()
}
