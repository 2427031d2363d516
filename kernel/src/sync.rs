//! The primitives that a model of all interleavings replaces by its own: see `tests/loom`.

pub(crate) use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, compiler_fence, fence};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Statics, which the model makes anew for each interleaving.
macro_rules! shared {
    ($($(#[$comment:meta])* static $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[$comment])* static $name: $type = $value;)*
    };
}

/// Values of a thread, without a destructor so that reading one is a load.
macro_rules! per_thread {
    ($($(#[$comment:meta])* static $name:ident: $type:ty = $value:expr;)*) => {
        thread_local! { $($(#[$comment])* static $name: $type = const { $value };)* }
    };
}

pub(crate) use {per_thread, shared};
