//! [`Library`]: the trees that hold a turn's skills, and the way from a name to the text.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use transom_agent::nearest::nearest;
use transom_agent::refusal::shown;
use transom_agent::tool::ToolDefinition;
use transom_plugin_api::{CallError, Json, List, StartError};

use crate::catalogue::{Catalogue, Skill};
use crate::instructions::{Instructions, file_of};
use crate::shelf::{Care, Shelf, Shelves};
use crate::tree::Tree;

/// Names listed when one is asked for that does not exist.
const NAMES_LISTED: usize = 50;
/// Folders that lead out of which the log tells.
const PASSED_OVER: usize = 100;
/// Characters of a name that is none which are shown.
const SHOWN: usize = 100;

/// Where skills are kept. An edited skill counts at once.
#[derive(Debug)]
pub(crate) struct Library {
    /// Below the folder a turn works in; they shadow the others.
    below_cwd: Vec<PathBuf>,
    /// The operator's own.
    folders: Vec<PathBuf>,
    shelves: Shelves,
    /// Folders that were passed over, and of which that was said.
    passed_over: Mutex<HashSet<PathBuf>>,
}

/// A skill as it is listed.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) skill: Skill,
    pub(crate) file: PathBuf,
}

/// The skills of a folder.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// All of them, in byte order of their names.
    pub(crate) listed: Vec<Listed>,
    /// The digests of those that were named, as far as they can be read.
    pub(crate) digests: BTreeMap<String, String>,
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

    /// Tells the skills of a turn that works in `cwd`. Whether they are to be [checked](Self::check) beside the turn.
    pub(crate) fn tell(&self, cwd: &str, tools: &mut List<ToolDefinition>) -> io::Result<bool> {
        let (trees, shelf) = self.look(cwd, Care::Watched)?;
        shelf.offer.tell(tools);
        Ok(self.shelves.is_due(&trees))
    }

    /// Looks through everything for changes of which no watch tells.
    pub(crate) fn check(&self, cwd: &str) {
        if let Err(error) = self.look(cwd, Care::Afresh) {
            tracing::warn!("the skills of `{cwd}` cannot be looked through: {error}");
        }
    }

    /// The skills of who works in `cwd`, as they are now; and by which versions of their files those are there that are named.
    ///
    /// # Errors
    /// When a folder of skills cannot be read.
    pub(crate) fn survey(&self, cwd: &str, names: &[String]) -> Result<Survey, CallError> {
        let (trees, shelf) = self.look(cwd, Care::Afresh).map_err(unreadable)?;
        let listed = |(name, skill): (&str, &Skill)| Listed {
            name: name.to_owned(),
            skill: skill.clone(),
            file: file_of(skill, &trees[skill.tree]),
        };
        let digest = |name: &String| {
            let skill = shelf.catalogue.find(name)?;
            let read = Instructions::read(name, skill, &trees[skill.tree]).ok()?;
            Some((name.clone(), read.digest))
        };
        let listed = shelf.catalogue.iter().map(listed).collect();
        Ok(Survey { listed, digests: names.iter().filter_map(digest).collect() })
    }

    /// The instructions of a skill as they are now.
    ///
    /// # Errors
    /// `NotFound` with the names that may have been meant, `Conflict` when it cannot be read.
    pub(crate) fn read(&self, cwd: &str, name: &str) -> Result<Instructions, CallError> {
        let (trees, shelf) = self.look(cwd, Care::Afresh).map_err(unreadable)?;
        let skill = shelf.catalogue.find(name).ok_or_else(|| not_found(name, &shelf.catalogue))?;
        Instructions::read(name, skill, &trees[skill.tree])
            .map_err(|error| CallError::conflict(format!("skill `{name}` cannot be read: {error}")))
    }

    /// The instructions of the skill that `input` names, or why there are none.
    pub(crate) fn load(&self, cwd: &str, input: &Json) -> Result<String, String> {
        let name = name_in(&input.value())?;
        let unreadable = |error: io::Error| format!("the skills cannot be read: {error}");
        let (mut trees, mut shelf) = self.look(cwd, Care::Watched).map_err(unreadable)?;
        if shelf.catalogue.find(&name).is_none() {
            // Before that is said, it is looked for where no watch tells of it.
            (trees, shelf) = self.look(cwd, Care::Afresh).map_err(unreadable)?;
        }
        let skill = shelf.catalogue.find(&name).ok_or_else(|| unknown(&name, &shelf.catalogue))?;
        let read = Instructions::read(&name, skill, &trees[skill.tree])
            .map_err(|error| format!("skill `{name}` cannot be read: {error}"))?;
        Ok(read.shown.unwrap_or_else(|| format!("[skill `{name}` says nothing]")))
    }

    fn look(&self, cwd: &str, care: Care) -> io::Result<(Vec<Tree>, Arc<Shelf>)> {
        let trees = self.trees(cwd)?;
        let shelf = self.shelves.shelf(cwd, &trees, care)?;
        Ok((trees, shelf))
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

fn name_in(input: &Value) -> Result<String, String> {
    let fields = input.as_object().ok_or("the input is not a JSON object, expected `name`")?;
    if let Some(unknown) = fields.keys().find(|key| *key != "name") {
        return Err(format!("`{unknown}` is not an input of this tool, which takes `name`"));
    }
    match fields.get("name") {
        Some(Value::String(name)) if !name.is_empty() => Ok(name.clone()),
        Some(Value::String(_)) => Err("`name` is empty, expected the name of a skill".to_owned()),
        Some(other) => Err(format!("`name` is {other}, expected text")),
        None => Err("`name` is missing, expected text".to_owned()),
    }
}

fn unreadable(error: io::Error) -> CallError {
    CallError::unavailable(format!("the skills cannot be read: {error}"))
}

/// For a model, which sees all names in the tool's definition.
fn unknown(name: &str, skills: &Catalogue) -> String {
    if skills.is_empty() {
        return format!("there is no skill `{name}`; there are no skills at all");
    }
    let total = skills.iter().len();
    let known: Vec<_> = skills.iter().take(NAMES_LISTED).map(|(known, _)| format!("`{known}`")).collect();
    let more =
        if total > NAMES_LISTED { format!(" and {} more", total - NAMES_LISTED) } else { String::new() };
    format!("there is no skill `{name}`; there are {}{more}", known.join(", "))
}

/// For a person.
fn not_found(name: &str, skills: &Catalogue) -> CallError {
    let near: Vec<_> = nearest(name, skills.iter().map(|(known, _)| known))
        .into_iter()
        .map(|near| format!("`{near}`"))
        .collect();
    let meant = match near.len() {
        0 if skills.is_empty() => "; there are no skills at all".to_owned(),
        0 => String::new(),
        _ => format!("; did you mean {}?", near.join(" or ")),
    };
    CallError::not_found(format!("there is no skill `{}`{meant}", shown(name, SHOWN)))
}

#[cfg(test)]
mod tests;
