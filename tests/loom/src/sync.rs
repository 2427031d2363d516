//! The model's primitives under the names that the kernel uses.

pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicUsize, fence};
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};
pub(crate) use std::sync::PoisonError;
pub(crate) use std::sync::atomic::{Ordering, compiler_fence};

macro_rules! shared {
    ($($(#[$comment:meta])* static $name:ident: $type:ty = $value:expr;)*) => {
        loom::lazy_static! { $($(#[$comment])* static ref $name: $type = $value;)* }
    };
}

macro_rules! per_thread {
    ($($(#[$comment:meta])* static $name:ident: $type:ty = $value:expr;)*) => {
        loom::thread_local! { $($(#[$comment])* static $name: $type = $value;)* }
    };
}

pub(crate) use {per_thread, shared};
