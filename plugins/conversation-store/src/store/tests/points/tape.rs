//! What was done to the files of a folder, and what was answered, in the order in which it happened.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One thing that happened.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A file was there already when it was opened; all of it lasts.
    Found { name: String, bytes: Vec<u8> },
    /// A file was made. Of some the first sync makes their name last, too.
    Made { name: String, syncs_its_folder: bool },
    /// Bytes were written.
    Written { name: String, offset: usize, bytes: Vec<u8> },
    /// A file was cut.
    Truncated { name: String, size: usize },
    /// What was written to a file until now lasts.
    Synced { name: String },
    /// A file was deleted, and its folder synced or not.
    Deleted { name: String, is_synced: bool },
    /// A file got another name from the store itself, which syncs the file before and the folder behind it.
    Renamed { from: String, to: String },
    /// A step of the run was answered.
    Answered,
}

/// Takes down what happens.
pub(super) struct Tape {
    folder: PathBuf,
    is_plain: bool,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    events: Vec<Event>,
    /// The files that are there by the tape, each with its inode once that is known.
    there: HashMap<String, Option<u64>>,
}

impl Tape {
    /// A tape of a folder, whose files last. A plain disk keeps no promise about the sectors that it is writing to when the power goes.
    pub(super) fn of(folder: &Path, is_plain: bool) -> Self {
        let mut taken = Taken::default();
        for found in fs::read_dir(folder).expect("a folder").flatten() {
            let name = found.file_name().into_string().expect("UTF-8");
            let bytes = fs::read(found.path()).expect("nobody has it open yet");
            taken.events.push(Event::Found { name: name.clone(), bytes });
            taken.there.insert(name, None);
        }
        Self { folder: folder.to_owned(), is_plain, taken: taken.into() }
    }

    pub(super) fn is_of_a_plain_disk(&self) -> bool {
        self.is_plain
    }

    /// Adds an event.
    pub(super) fn note(&self, event: Event) {
        self.taken().add(&self.folder, event);
    }

    /// A file is about to be opened.
    pub(super) fn opens(&self, path: &Path, name: &str, syncs_its_folder: bool) {
        let mut taken = self.taken();
        if taken.there.contains_key(name) {
            return;
        }
        // Nobody has it open yet: closing it here would drop the locks of whoever had.
        let event = match fs::read(path) {
            Ok(bytes) => Event::Found { name: name.to_owned(), bytes },
            Err(_) => Event::Made { name: name.to_owned(), syncs_its_folder },
        };
        taken.add(&self.folder, event);
        taken.there.insert(name.to_owned(), None);
    }

    /// A file was deleted.
    pub(super) fn deletes(&self, event: Event) {
        let mut taken = self.taken();
        if let Event::Deleted { name, .. } = &event {
            taken.there.remove(name);
        }
        taken.add(&self.folder, event);
    }

    /// Everything until now.
    pub(super) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.taken().events)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn add(&mut self, folder: &Path, event: Event) {
        self.look_for_other_names(folder);
        self.events.push(event);
    }

    /// The store gives the copy of an old file its name without SQLite.
    fn look_for_other_names(&mut self, folder: &Path) {
        let mut gone = Vec::new();
        for (name, inode) in &mut self.there {
            match fs::symlink_metadata(folder.join(name)) {
                Ok(found) => *inode = Some(found.ino()),
                Err(_) => gone.extend(inode.map(|inode| (name.clone(), inode))),
            }
        }
        for (from, inode) in gone {
            let Some(to) = name_of(folder, inode) else { continue };
            self.there.remove(&from);
            self.there.insert(to.clone(), Some(inode));
            self.events.push(Event::Renamed { from, to });
        }
    }
}

fn name_of(folder: &Path, inode: u64) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    entries.into_iter().find(|entry| entry.ino() == inode)?.file_name().into_string().ok()
}
