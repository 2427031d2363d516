//! Puts a file in place as a whole: whoever reads it sees the old content or the new, never a part.

use std::io::{self, Write};
use std::os::unix::fs::fchown;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{
    Dir, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt,
};

use crate::desk::Gone;
use crate::folder::Place;

/// Why the old content is still there.
#[derive(Debug)]
pub(crate) enum Unplaced {
    /// Somebody else made a file under the free name, or changed the one that was read.
    Overtaken,
    /// Nobody waits for it any more.
    Abandoned,
    /// The system said no.
    Failed(io::Error),
}

impl From<io::Error> for Unplaced {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Writes `content` beside the place, makes it durable, and moves it there in one step. A file that stands there
/// keeps its mode and, where the system allows it, its owner.
pub(crate) fn put(place: &Place, content: &[u8], gone: Gone<'_>) -> Result<(), Unplaced> {
    let mut draft = Draft::beside(&place.dir, place.metadata.is_some())?;
    draft.file.write_all(content)?;
    if let Some(before) = &place.metadata {
        // Only the system's administrator may give files away; for others the file becomes theirs.
        let _ = fchown(&draft.file, Some(before.uid()), Some(before.gid()));
        draft.file.set_permissions(Permissions::from_mode(before.mode() & 0o777))?;
    }
    draft.file.sync_all()?;
    if gone() {
        return Err(Unplaced::Abandoned);
    }
    if place.metadata.is_none() {
        return appear(draft, place);
    }
    if !is_as_it_was(place) {
        return Err(Unplaced::Overtaken);
    }
    Ok(draft.rename_to(place)?)
}

// A free name is linked, not renamed to: a link never replaces what came meanwhile. The draft's own name then goes.
fn appear(draft: Draft<'_>, place: &Place) -> Result<(), Unplaced> {
    match draft.dir.hard_link(&draft.name, &place.dir, &place.name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Unplaced::Overtaken),
        // Some file systems know no links.
        Err(_) => Ok(draft.rename_to(place)?),
        Ok(()) => Ok(()),
    }
}

fn is_as_it_was(place: &Place) -> bool {
    let now = place.dir.symlink_metadata(&place.name);
    let stamp =
        |metadata: &Metadata| (metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    now.ok().as_ref().map(stamp) == place.metadata.as_ref().map(stamp)
}

/// A new file that goes away again unless it was moved to its place.
struct Draft<'a> {
    dir: &'a Dir,
    name: String,
    file: File,
    is_moved: bool,
}

impl<'a> Draft<'a> {
    fn beside(dir: &'a Dir, is_private: bool) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let mut options = OpenOptions::new();
        // What replaces a private file must not be readable by others before it has that file's mode.
        options.write(true).create_new(true).mode(if is_private { 0o600 } else { 0o666 });
        loop {
            let name = format!(".transom-{}-{}.draft", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
            match dir.open_with(&name, &options) {
                // Left behind by a host that was killed, or made by another copy of this plugin.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => return opened.map(|file| Self { dir, name, file, is_moved: false }),
            }
        }
    }

    fn rename_to(mut self, place: &Place) -> io::Result<()> {
        self.dir.rename(&self.name, &place.dir, &place.name)?;
        self.is_moved = true;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // Once it is moved the name is free, and what stands there may be somebody else's draft.
        if !self.is_moved {
            let _ = self.dir.remove_file(&self.name);
        }
    }
}

#[cfg(test)]
mod tests;
