//! What a disk may hold when the power goes: what was synced, and of everything else some, all or nothing.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::folding::Chance;
use super::tape::Event;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// What a plain disk may spoil around a write: the sector that SQLite takes it to have.
const SPOILT: usize = 4_096;

/// The files of a folder by their names.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Writes the files into a folder.
pub(super) fn lay_out(folder: &Path, files: &Files) -> std::io::Result<()> {
    files.iter().try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes))
}

/// A folder on a disk, as far as a tape was played.
#[derive(Default)]
pub(super) struct Disk<'tape> {
    files: Vec<File<'tape>>,
    names: BTreeMap<String, usize>,
    /// The names that last.
    lasting: BTreeMap<String, usize>,
    /// What was done to names since they last.
    renaming: Vec<Naming<'tape>>,
}

#[derive(Default)]
struct File<'tape> {
    now: Vec<u8>,
    lasting: Vec<u8>,
    /// Writes and truncations since it was synced.
    changes: Vec<&'tape Event>,
    syncs_its_folder: bool,
}

#[derive(Clone, Copy)]
enum Naming<'tape> {
    Made(&'tape str, usize),
    Deleted(&'tape str),
}

impl<'tape> Disk<'tape> {
    /// Goes on by one event.
    pub(super) fn play(&mut self, event: &'tape Event) {
        match event {
            Event::Found { name, bytes } => {
                let found = File { now: bytes.clone(), lasting: bytes.clone(), ..File::default() };
                self.make(name, found);
                self.sync_folder();
            }
            Event::Made { name, syncs_its_folder } => {
                self.make(name, File { syncs_its_folder: *syncs_its_folder, ..File::default() });
            }
            Event::Written { name, .. } | Event::Truncated { name, .. } => {
                let file = self.file(name);
                change(&mut file.now, event);
                file.changes.push(event);
            }
            Event::Synced { name } => self.sync(name),
            Event::Deleted { name, is_synced } => {
                self.names.remove(name);
                self.renaming.push(Naming::Deleted(name));
                if *is_synced {
                    self.sync_folder();
                }
            }
            Event::Renamed { from, to } => {
                self.sync(from);
                let file = self.names.remove(from).expect("a file that was there");
                self.names.insert(to.clone(), file);
                self.sync_folder();
            }
            Event::Answered => {}
        }
    }

    /// Everything as it was written: what a process that is killed leaves behind.
    pub(super) fn as_written(&self) -> Files {
        self.names.iter().map(|(name, file)| (name.clone(), self.files[*file].now.clone())).collect()
    }

    /// Only what was synced.
    pub(super) fn as_synced(&self) -> Files {
        self.lasting.iter().map(|(name, file)| (name.clone(), self.files[*file].lasting.clone())).collect()
    }

    /// What was synced, and by chance some of the rest; a plain disk spoils the sectors of what it does not finish.
    pub(super) fn torn(&self, chance: &mut Chance, is_plain: bool) -> Files {
        let mut names = self.lasting.clone();
        let done = chance.below(self.renaming.len() as u64 + 1) as usize;
        for naming in &self.renaming[..done] {
            match naming {
                Naming::Made(name, file) => names.insert((*name).to_owned(), *file),
                Naming::Deleted(name) => names.remove(*name),
            };
        }
        names.into_iter().map(|(name, file)| (name, self.files[file].torn(chance, is_plain))).collect()
    }

    fn make(&mut self, name: &'tape str, file: File<'tape>) {
        let number = self.files.len();
        self.files.push(file);
        self.names.insert(name.to_owned(), number);
        self.renaming.push(Naming::Made(name, number));
    }

    fn file(&mut self, name: &str) -> &mut File<'tape> {
        let number = self.names[name];
        &mut self.files[number]
    }

    fn sync(&mut self, name: &str) {
        let file = self.file(name);
        file.lasting.clone_from(&file.now);
        file.changes.clear();
        if std::mem::take(&mut file.syncs_its_folder) {
            self.sync_folder();
        }
    }

    fn sync_folder(&mut self) {
        self.lasting.clone_from(&self.names);
        self.renaming.clear();
    }
}

impl File<'_> {
    fn torn(&self, chance: &mut Chance, is_plain: bool) -> Vec<u8> {
        let mut torn = self.lasting.clone();
        for event in &self.changes {
            match (chance.below(3), event) {
                (0, _) => {}
                (1, Event::Written { offset, bytes, .. }) => {
                    if is_plain {
                        spoil(&mut torn, *offset, bytes.len(), chance.below(256) as u8);
                    }
                    let (from, to) = cut(*offset, bytes.len(), chance);
                    put(&mut torn, offset + from, &bytes[from..to]);
                }
                _ => change(&mut torn, event),
            }
        }
        torn
    }
}

fn change(bytes: &mut Vec<u8>, event: &Event) {
    match event {
        Event::Written { offset, bytes: new, .. } => put(bytes, *offset, new),
        Event::Truncated { size, .. } => bytes.truncate(*size),
        _ => {}
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, new: &[u8]) {
    let end = offset + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(new);
}

/// The part of a write that arrives, before or behind the border of a sector in it.
fn cut(offset: usize, length: usize, chance: &mut Chance) -> (usize, usize) {
    let borders = (offset / SECTOR + 1)..=((offset + length) / SECTOR);
    let count = borders.clone().count() as u64;
    let border = (borders.start() + chance.below(count.max(1)) as usize) * SECTOR;
    let at = border.clamp(offset, offset + length) - offset;
    if chance.below(2) == 0 { (0, at) } else { (at, length) }
}

/// The sectors of a write come to hold something else, as far as the file goes.
fn spoil(bytes: &mut [u8], offset: usize, length: usize, with: u8) {
    let end = (offset + length).div_ceil(SPOILT) * SPOILT;
    let (start, end) = ((offset / SPOILT * SPOILT).min(bytes.len()), end.min(bytes.len()));
    bytes[start..end].fill(with);
}
