//! A reaper that looks when it is told to, so that the model has no thread that never ends.

use std::sync::{Arc, Mutex};

use crate::snapshot::Retired;

/// Keeps what was retired until [`look`](Self::look).
#[derive(Clone, Default)]
pub(crate) struct Reaper(Arc<Mutex<Vec<Retired>>>);

impl Reaper {
    pub(crate) fn retire(&self, retired: Retired) {
        self.0.lock().expect("the model runs one thread at a time").push(retired);
    }

    /// Drops what nobody reads.
    pub(crate) fn look(&self) {
        let retired = std::mem::take(&mut *self.0.lock().expect("the model runs one thread at a time"));
        for retired in retired {
            if retired.is_read() {
                self.retire(retired);
            } else {
                // SAFETY: it was just found not to be read.
                unsafe { retired.drop_value() }
            }
        }
    }
}
