//! [`Shelves`]: what is remembered of trees and of the skills of working folders, so that a turn need not look through them all.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use transom_plugin_api::sabotage::sabotaged;

use crate::catalogue::{Candidate, Catalogue};
use crate::finds::Finds;
use crate::look::Look;
use crate::offer::Offer;
use crate::standing::Standing;
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

/// What was found in a tree, and what the operator says of it.
pub(crate) type Judged = (Arc<Finds>, Standing);

/// The skills of a working folder.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// One for each of its trees.
    pub(crate) of: Vec<Judged>,
    /// The skills of those trees that may be used.
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

    /// The skills of `cwd`, where these trees are what they were [made of](Self::made_of) the last time.
    pub(crate) fn remembered(&self, cwd: &str, of: &[Judged]) -> Option<Arc<Shelf>> {
        self.memory().shelf(cwd).filter(|shelf| are_same(&shelf.of, of))
    }

    /// The skills of `cwd`, whose trees these are. They are remembered.
    pub(crate) fn made_of(&self, cwd: &str, of: Vec<Judged>) -> Arc<Shelf> {
        let catalogue = Catalogue::of(of.iter().map(admitted));
        let shelf = Arc::new(Shelf { of, offer: Offer::of(&catalogue), catalogue });
        self.memory().put_shelf(cwd, Arc::clone(&shelf));
        shelf
    }

    /// Whether one of these trees was not looked through for a while.
    pub(crate) fn is_due(&self, trees: &[Tree]) -> bool {
        let memory = self.memory();
        let looked_at =
            |tree: &Tree| memory.trees.iter().find(|one| one.path == tree.path()).map(|one| one.looked_at);
        trees.iter().filter_map(looked_at).any(|looked_at| looked_at.elapsed() > RELIED_UPON)
    }

    /// What is found in a tree.
    pub(crate) fn finds(&self, tree: &Tree, care: Care) -> io::Result<Arc<Finds>> {
        let before = self.memory().look(tree.path());
        if let Some(before) = &before
            && care == Care::Watched
            && (before.holds(tree) || sabotaged("remember-skills-for-ever"))
        {
            return Ok(Arc::clone(before.finds()));
        }
        let look = Look::through(tree, before.as_deref())?;
        let finds = Arc::clone(look.finds());
        self.memory().put_look(tree.path(), look);
        Ok(finds)
    }
}

/// What may be used of a tree. What may not be is not there: it shadows nothing either.
fn admitted((finds, standing): &Judged) -> &[Candidate] {
    if standing.admits() { &finds.candidates } else { &[] }
}

fn are_same(some: &[Judged], others: &[Judged]) -> bool {
    let is_same = |(one, other): (&Judged, &Judged)| Arc::ptr_eq(&one.0, &other.0) && one.1 == other.1;
    some.len() == others.len() && some.iter().zip(others).all(is_same)
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

    fn shelf(shelves: &Shelves, cwd: &str, tree: &Tree, care: Care) -> Arc<Shelf> {
        let of = vec![(shelves.finds(tree, care).expect("readable"), Standing::Own)];
        shelves.remembered(cwd, &of).unwrap_or_else(|| shelves.made_of(cwd, of))
    }

    #[test]
    fn what_was_not_looked_through_for_a_while_is_due() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (shelves, trees) = (Shelves::default(), [tree(folder.path())]);
        assert!(!shelves.is_due(&trees), "nothing is remembered");
        shelves.finds(&trees[0], Care::Watched).expect("readable");
        assert!(!shelves.is_due(&trees));
        shelves.memory().trees[0].looked_at -= RELIED_UPON;
        shelves.finds(&trees[0], Care::Watched).expect("readable");
        assert!(shelves.is_due(&trees));
        shelves.finds(&trees[0], Care::Afresh).expect("readable");
        assert!(!shelves.is_due(&trees));
    }

    #[test]
    fn the_same_skills_are_the_same_shelf_until_something_happens() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("a.md"), "").expect("written");
        let (shelves, tree) = (Shelves::default(), tree(folder.path()));
        let shelf = |care| shelf(&shelves, "/cwd", &tree, care);
        let first = shelf(Care::Watched);
        assert!(Arc::ptr_eq(&first, &shelf(Care::Watched)) && Arc::ptr_eq(&first, &shelf(Care::Afresh)));
        let refused = [(Arc::clone(&first.of[0].0), Standing::Refused)];
        assert!(shelves.remembered("/cwd", &refused).is_none(), "by another word they are others");
        fs::write(folder.path().join("b.md"), "").expect("written");
        assert_eq!(shelf(Care::Watched).catalogue.iter().len(), 2);
    }

    #[test]
    fn what_may_not_be_used_is_not_there_and_shadows_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shelves = Shelves::default();
        let finds = ["one", "two"].map(|name| {
            let top = folder.path().join(name);
            fs::create_dir(&top).expect("made");
            fs::write(top.join("a.md"), format!("{name}\n---\n")).expect("written");
            shelves.finds(&tree(&top), Care::Watched).expect("readable")
        });
        let summary = |standing| {
            let of = finds.iter().cloned().zip([standing, Standing::Own]).collect();
            shelves.made_of("/cwd", of).catalogue.find("a").expect("one is there").summary.clone()
        };
        assert_eq!(summary(Standing::Trusted), "one");
        for standing in [Standing::Unanswered, Standing::Refused, Standing::Unasked("gone".to_owned())] {
            assert_eq!(summary(standing), "two");
        }
    }

    #[test]
    fn of_many_folders_those_are_remembered_that_were_asked_for_last() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shelves = Shelves::default();
        for number in 0..REMEMBERED + 3 {
            for number in [0, number] {
                let cwd = folder.path().join(number.to_string());
                fs::create_dir_all(&cwd).expect("made");
                shelf(&shelves, cwd.to_str().expect("text"), &tree(&cwd), Care::Watched);
            }
        }
        let memory = shelves.memory();
        assert_eq!((memory.trees.len(), memory.shelves.len()), (REMEMBERED, REMEMBERED));
        assert!(memory.trees.iter().any(|one| one.path == folder.path().join("0")));
        assert!(memory.trees.iter().all(|one| one.path != folder.path().join("1")));
    }
}
