//! [`Shelves`]: what is remembered of trees and of the skills of working folders, so that a turn need not look through them all.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use transom_plugin_api::sabotage::sabotaged;

use crate::catalogue::{Candidate, Catalogue};
use crate::look::Look;
use crate::offer::Offer;
use crate::tree::Tree;

/// Trees, and working folders, that are remembered; of more, those that were asked for last.
const REMEMBERED: usize = 16;

/// How long a look may be relied upon before another one is made beside a turn, for changes of which no watch tells.
const RELIED_UPON: Duration = Duration::from_secs(10);

/// How a tree is asked what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// As the watch over it says: what was found before, when nothing has happened since.
    Watched,
    /// By another look.
    Afresh,
}

/// The skills of a working folder.
#[derive(Debug)]
pub(crate) struct Shelf {
    of: Vec<Arc<Vec<Candidate>>>,
    pub(crate) catalogue: Catalogue,
    pub(crate) offer: Offer,
}

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Shelves(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// The one that was asked for last stands in front.
    trees: Vec<Remembered>,
    shelves: Vec<(String, Arc<Shelf>)>,
}

#[derive(Debug)]
struct Remembered {
    path: PathBuf,
    look: Arc<Look>,
    looked_at: Instant,
}

impl Shelves {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The skills in these trees, which are those of `cwd`.
    pub(crate) fn shelf(&self, cwd: &str, trees: &[Tree], care: Care) -> io::Result<Arc<Shelf>> {
        let of = trees.iter().map(|tree| self.candidates(tree, care)).collect::<io::Result<Vec<_>>>()?;
        if let Some(shelf) = self.memory().shelf(cwd).filter(|shelf| are_same(&shelf.of, &of)) {
            return Ok(shelf);
        }
        let catalogue = Catalogue::of(of.iter().map(|candidates| candidates.as_slice()));
        let shelf = Arc::new(Shelf { of, offer: Offer::of(&catalogue), catalogue });
        self.memory().put_shelf(cwd, Arc::clone(&shelf));
        Ok(shelf)
    }

    /// Whether one of these trees was not looked through for a while.
    pub(crate) fn is_due(&self, trees: &[Tree]) -> bool {
        let memory = self.memory();
        let looked_at =
            |tree: &Tree| memory.trees.iter().find(|one| one.path == tree.path()).map(|one| one.looked_at);
        trees.iter().filter_map(looked_at).any(|looked_at| looked_at.elapsed() > RELIED_UPON)
    }

    fn candidates(&self, tree: &Tree, care: Care) -> io::Result<Arc<Vec<Candidate>>> {
        let before = self.memory().look(tree.path());
        if let Some(before) = &before
            && care == Care::Watched
            && (before.holds(tree) || sabotaged("remember-skills-for-ever"))
        {
            return Ok(Arc::clone(before.candidates()));
        }
        let look = Look::through(tree, before.as_deref())?;
        let candidates = Arc::clone(look.candidates());
        self.memory().put_look(tree.path(), look);
        Ok(candidates)
    }
}

fn are_same(some: &[Arc<Vec<Candidate>>], others: &[Arc<Vec<Candidate>>]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| Arc::ptr_eq(one, other))
}

impl Memory {
    fn look(&mut self, path: &Path) -> Option<Arc<Look>> {
        let at = self.trees.iter().position(|one| one.path == path)?;
        self.trees[..=at].rotate_right(1);
        Some(Arc::clone(&self.trees[0].look))
    }

    fn put_look(&mut self, path: &Path, look: Look) {
        self.trees.retain(|one| one.path != path);
        let (path, look) = (path.to_owned(), Arc::new(look));
        self.trees.insert(0, Remembered { path, look, looked_at: Instant::now() });
        self.trees.truncate(REMEMBERED);
    }

    fn shelf(&mut self, cwd: &str) -> Option<Arc<Shelf>> {
        let at = self.shelves.iter().position(|(of, _)| of == cwd)?;
        self.shelves[..=at].rotate_right(1);
        Some(Arc::clone(&self.shelves[0].1))
    }

    fn put_shelf(&mut self, cwd: &str, shelf: Arc<Shelf>) {
        self.shelves.retain(|(of, _)| of != cwd);
        self.shelves.insert(0, (cwd.to_owned(), shelf));
        self.shelves.truncate(REMEMBERED);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(folder: &Path) -> Tree {
        Tree::open(folder).expect("readable").expect("it is there")
    }

    #[test]
    fn what_was_not_looked_through_for_a_while_is_due() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (shelves, trees) = (Shelves::default(), [tree(folder.path())]);
        assert!(!shelves.is_due(&trees), "nothing is remembered");
        shelves.shelf("/cwd", &trees, Care::Watched).expect("readable");
        assert!(!shelves.is_due(&trees));
        shelves.memory().trees[0].looked_at -= RELIED_UPON;
        shelves.shelf("/cwd", &trees, Care::Watched).expect("readable");
        assert!(shelves.is_due(&trees));
        shelves.shelf("/cwd", &trees, Care::Afresh).expect("readable");
        assert!(!shelves.is_due(&trees));
    }

    #[test]
    fn the_same_skills_are_the_same_shelf_until_something_happens() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("a.md"), "").expect("written");
        let (shelves, trees) = (Shelves::default(), [tree(folder.path())]);
        let shelf = |care| shelves.shelf("/cwd", &trees, care).expect("readable");
        let first = shelf(Care::Watched);
        assert!(Arc::ptr_eq(&first, &shelf(Care::Watched)) && Arc::ptr_eq(&first, &shelf(Care::Afresh)));
        fs::write(folder.path().join("b.md"), "").expect("written");
        assert_eq!(shelf(Care::Watched).catalogue.iter().len(), 2);
    }

    #[test]
    fn of_many_folders_those_are_remembered_that_were_asked_for_last() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shelves = Shelves::default();
        for number in 0..REMEMBERED + 3 {
            for number in [0, number] {
                let cwd = folder.path().join(number.to_string());
                fs::create_dir_all(&cwd).expect("made");
                shelves.shelf(cwd.to_str().expect("text"), &[tree(&cwd)], Care::Watched).expect("readable");
            }
        }
        let memory = shelves.memory();
        assert_eq!((memory.trees.len(), memory.shelves.len()), (REMEMBERED, REMEMBERED));
        assert!(memory.trees.iter().any(|one| one.path == folder.path().join("0")));
        assert!(memory.trees.iter().all(|one| one.path != folder.path().join("1")));
    }
}
