//! [`Library`]: the trees that hold a turn's skills, and what is remembered of them.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use transom_plugin_api::StartError;

use crate::finds::Finds;
use crate::shelf::{Care, Shelves};
use crate::tree::Tree;

/// Folders that lead out of which the log tells.
const PASSED_OVER: usize = 100;

/// Where skills are kept. An edited skill counts at once.
#[derive(Debug)]
pub(crate) struct Library {
    /// Below the folder a turn works in; they shadow the others.
    below_cwd: Vec<PathBuf>,
    /// The operator's own.
    folders: Vec<PathBuf>,
    pub(crate) shelves: Shelves,
    /// Folders that were passed over, and of which that was said.
    passed_over: Mutex<HashSet<PathBuf>>,
}

/// What lies where a turn's skills are, before anybody was asked whether it may be used.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) trees: Vec<Tree>,
    /// What was found in each of them.
    pub(crate) of: Vec<Arc<Finds>>,
}

impl Library {
    /// `below_cwd` are relative, `folders` are absolute or begin with `~/`, which stands for `home`.
    pub(crate) fn new(
        below_cwd: Vec<PathBuf>,
        folders: Vec<PathBuf>,
        home: Option<&Path>,
    ) -> Result<Self, StartError> {
        if let Some(wrong) = below_cwd.iter().find(|folder| !folder.is_relative()) {
            return Err(StartError::new(format!("setting `cwd_folders` names `{}`", wrong.display())).help(
                "name folders relative to the one a turn works in; absolute ones belong in `folders`",
            ));
        }
        let folders = folders.into_iter().filter_map(|folder| at_home(folder, home).transpose());
        let folders = folders.collect::<Result<_, _>>()?;
        Ok(Self { below_cwd, folders, shelves: Shelves::default(), passed_over: Mutex::default() })
    }

    /// What lies where the skills of a turn are that works in `cwd`.
    ///
    /// # Errors
    /// When a folder of skills cannot be read.
    pub(crate) fn look(&self, cwd: &str, care: Care) -> io::Result<Sight> {
        let trees = self.trees(cwd)?;
        let of = trees.iter().map(|tree| self.shelves.finds(tree, care)).collect::<io::Result<_>>()?;
        Ok(Sight { trees, of })
    }

    fn trees(&self, cwd: &str) -> io::Result<Vec<Tree>> {
        let cwd = Some(Path::new(cwd)).filter(|cwd| cwd.is_absolute());
        let below =
            |cwd: &Path, folder: &PathBuf| Tree::open_below(cwd, folder, || self.pass_over(cwd, folder));
        cwd.iter()
            .flat_map(|cwd| self.below_cwd.iter().map(|folder| below(cwd, folder)))
            .chain(self.folders.iter().map(|folder| Tree::open(folder)))
            .filter_map(Result::transpose)
            .collect()
    }

    /// Says so the first time.
    fn pass_over(&self, cwd: &Path, folder: &Path) {
        let mut passed_over = self.passed_over.lock().unwrap_or_else(PoisonError::into_inner);
        if passed_over.len() < PASSED_OVER && passed_over.insert(cwd.join(folder)) {
            tracing::warn!("`{}` leads out of `{}` and is passed over", folder.display(), cwd.display());
        }
    }
}

/// Nothing when the folder is in a home that does not exist: a service may run without one.
fn at_home(folder: PathBuf, home: Option<&Path>) -> Result<Option<PathBuf>, StartError> {
    if let Ok(inside) = folder.strip_prefix("~") {
        if home.is_none() {
            tracing::warn!("`{}` was passed over: there is no `HOME` in the environment", folder.display());
        }
        return Ok(home.map(|home| home.join(inside)));
    }
    if folder.is_absolute() {
        return Ok(Some(folder));
    }
    Err(StartError::new(format!("setting `folders` names `{}`", folder.display()))
        .help("name absolute folders, or such as begin with `~/`"))
}

#[cfg(test)]
mod tests;
