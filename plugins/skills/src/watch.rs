//! [`Watch`]: tells whether anything has happened in some folders, by the kernel's own notices (inotify).
//!
//! The kernel notes what a call to it does before that call returns. So whoever asks afterwards is told of it; no thread has to come
//! around first. What it does not note: changes that are made through a mapping of a file, under another name of the same file,
//! or on another machine.

use std::os::fd::{AsRawFd, OwnedFd};

use cap_std::fs::Dir;
use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use rustix::io::ioctl_fionread;

/// Folders of one watch; the kernel has so many for all programs of a user together.
const FOLDERS: usize = 4_096;

/// A watch over some folders.
#[derive(Debug)]
pub(crate) struct Watch {
    notices: OwnedFd,
    folders: usize,
}

impl Watch {
    /// One over no folder yet; nothing where the kernel has none left.
    pub(crate) fn begin() -> Option<Self> {
        let notices = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        Some(Self { notices, folders: 0 })
    }

    /// Watches what happens to a folder, and to what stands right in it, from now on. Whether that can be.
    pub(crate) fn add(&mut self, folder: &Dir) -> bool {
        self.folders += 1;
        // By its descriptor, so that it is the folder that was opened, whatever has the path by now.
        let path = format!("/proc/self/fd/{}", folder.as_raw_fd());
        self.folders <= FOLDERS && add_watch(&self.notices, path, CHANGES).is_ok()
    }

    /// Whether nothing has happened since. The notices are left where they are, so that what has happened once has happened for
    /// everybody who asks.
    pub(crate) fn is_quiet(&self) -> bool {
        ioctl_fionread(&self.notices) == Ok(0)
    }
}

const CHANGES: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

#[cfg(test)]
mod tests {
    use std::fs;

    use cap_std::ambient_authority;

    use super::*;

    #[test]
    fn what_has_happened_is_known_at_once_and_stays_known() {
        type Change = fn(&std::path::Path);
        let changes: [Change; 6] = [
            |folder| fs::write(folder.join("a.md"), "new").expect("written"),
            |folder| fs::write(folder.join("b.md"), "").expect("written"),
            |folder| fs::remove_file(folder.join("a.md")).expect("removed"),
            |folder| fs::rename(folder.join("a.md"), folder.join("c.md")).expect("renamed"),
            |folder| fs::create_dir(folder.join("d")).expect("made"),
            |folder| fs::remove_dir_all(folder).expect("removed"),
        ];
        for change in changes {
            let folder = tempfile::tempdir().expect("a temporary folder");
            fs::write(folder.path().join("a.md"), "old").expect("written");
            let mut watch = Watch::begin().expect("the kernel has one");
            assert!(
                watch.add(&Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("it is there"))
            );
            fs::read(folder.path().join("a.md")).expect("read");
            assert!(watch.is_quiet());
            change(folder.path());
            assert!(!watch.is_quiet() && !watch.is_quiet());
        }
    }
}
