//! The stable ABI: the only module tree whose signatures name `abi_stable` types.
//!
//! Plugin authors never need it. The kernel and the loader do: what a plugin and its host say to each other is
//! spelled here, table by table. Everything is `extern "C"`, every function that enters a plugin is guarded in
//! the plugin's own image, and every value is freed by the image that made it.
//!
//! | file | what crosses |
//! |---|---|
//! | `document` | a value as a document |
//! | `facade` | the field types of contracts |
//! | `payload` | how a payload is cloned, encoded and dropped by someone who does not know its type |
//! | `task` | futures and streams: started and first polled in one call, then polled in place |
//! | `handover` | what one generation leaves to the next |
//! | `host_table` | what a plugin may ask of its host |
//! | `plugin_table` | what a host may ask of a plugin |
//! | `trace` | spans and events of a plugin's log |

use std::time::Duration;

pub mod document;
pub mod facade;
pub mod guard;
pub(crate) mod handover;
pub mod host_table;
pub mod payload;
pub mod plugin_table;
pub mod task;
pub mod trace;

pub use abi_stable::std_types::{RSlice, RStr, RVec};

/// Revision of everything in this tree. Two sides with different revisions never meet: the loader compares
/// the number in the descriptor before it opens a file.
pub const ABI_REVISION: u32 = 1;

/// Its address tells whether two pieces of code live in the same image: a dylib has a copy of its own.
pub static IMAGE: u8 = 0;

/// What a call across the border answers, besides what it wrote.
pub type Step = u8;
/// Not finished; the waker will be woken. A started call has written its task.
pub const PENDING: Step = 0;
/// Finished; the output was written.
pub const READY: Step = 1;
/// Finished; the failure was written instead of an output.
pub const FAILED: Step = 2;
/// A stream has no further item; nothing was written.
pub const ENDED: Step = 3;

/// A limit of time as it crosses the border: nanoseconds, or 0 where there is none.
#[must_use]
#[inline]
pub fn limit(nanos: u64) -> Option<Duration> {
    (nanos > 0).then(|| Duration::from_nanos(nanos))
}
