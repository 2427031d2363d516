//! [`Library`]: the trees that hold a turn's skills, and the way from a name to the text.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use transom_plugin_api::{Json, StartError};

use crate::catalogue::{Catalogue, Skill, folder_and_file};
use crate::document::{Document, SKILL_FILE};
use crate::tree::Tree;

/// Names listed when one is asked for that does not exist.
const NAMES_LISTED: usize = 50;

/// Where skills are kept. Nothing is remembered between two questions: an edited skill counts at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Library {
    /// Below the folder a turn works in; they shadow the others.
    below_cwd: Vec<PathBuf>,
    /// The operator's own.
    folders: Vec<PathBuf>,
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
        Ok(Self { below_cwd, folders: folders.collect::<Result<_, _>>()? })
    }

    /// The skills of a turn that works in `cwd`.
    pub(crate) fn catalogue(&self, cwd: &str) -> io::Result<Catalogue> {
        catalogue_of(&self.trees(cwd)?)
    }

    /// The instructions of the skill that `input` names, or why there are none.
    pub(crate) fn load(&self, cwd: &str, input: &Json) -> Result<String, String> {
        let name = name_in(&input.value())?;
        let unreadable = |error: io::Error| format!("the skills cannot be read: {error}");
        let trees = self.trees(cwd).map_err(unreadable)?;
        let skills = catalogue_of(&trees).map_err(unreadable)?;
        let skill = skills.find(&name).ok_or_else(|| unknown(&name, &skills))?;
        let tree = &trees[skill.tree];
        let text =
            tree.read(&skill.path).map_err(|error| format!("skill `{name}` cannot be read: {error}"))?;
        Ok(instructions(&name, skill, tree, &text))
    }

    fn trees(&self, cwd: &str) -> io::Result<Vec<Tree>> {
        let cwd = Some(Path::new(cwd)).filter(|cwd| cwd.is_absolute());
        let below =
            cwd.iter().flat_map(|cwd| self.below_cwd.iter().map(|folder| Tree::open_below(cwd, folder)));
        below
            .chain(self.folders.iter().map(|folder| Tree::open(folder)))
            .filter_map(Result::transpose)
            .collect()
    }
}

fn catalogue_of(trees: &[Tree]) -> io::Result<Catalogue> {
    Ok(Catalogue::of(trees.iter().map(Tree::candidates).collect::<io::Result<_>>()?))
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

fn instructions(name: &str, skill: &Skill, tree: &Tree, text: &str) -> String {
    let (folder, file) = folder_and_file(&skill.path);
    let body = Document::of(file, text).body;
    if body.trim().is_empty() {
        return format!("[skill `{name}` says nothing]");
    }
    if file != SKILL_FILE {
        return body.to_owned();
    }
    // A skill that is a folder refers to its scripts and references by relative paths.
    format!(
        "{}\n\n[relative paths in this skill begin at `{}`]\n",
        body.trim(),
        tree.path().join(folder).display()
    )
}

#[cfg(test)]
mod tests;
