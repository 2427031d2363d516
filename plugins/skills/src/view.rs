//! [`View`]: the skills that somebody may use, and the way from a name to the text.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use transom_agent::nearest::nearest;
use transom_agent::refusal::shown;
use transom_agent::tool::ToolDefinition;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, List};

use crate::catalogue::{Catalogue, Skill};
use crate::instructions::{Instructions, file_of};
use crate::shelf::Shelf;
use crate::standing::Standing;
use crate::tree::Tree;

/// Names listed when one is asked for that does not exist.
const NAMES_LISTED: usize = 50;
/// Characters of a name that is none which are shown.
const SHOWN: usize = 100;

/// The skills of a working folder, as far as they may be used, over the trees that hold them.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) trees: Vec<Tree>,
    shelf: Arc<Shelf>,
}

/// A skill as it is listed.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) skill: Skill,
    pub(crate) file: PathBuf,
}

/// A tree that may not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Its name in the working folder.
    pub(crate) name: String,
    pub(crate) standing: Standing,
    /// Files in it that may be skills.
    pub(crate) skills: usize,
}

/// The skills of a folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    /// All of them, in byte order of their names.
    pub(crate) listed: Vec<Listed>,
    /// The digests of those that were named, as far as they can be read.
    pub(crate) digests: BTreeMap<String, String>,
    /// Where there are others.
    pub(crate) left_out: Vec<LeftOut>,
}

/// Why somebody gets no instructions.
#[derive(Debug)]
pub(crate) enum Miss {
    /// No skill has the name.
    Unknown,
    /// One has it that may not be used.
    LeftOut(LeftOut),
    /// The file has another content by now than the operator has trusted.
    Changed,
    /// It cannot be read.
    Unreadable(io::Error),
}

impl View {
    pub(crate) fn new(trees: Vec<Tree>, shelf: Arc<Shelf>) -> Self {
        Self { trees, shelf }
    }

    /// Tells them in the definition of the tool that loads them.
    pub(crate) fn tell(&self, tools: &mut List<ToolDefinition>) {
        self.shelf.offer.tell(tools);
    }

    /// All of them; and by which versions of their files those are there that are named.
    pub(crate) fn survey(&self, names: &[String]) -> Survey {
        let listed = |(name, skill): (&str, &Skill)| Listed {
            name: name.to_owned(),
            skill: skill.clone(),
            file: file_of(skill, &self.trees[skill.tree]),
        };
        let digest = |name: &String| Some((name.clone(), self.read(name).ok()?.digest));
        Survey {
            listed: self.shelf.catalogue.iter().map(listed).collect(),
            digests: names.iter().filter_map(digest).collect(),
            left_out: self.left_out().map(|(_, left_out)| left_out).collect(),
        }
    }

    /// The instructions of a skill.
    pub(crate) fn read(&self, name: &str) -> Result<Instructions, Miss> {
        let Some(skill) = self.shelf.catalogue.find(name) else {
            let of_name = |candidate: &str| candidate == name;
            let left_out = self.left_out().find(|(at, _)| self.names_in(*at).any(of_name));
            return Err(left_out.map_or(Miss::Unknown, |(_, left_out)| Miss::LeftOut(left_out)));
        };
        let tree = &self.trees[skill.tree];
        let read = Instructions::read(name, skill, tree).map_err(Miss::Unreadable)?;
        let is_trusted = tree.below().is_none() || skill.sha256.as_ref() == Some(&read.digest);
        if is_trusted || sabotaged("skills-load-what-was-exchanged") { Ok(read) } else { Err(Miss::Changed) }
    }

    fn left_out(&self) -> impl Iterator<Item = (usize, LeftOut)> {
        let trees = self.trees.iter().zip(&self.shelf.of).enumerate();
        let left_out =
            trees.filter(|(_, (_, (finds, standing)))| !standing.admits() && !finds.candidates.is_empty());
        left_out.map(|(at, (tree, (finds, standing)))| {
            let (name, skills) = (tree.below().unwrap_or_default().to_owned(), finds.candidates.len());
            (at, LeftOut { name, standing: standing.clone(), skills })
        })
    }

    fn names_in(&self, tree: usize) -> impl Iterator<Item = &str> {
        self.shelf.of[tree].0.candidates.iter().filter_map(|candidate| candidate.name.as_deref())
    }

    /// Why a model that loads the skill gets none; it sees all names in the tool's definition.
    pub(crate) fn told(&self, name: &str, miss: &Miss) -> String {
        match miss {
            Miss::Unknown => unknown(name, &self.shelf.catalogue),
            other => said(name, other),
        }
    }

    /// The same for a person: `NotFound` with the names that may have been meant, else `Conflict`.
    pub(crate) fn refusal(&self, name: &str, miss: &Miss) -> CallError {
        match miss {
            Miss::Unknown => not_found(name, &self.shelf.catalogue),
            other => CallError::conflict(said(name, other)),
        }
    }
}

fn said(name: &str, miss: &Miss) -> String {
    let name = shown(name, SHOWN);
    match miss {
        Miss::Unknown => format!("there is no skill `{name}`"),
        Miss::LeftOut(LeftOut { name: folder, standing, .. }) => {
            format!(
                "skill `{name}` lies in the working folder's `{}`, which {}",
                shown(folder, SHOWN),
                standing.sentence()
            )
        }
        Miss::Changed => format!("skill `{name}` is being changed; try again"),
        Miss::Unreadable(error) => format!("skill `{name}` cannot be read: {error}"),
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
