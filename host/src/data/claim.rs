//! [`Claim`]: the lock file by which a process holds a data folder, and whether that is still the one at its path.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use transom_plugin_api::sabotage::sabotaged;

/// Whoever only looks whether a host runs has the lock for a moment.
const TRIES: usize = 4;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Which file is locked, by its place and by what it is.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Claim {
    pub(super) fn of(path: PathBuf, lock: &File) -> io::Result<Self> {
        let found = lock.metadata()?;
        Ok(Self { path, device: found.dev(), inode: found.ino() })
    }

    /// Whether the path leads to another lock file now, or to none: then another host can have the folder, and what is written
    /// by name goes to it. A folder that cannot be looked at just now is not lost.
    pub(crate) fn is_lost(&self) -> bool {
        match std::fs::metadata(&self.path) {
            _ if sabotaged("stay-in-a-folder-that-is-gone") => false,
            Ok(found) => (found.dev(), found.ino()) != (self.device, self.inode),
            Err(error) => matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
        }
    }

    /// What is told of a folder that is lost.
    pub(crate) fn told_lost(&self) -> String {
        let folder = self.path.parent().unwrap_or(&self.path).display();
        format!(
            "error: the data folder `{folder}` was removed or replaced while the host ran on it; the host ends, since nothing could be kept"
        )
    }
}

/// Takes the lock; answers whether nobody else has it.
pub(super) fn take(lock: &File) -> io::Result<bool> {
    for attempt in 1..=TRIES {
        match lock.try_lock() {
            _ if sabotaged("share-the-data-folder") => return Ok(true),
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if attempt < TRIES => std::thread::sleep(TRY_AGAIN_AFTER),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

/// Writes whose lock it is.
pub(super) fn sign(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

/// Who has signed it.
pub(super) fn pid_in(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
