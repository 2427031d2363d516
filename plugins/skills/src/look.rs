//! [`Look`]: what a look through a tree has found, and whether it still holds.
//!
//! A look lists every folder and asks about every file; it reads those only that the look before did not read as they are. It
//! holds without another one as long as the [watch](crate::watch) over its folders is quiet, and what a watch cannot follow (what stands
//! behind symlinks, or has several names) is what it was. Where there is no watch it never holds.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use cap_std::fs::MetadataExt;

use crate::catalogue::{Candidate, SKILL_BYTES, too_long};
use crate::finds::Finds;
use crate::stamp::Stamp;
use crate::tree::Tree;
use crate::walk::{Bounds, Found, walk};

/// What was found in a tree.
#[derive(Debug)]
pub(crate) struct Look {
    found: Found,
    began: SystemTime,
    /// A candidate for each file that was found.
    finds: Arc<Finds>,
    root: (u64, u64),
}

impl Look {
    /// Looks through a tree, which was looked through before.
    pub(crate) fn through(tree: &Tree, before: Option<&Self>) -> io::Result<Self> {
        Self::within(tree, before, Bounds::default())
    }

    /// The same within other bounds.
    pub(crate) fn within(tree: &Tree, before: Option<&Self>, bounds: Bounds) -> io::Result<Self> {
        let (began, root) = (SystemTime::now(), identity(tree)?);
        let found = walk(tree, bounds)?;
        let known = before.map(Self::by_path).unwrap_or_default();
        let candidates: Vec<_> = found
            .files
            .iter()
            .map(|(path, stamp)| {
                let same = known.get(path.as_str()).filter(|(known, _)| known == stamp);
                same.map_or_else(|| candidate(tree, path, stamp), |(_, candidate)| (*candidate).clone())
            })
            .collect();
        if before.is_none_or(|before| before.found.gaps != found.gaps) {
            found.gaps.iter().for_each(|gap| {
                tracing::warn!("skills in `{}` are incomplete: {gap}", tree.path().display())
            });
        }
        let as_before = before
            .filter(|before| before.finds.candidates == candidates)
            .map(|before| Arc::clone(&before.finds));
        let finds = as_before.unwrap_or_else(|| Arc::new(Finds::of(candidates)));
        Ok(Self { found, began, finds, root })
    }

    /// What may be a skill. The same as the look before had, when nothing is different.
    pub(crate) fn finds(&self) -> &Arc<Finds> {
        &self.finds
    }

    /// Whether nothing in the tree can be different by now.
    pub(crate) fn holds(&self, tree: &Tree) -> bool {
        self.found.watch.as_ref().is_some_and(|watch| watch.is_quiet())
            && identity(tree).is_ok_and(|root| root == self.root)
            && self.found.unwatched.iter().all(|(path, stamp)| self.is_as_it_was(tree, path, stamp.as_ref()))
    }

    fn is_as_it_was(&self, tree: &Tree, path: &str, stamp: Option<&Stamp>) -> bool {
        let now = tree.dir().metadata(path).ok().map(|metadata| Stamp::of(&metadata));
        now.as_ref() == stamp && stamp.is_none_or(|stamp| stamp.vouches(self.began))
    }

    /// Files that need not be read again while they have their stamp.
    fn by_path(&self) -> HashMap<&str, (Stamp, &Candidate)> {
        let files = self.found.files.iter().zip(&self.finds.candidates);
        let vouched = files.filter(|((_, stamp), _)| stamp.vouches(self.began));
        vouched.map(|((path, stamp), candidate)| (path.as_str(), (*stamp, candidate))).collect()
    }
}

fn identity(tree: &Tree) -> io::Result<(u64, u64)> {
    tree.dir().dir_metadata().map(|root| (root.dev(), root.ino()))
}

fn candidate(tree: &Tree, path: &str, stamp: &Stamp) -> Candidate {
    let text = match stamp.size() {
        size if size > SKILL_BYTES => Err(too_long(size)),
        _ => tree.read(path).map_err(|error| problem(&error)),
    };
    Candidate::of(path.to_owned(), text.as_deref().map_err(Clone::clone), stamp.size())
}

/// What is wrong with a file that cannot be read.
fn problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => error.to_string(),
        _ => format!("it cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests;
