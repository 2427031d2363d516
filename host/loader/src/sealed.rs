//! Sealed memory: a file without a place, whose bytes nobody can change any more.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use transom_plugin_api::sabotage::sabotaged;

/// Memory that holds exactly `bytes`, for as long as somebody has it open or mapped. `name` shows in the system's lists.
pub(crate) fn memory_of(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Newer systems want to be told that it is to hold code; older ones do not know the flag.
    let memory = match memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => memfd_create(name, flags),
        made => made,
    };
    let mut memory = File::from(memory?);
    memory.write_all(bytes)?;
    if !sabotaged("leave-memory-open") {
        fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    }
    Ok(memory.into())
}

/// A name in a folder for what is open without one; gone when it is dropped.
pub(crate) struct Link {
    pub(crate) path: PathBuf,
}

impl Link {
    /// # Errors
    /// When there is such a name already, or the system does not show what is open under `/proc`.
    pub(crate) fn to(open: &impl AsFd, path: PathBuf) -> io::Result<Self> {
        symlink(format!("/proc/self/fd/{}", open.as_fd().as_raw_fd()), &path)?;
        let link = Self { path };
        fs::metadata(&link.path)?;
        Ok(link)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // When it stays it leads nowhere, and the folder is emptied by the next host.
        let _ = fs::remove_file(&self.path);
    }
}

/// The name of such memory in `/proc/self/maps`.
pub(crate) fn mapping_of(name: &str) -> PathBuf {
    Path::new("/").join(format!("memfd:{name} (deleted)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_memory_holds_the_bytes_and_nobody_can_change_them() {
        let memory = memory_of("transom-parrot-1", b"polly").expect("it is made");
        let folder = tempfile::tempdir().expect("a folder");
        let link = Link::to(&memory, folder.path().join("parrot.so")).expect("it is shown");
        assert_eq!(fs::read(&link.path).expect("it can be read"), b"polly");
        let mut again = File::options().write(true).open(&link.path).expect("it can be opened");
        for refused in [again.write_all(b"jolly"), again.set_len(2), again.set_len(9)] {
            assert_eq!(refused.map_err(|error| error.kind()), Err(io::ErrorKind::PermissionDenied));
        }
        assert_eq!(fcntl_add_seals(&memory, SealFlags::FUTURE_WRITE), Err(Errno::PERM), "for good");
        assert_eq!(fs::read(&link.path).expect("it can be read"), b"polly");
    }

    #[test]
    fn a_link_takes_no_name_that_is_there_and_leaves_none() {
        let memory = memory_of("transom-parrot-1", b"polly").expect("it is made");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("parrot.so");
        let link = Link::to(&memory, path.clone()).expect("it is shown");
        let second = Link::to(&memory, path.clone()).err().map(|error| error.kind());
        assert_eq!(second, Some(io::ErrorKind::AlreadyExists));
        assert!(path.is_symlink(), "whoever comes second takes nothing away");
        drop(link);
        assert!(!path.is_symlink());
    }
}
