//! [`Stamp`]: by what a file is known to be the one that was read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_std::fs::{Metadata, MetadataExt};

/// How much later than its last change a file must have been read, so that another change cannot have left the same time: the coarsest
/// clock that a file system has.
const TICK: Duration = Duration::from_secs(2);

/// Which file it is, and when it was changed last. The time is the one that nobody can set (`ctime`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    file: (u64, u64),
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether what was read at that time is still there when the file has this stamp. One that was changed just before it was read may have
    /// been changed once more within the same tick of the clock: it is read again.
    pub(crate) fn vouches(&self, read_at: SystemTime) -> bool {
        let (seconds, nanos) = self.changed;
        let changed = u64::try_from(seconds).ok().zip(u32::try_from(nanos).ok());
        let changed =
            changed.and_then(|(seconds, nanos)| UNIX_EPOCH.checked_add(Duration::new(seconds, nanos)));
        changed.and_then(|changed| changed.checked_add(TICK)).is_some_and(|settled| settled < read_at)
    }
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;

    use super::*;

    #[test]
    fn a_file_that_was_just_changed_is_not_vouched_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("a"), "x").expect("written");
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("it is there");
        let stamp = Stamp::of(&dir.metadata("a").expect("it is there"));
        let now = SystemTime::now();
        assert!(!stamp.vouches(now));
        assert!(!stamp.vouches(UNIX_EPOCH), "a clock that was set back vouches for nothing");
        assert!(stamp.vouches(now + TICK + Duration::from_secs(1)));
        assert!(!Stamp { changed: (i64::MAX, 0), ..stamp }.vouches(now));
        assert!(!Stamp { changed: (-1, -1), ..stamp }.vouches(now));
    }
}
