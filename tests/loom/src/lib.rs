//! The kernel's lock-free and hand-over code under a model of all interleavings.
//!
//! The files are the kernel's own, compiled here a second time with the model's primitives in place of the standard
//! library's. `tests/loom/run` runs it; without `--cfg loom` there is nothing here.

#![cfg(loom)]
#![allow(dead_code, reason = "the kernel uses more of these files than the model does")]

extern crate self as transom_plugin_api;

#[path = "../../../kernel/src/bus/queue.rs"]
mod queue;
#[path = "../../../kernel/src/quiet.rs"]
mod quiet;
#[path = "../../../kernel/src/snapshot.rs"]
mod snapshot;

mod reaper;
mod sync;

/// Breaks that a test asks for, to see that the model finds them.
pub mod sabotage {
    use std::sync::Mutex;

    /// The break that is asked for.
    pub static ASKED: Mutex<Option<&'static str>> = Mutex::new(None);

    /// Whether the code is to break in this way.
    #[must_use]
    pub fn sabotaged(name: &str) -> bool {
        ASKED.lock().is_ok_and(|asked| *asked == Some(name))
    }
}

#[cfg(test)]
mod tests;
