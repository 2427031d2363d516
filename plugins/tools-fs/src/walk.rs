//! [`Walk`]: everything below a folder, in byte order of the paths whatever the disk says, in bounded memory.
//!
//! Each folder is opened by its path below the turn's folder, through the handle that cannot leave it, and closed before the
//! next one is opened: a deep tree holds no handles. Symlinks are told and not followed.

use std::collections::{BinaryHeap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cap_std::fs::{Dir, DirEntry};
use transom_plugin_api::sabotage::sabotaged;

use crate::arguments::Arguments;
use crate::problem::Problem;
use crate::rules::{self, Rules};
use crate::tool::Job;

/// What is seen beyond the usual.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Choice {
    /// Names that begin with a dot.
    pub(crate) hidden: bool,
    /// What rules leave out, and `.git`.
    pub(crate) ignored: bool,
}

impl Choice {
    pub(crate) fn of(arguments: &mut Arguments) -> Result<Self, Problem> {
        Ok(Self { hidden: arguments.flag("hidden")?, ignored: arguments.flag("ignored")? })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Folder,
    File,
    Symlink,
    /// A pipe, a socket or a device.
    Other,
}

/// Something that a walk came by.
#[derive(Debug)]
pub(crate) struct Entry {
    /// From the turn's folder.
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
}

/// An iterator over what is below a folder. It ends early when nobody waits any more.
pub(crate) struct Walk<'a> {
    job: &'a Job<'a>,
    choice: Choice,
    /// What was seen and not visited yet, the next at the end. Never more than may still be visited.
    pending: VecDeque<Pending>,
    visits_left: usize,
    missed: Missed,
}

struct Pending {
    parent: Rc<Parent>,
    seen: Seen,
}

struct Parent {
    path: PathBuf,
    rules: Option<Rc<Rules>>,
}

/// A name in a folder. A folder's has a `/` at its end: in this order of names, whole paths are in byte order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    name: Vec<u8>,
    kind: Kind,
}

/// What a walk has not seen.
#[derive(Debug, Default)]
struct Missed {
    is_cut: bool,
    folders: u64,
    rules: u64,
}

impl<'a> Walk<'a> {
    /// Begins below the folder at `start`, a path without symlinks. The rules of the folders down to it count; whether they
    /// leave out `start` itself does not, since it was asked for.
    pub(crate) fn below(job: &'a Job<'a>, start: &Path, choice: Choice) -> Self {
        let visits_left = if sabotaged("search-without-end") { usize::MAX } else { job.limits.visits };
        let mut walk = Self { job, choice, pending: VecDeque::new(), visits_left, missed: Missed::default() };
        let mut above = None;
        let mut ancestors: Vec<_> = start.ancestors().skip(1).collect();
        ancestors.reverse();
        for folder in ancestors {
            above = walk.job.folder.dir_at(folder).map_or(None, |dir| walk.rules_of(above, &dir, folder));
        }
        walk.enter(start.to_owned(), above);
        walk
    }

    /// One sentence for each reason why something may be missing.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let Missed { is_cut, folders, rules } = self.missed;
        let visits = self.job.limits.visits;
        let cut = is_cut.then(|| format!("stopped after {visits} names; narrow it with `path`"));
        let folders = (folders > 0).then(|| format!("folders that could not be read: {folders}"));
        let rules = (rules > 0).then(|| {
            let most = rules::MOST_BYTES;
            format!(
                "files with rules such as `.gitignore` that do not count, unreadable or beyond {most} bytes of rules: \
                 {rules}"
            )
        });
        [cut, folders, rules].into_iter().flatten().collect()
    }

    /// How many names were visited.
    pub(crate) fn visited(&self) -> usize {
        self.job.limits.visits - self.visits_left
    }

    fn enter(&mut self, path: PathBuf, above: Option<Rc<Rules>>) {
        let Ok(dir) = self.job.folder.dir_at(&path) else {
            self.missed.folders += 1;
            return;
        };
        let rules = self.rules_of(above, &dir, &path);
        let parent = Rc::new(Parent { path, rules });
        match self.list(&dir, &parent) {
            Ok(seen) => self.expect(&parent, seen),
            Err(_) => self.missed.folders += 1,
        }
    }

    fn rules_of(&mut self, above: Option<Rc<Rules>>, dir: &Dir, path: &Path) -> Option<Rc<Rules>> {
        if self.choice.ignored {
            return None;
        }
        let found = rules::of_folder(above, dir, path);
        self.missed.rules += found.unread;
        found.rules
    }

    /// The first names of a folder, as many as may still be visited.
    fn list(&mut self, dir: &Dir, parent: &Parent) -> io::Result<Vec<Seen>> {
        let mut first = BinaryHeap::new();
        for entry in dir.entries()? {
            if (self.job.gone)() {
                break;
            }
            let entry = entry?;
            let (name, kind) = (entry.file_name(), kind_of(&entry, dir));
            if !self.is_wanted(&name, kind, parent) {
                continue;
            }
            first.push(Seen::new(name, kind));
            if first.len() > self.visits_left {
                first.pop();
                self.missed.is_cut = true;
            }
        }
        Ok(if sabotaged("search-in-order-of-the-disk") { first.into_vec() } else { first.into_sorted_vec() })
    }

    fn is_wanted(&self, name: &OsStr, kind: Kind, parent: &Parent) -> bool {
        if !self.choice.hidden && name.as_bytes().starts_with(b".") {
            return false;
        }
        if self.choice.ignored || sabotaged("search-what-is-ignored") {
            return true;
        }
        let is_left_out = |rules: &Rc<Rules>| rules.leave_out(&parent.path.join(name), kind == Kind::Folder);
        name != ".git" && !parent.rules.as_ref().is_some_and(is_left_out)
    }

    /// What is in a folder is visited next. What then lies beyond the bound, at the far end, is forgotten.
    fn expect(&mut self, parent: &Rc<Parent>, seen: Vec<Seen>) {
        let seen = seen.into_iter().rev();
        self.pending.extend(seen.map(|seen| Pending { parent: Rc::clone(parent), seen }));
        let beyond = self.pending.len().saturating_sub(self.visits_left);
        self.pending.drain(..beyond);
        self.missed.is_cut |= beyond > 0;
    }
}

impl Iterator for Walk<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if (self.job.gone)() {
            return None;
        }
        let Pending { parent, seen } = self.pending.pop_back()?;
        self.visits_left -= 1;
        let kind = seen.kind;
        let path = parent.path.join(seen.into_name());
        if kind == Kind::Folder {
            self.enter(path.clone(), parent.rules.clone());
        }
        Some(Entry { path, kind })
    }
}

impl Seen {
    fn new(name: OsString, kind: Kind) -> Self {
        let mut name = name.into_vec();
        if kind == Kind::Folder {
            name.push(b'/');
        }
        Self { name, kind }
    }

    fn into_name(mut self) -> OsString {
        self.name.pop_if(|last| *last == b'/');
        OsString::from_vec(self.name)
    }
}

fn kind_of(entry: &DirEntry, dir: &Dir) -> Kind {
    let follow = sabotaged("follow-links-while-searching");
    let kind = match dir.metadata(entry.file_name()) {
        Ok(target) if follow => Ok(target.file_type()),
        _ => entry.file_type(),
    };
    match kind {
        Ok(kind) if kind.is_dir() => Kind::Folder,
        Ok(kind) if kind.is_file() => Kind::File,
        Ok(kind) if kind.is_symlink() => Kind::Symlink,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests;
