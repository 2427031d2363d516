//! The locks that the model of all interleavings replaces by its own; see `tests/loom`.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
