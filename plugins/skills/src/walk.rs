//! A walk through a tree, from the top downwards, each folder once however many symlinks lead to it.
//!
//! Names that begin with a dot, or are not UTF-8, are passed over.

use std::collections::{HashSet, VecDeque};
use std::io;

use cap_std::fs::{Dir, DirEntry, Metadata, MetadataExt};

use crate::catalogue::SKILL_BYTES;
use crate::document::SKILL_FILE;
use crate::stamp::Stamp;
use crate::tree::Tree;
use crate::watch::Watch;

/// Sentences on what was left out.
const GAPS: usize = 10;

/// How far a walk goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Folders below the top that are looked into.
    pub(crate) depth: usize,
    /// Skills in one tree.
    pub(crate) files: usize,
    /// Names in one tree, skills or not.
    pub(crate) names: usize,
    /// Bytes of all skills in one tree that can be read.
    pub(crate) bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { depth: 8, files: 1_000, names: 20_000, bytes: 16 << 20 }
    }
}

/// What a walk has found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Every file that may be a skill, in the order of the walk. A folder with a `SKILL.md` is one skill: what else is in it belongs to
    /// that.
    pub(crate) files: Vec<(String, Stamp)>,
    /// What was left out, in sentences for the log.
    pub(crate) gaps: Vec<String>,
    /// Tells whether anything has happened since the walk began; nothing where that cannot be told.
    pub(crate) watch: Option<Watch>,
    /// What it does not tell of, and how it was found: what stands behind symlinks, and files with several names.
    pub(crate) unwatched: Vec<(String, Option<Stamp>)>,
}

/// Walks through a tree.
pub(crate) fn walk(tree: &Tree, bounds: Bounds) -> io::Result<Found> {
    let found = Found { watch: Watch::begin(), ..Found::default() };
    let mut walk = Walk { tree, bounds, found, names: 0, seen: HashSet::new() };
    walk.run()?;
    walk.cut();
    Ok(walk.found)
}

/// A name in a folder, and what it stands for.
type Entry = (String, Metadata);

struct Walk<'a> {
    tree: &'a Tree,
    bounds: Bounds,
    found: Found,
    names: usize,
    seen: HashSet<(u64, u64)>,
}

impl Walk<'_> {
    fn run(&mut self) -> io::Result<()> {
        let mut folders = VecDeque::from([(String::new(), 0)]);
        self.is_new(&self.tree.dir().dir_metadata()?);
        while let Some((folder, depth)) = folders.pop_front() {
            let entries = match self.entries(&folder) {
                // Only the top must be readable; one bad folder in it does not hide the others.
                Err(error) if depth > 0 => {
                    self.gap(format!("folder `{folder}` cannot be read: {error}"));
                    continue;
                }
                entries => entries?,
            };
            for below in self.take(&folder, entries) {
                if depth < self.bounds.depth {
                    folders.push_back((below, depth + 1));
                } else {
                    self.gap(format!("`{below}` lies deeper than {depth} folders"));
                }
            }
            if self.found.files.len() > self.bounds.files || self.names > self.bounds.names {
                self.found.files.truncate(self.bounds.files);
                let Bounds { files, names, .. } = self.bounds;
                self.found.gaps.push(format!("it holds more than {files} skills or {names} names"));
                break;
            }
        }
        Ok(())
    }

    /// Leaves out what would be too much to read.
    fn cut(&mut self) {
        let (mut bytes, most) = (0, self.bounds.bytes);
        let fits = |(_, stamp): &&(String, Stamp)| {
            bytes += Some(stamp.size()).filter(|size| *size <= SKILL_BYTES).unwrap_or_default();
            bytes <= most
        };
        let fitting = self.found.files.iter().take_while(fits).count();
        if fitting < self.found.files.len() {
            self.found.files.truncate(fitting);
            self.found.gaps.push(format!("its skills have more than {most} bytes together"));
        }
    }

    fn gap(&mut self, what: String) {
        if self.found.gaps.len() < GAPS {
            self.found.gaps.push(what);
        }
    }

    /// What is worth a look in a folder, symlinks followed, sorted.
    fn entries(&mut self, folder: &str) -> io::Result<Vec<Entry>> {
        let dir = self.tree.dir().open_dir(if folder.is_empty() { "." } else { folder })?;
        // Before it is listed, so that nothing can happen in between.
        self.watch(&dir);
        let mut entries = Vec::new();
        for entry in dir.entries()?.take(self.bounds.names + 1) {
            self.names += 1;
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') || !is_wanted(&name, &entry) {
                continue;
            }
            if let Some(metadata) = self.metadata(&joined(folder, &name), &entry) {
                entries.push((name, metadata));
            }
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }

    fn watch(&mut self, folder: &Dir) {
        if self.found.watch.as_mut().is_some_and(|watch| !watch.add(folder)) {
            self.found.watch = None;
        }
    }

    /// Symlinks that lead out, or nowhere, are nothing, as long as they do.
    fn metadata(&mut self, path: &str, entry: &DirEntry) -> Option<Metadata> {
        let is_link = !entry.file_type().is_ok_and(|kind| !kind.is_symlink());
        let metadata = if is_link { self.tree.dir().metadata(path) } else { entry.metadata() }.ok();
        let has_names = metadata.as_ref().is_some_and(|metadata| metadata.is_file() && metadata.nlink() > 1);
        if is_link || has_names {
            self.found.unwatched.push((path.to_owned(), metadata.as_ref().map(Stamp::of)));
        }
        metadata
    }

    /// Keeps the files that may be skills, and answers the folders to go on with.
    fn take(&mut self, folder: &str, entries: Vec<Entry>) -> Vec<String> {
        let is_skill = |entry: &&Entry| entry.0 == SKILL_FILE && entry.1.is_file();
        if let Some((_, metadata)) = entries.iter().find(is_skill).filter(|_| !folder.is_empty()) {
            self.found.files.push((joined(folder, SKILL_FILE), Stamp::of(metadata)));
            return Vec::new();
        }
        let mut folders = Vec::new();
        for (name, metadata) in entries {
            if metadata.is_file() && name.ends_with(".md") {
                self.found.files.push((joined(folder, &name), Stamp::of(&metadata)));
            } else if metadata.is_dir() && self.is_new(&metadata) {
                folders.push(joined(folder, &name));
            }
        }
        folders
    }

    fn is_new(&mut self, folder: &Metadata) -> bool {
        self.seen.insert((folder.dev(), folder.ino()))
    }
}

/// Whether it is worth a look: a file that ends in `.md`, or something that may be a folder.
fn is_wanted(name: &str, entry: &DirEntry) -> bool {
    name.ends_with(".md") || !entry.file_type().is_ok_and(|kind| kind.is_file())
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
