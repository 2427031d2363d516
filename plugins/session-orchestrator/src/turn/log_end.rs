//! [`LogEnd`]: how far a turn knows the log of its conversation, and whether somebody else has written there.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use transom_agent::log::{Append, Appended};
use transom_plugin_api::CallError;
use transom_plugin_api::sabotage::sabotaged;

use super::{Turn, patience};
use crate::edges::Edges;

/// The end of a log as its turn knows it. A turn is not alone: somebody may choose another title meanwhile, or sum up what was
/// said, which changes what models are shown.
#[derive(Debug, Default)]
pub(crate) struct LogEnd {
    /// 0 while it is not known.
    last_seq: AtomicI64,
    is_outdated: AtomicBool,
}

impl LogEnd {
    /// What stands from `first_seq` to `last_seq` was written by the turn.
    fn written(&self, first_seq: i64, last_seq: i64) {
        let before = self.last_seq.swap(last_seq, Ordering::Relaxed);
        if before > 0 && first_seq > before + 1 && !sabotaged("trust-the-own-past") {
            self.is_outdated.store(true, Ordering::Relaxed);
        }
    }

    /// Whether what the turn has in memory may not be what models are to be shown.
    pub(super) fn is_outdated(&self) -> bool {
        self.is_outdated.load(Ordering::Relaxed)
    }

    /// The same, and from now on it is up to date.
    pub(super) fn take_outdated(&self) -> bool {
        self.is_outdated.swap(false, Ordering::Relaxed)
    }
}

impl<E: Edges> Turn<E> {
    /// Appends, with patience.
    ///
    /// # Errors
    /// When it could not be stored.
    pub(super) async fn append(&self, append: Append) -> Result<Appended, CallError> {
        let appended = patience::append(&*self.edges, append).await?;
        self.log_end.written(appended.first_seq, appended.last_seq);
        Ok(appended)
    }

    /// Choices were made for the turn, as so many entries, the last of which is `latest_seq` unless somebody else came between.
    pub(super) fn chosen(&self, entries: i64, latest_seq: i64) {
        self.log_end.written(latest_seq - entries + 1, latest_seq);
    }
}
