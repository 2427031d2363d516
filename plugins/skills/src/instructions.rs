//! [`Instructions`]: what a model is shown of a skill, whichever way it comes to it.

use std::io;
use std::path::PathBuf;

use crate::catalogue::{Skill, folder_and_file};
use crate::document::{Document, SKILL_FILE};
use crate::finds::digest;
use crate::tree::Tree;

/// A skill that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instructions {
    pub(crate) name: String,
    /// What a model is shown; nothing where the skill says nothing.
    pub(crate) shown: Option<String>,
    /// By which another version of its file is told apart: SHA-256, in hexadecimal digits.
    pub(crate) digest: String,
}

impl Instructions {
    /// Reads a skill of a tree.
    pub(crate) fn read(name: &str, skill: &Skill, tree: &Tree) -> io::Result<Self> {
        let text = tree.read(&skill.path)?;
        Ok(Self { name: name.to_owned(), shown: shown(skill, tree, &text), digest: digest(&text) })
    }
}

fn shown(skill: &Skill, tree: &Tree, text: &str) -> Option<String> {
    let (folder, file) = folder_and_file(&skill.path);
    let body = Document::of(file, text).body;
    if body.trim().is_empty() {
        return None;
    }
    if file != SKILL_FILE {
        return Some(body.to_owned());
    }
    // A skill that is a folder refers to its scripts and references by relative paths.
    Some(format!(
        "{}\n\n[relative paths in this skill begin at `{}`]\n",
        body.trim(),
        tree.path().join(folder).display()
    ))
}

/// The file of a skill, for people.
pub(crate) fn file_of(skill: &Skill, tree: &Tree) -> PathBuf {
    tree.path().join(&skill.path)
}
