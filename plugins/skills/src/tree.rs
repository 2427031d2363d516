//! [`Tree`]: one folder of skills, and nothing outside it.
//!
//! Everything goes through one directory handle, which resolves symlinks below itself and refuses to leave. Names
//! that begin with a dot, or are not UTF-8, are passed over.

use std::collections::{HashSet, VecDeque};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirEntry, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};

use crate::catalogue::Candidate;
use crate::document::SKILL_FILE;

/// Folders below the top that are looked into.
const DEPTH: usize = 8;
/// Skills in one tree.
const FILES: usize = 1_000;
/// Names in one tree, skills or not.
const NAMES: usize = 20_000;
/// Bytes at the beginning of a file in which its summary must stand.
const HEAD_BYTES: u64 = 16 << 10;
/// Bytes of a skill.
const SKILL_BYTES: u64 = 1 << 20;

/// An open folder of skills.
#[derive(Debug)]
pub(crate) struct Tree {
    dir: Dir,
    path: PathBuf,
}

impl Tree {
    /// Opens a folder that the operator named; nothing when it does not exist.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        Self::existing(Dir::open_ambient_dir(path, ambient_authority()), path)
    }

    /// Opens a folder below the one a turn works in; nothing when it does not exist or leads out of it, because
    /// what stands in a working folder is not the operator's word.
    pub(crate) fn open_below(cwd: &Path, folder: &Path) -> io::Result<Option<Self>> {
        let dir = match Dir::open_ambient_dir(cwd, ambient_authority()).and_then(|cwd| cwd.open_dir(folder)) {
            Err(error)
                if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() =>
            {
                tracing::warn!("`{}` leads out of `{}` and was passed over", folder.display(), cwd.display());
                return Ok(None);
            }
            opened => opened,
        };
        Self::existing(dir, &cwd.join(folder))
    }

    fn existing(dir: io::Result<Dir>, path: &Path) -> io::Result<Option<Self>> {
        match dir {
            Ok(dir) => Ok(Some(Self { dir, path: path.to_owned() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io::Error::new(error.kind(), format!("folder `{}`: {error}", path.display()))),
        }
    }

    /// Where it is, for people and models.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every file that may be a skill, with the beginning of its text. A folder with a `SKILL.md` is one skill: what
    /// else is in it belongs to that.
    pub(crate) fn candidates(&self) -> io::Result<Vec<Candidate>> {
        let mut walk = Walk { tree: self, found: Vec::new(), names: 0, seen: HashSet::new() };
        walk.run()?;
        let candidate = |path: String| Candidate { head: self.head(&path), path };
        Ok(walk.found.into_iter().map(candidate).collect())
    }

    /// The whole text of a skill.
    pub(crate) fn read(&self, path: &str) -> io::Result<String> {
        let bytes = self.bytes(path, SKILL_BYTES + 1)?;
        if bytes.len() as u64 > SKILL_BYTES {
            return Err(io::Error::other(format!("it is longer than {SKILL_BYTES} bytes")));
        }
        String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
    }

    fn head(&self, path: &str) -> Option<String> {
        let bytes = self.bytes(path, HEAD_BYTES).ok()?;
        match str::from_utf8(&bytes) {
            Ok(text) => Some(text.to_owned()),
            // A character may have been cut at the end.
            Err(error) if error.error_len().is_none() => {
                str::from_utf8(&bytes[..error.valid_up_to()]).ok().map(str::to_owned)
            }
            Err(_) => None,
        }
    }

    fn bytes(&self, path: &str, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open_file(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Opens a regular file, looked at before and after: a pipe put there meanwhile must not hang anybody.
    fn open_file(&self, path: &str) -> io::Result<File> {
        let regular = |metadata: Metadata| match metadata.is_file() {
            true => Ok(()),
            false => Err(io::Error::other("it is not a regular file")),
        };
        regular(self.dir.metadata(path)?)?;
        let mut options = OpenOptions::new();
        let file = self.dir.open_with(path, options.read(true).custom_flags(libc::O_NONBLOCK))?;
        regular(file.metadata()?)?;
        Ok(file)
    }
}

/// A walk through a tree, from the top downwards, each folder once however many symlinks lead to it.
struct Walk<'a> {
    tree: &'a Tree,
    found: Vec<String>,
    names: usize,
    seen: HashSet<(u64, u64)>,
}

impl Walk<'_> {
    fn run(&mut self) -> io::Result<()> {
        let mut folders = VecDeque::from([(String::new(), 0)]);
        self.is_new(&self.tree.dir.dir_metadata()?);
        while let Some((folder, depth)) = folders.pop_front() {
            let entries = match self.entries(&folder) {
                // Only the top must be readable; one bad folder in it does not hide the others.
                Err(error) if depth > 0 => {
                    tracing::warn!("folder `{}/{folder}` was passed over: {error}", self.tree.path.display());
                    continue;
                }
                entries => entries?,
            };
            for below in self.take(&folder, entries) {
                if depth < DEPTH {
                    folders.push_back((below, depth + 1));
                } else {
                    self.warn(&format!("`{below}` lies deeper than {DEPTH} folders"));
                }
            }
            if self.found.len() > FILES || self.names > NAMES {
                self.found.truncate(FILES);
                self.warn(&format!("it holds more than {FILES} skills or {NAMES} names"));
                break;
            }
        }
        Ok(())
    }

    fn warn(&self, what: &str) {
        tracing::warn!("skills in `{}` are incomplete: {what}", self.tree.path.display());
    }

    /// Name and metadata of everything in a folder, symlinks followed, sorted.
    fn entries(&mut self, folder: &str) -> io::Result<Vec<(String, Metadata)>> {
        let here = if folder.is_empty() { "." } else { folder };
        let mut entries = Vec::new();
        for entry in self.tree.dir.read_dir(here)?.take(NAMES + 1) {
            self.names += 1;
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') || !is_wanted(&name, &entry) {
                continue;
            }
            // Symlinks that lead out, or nowhere, end here.
            if let Ok(metadata) = self.tree.dir.metadata(joined(folder, &name)) {
                entries.push((name, metadata));
            }
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }

    /// Keeps the files that may be skills, and answers the folders to go on with.
    fn take(&mut self, folder: &str, entries: Vec<(String, Metadata)>) -> Vec<String> {
        let is_skill = |entry: &(String, Metadata)| entry.0 == SKILL_FILE && entry.1.is_file();
        if !folder.is_empty() && entries.iter().any(is_skill) {
            self.found.push(joined(folder, SKILL_FILE));
            return Vec::new();
        }
        let mut folders = Vec::new();
        for (name, metadata) in entries {
            if metadata.is_file() && name.ends_with(".md") {
                self.found.push(joined(folder, &name));
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

#[cfg(test)]
mod tests;
