//! [`Catalogue`]: which skills there are, under which names. The tool's description and the tool itself both ask it,
//! so that what is advertised is what is loaded.

use std::collections::BTreeMap;

use crate::document::{Document, SKILL_FILE};

/// A file that may be a skill.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// From the top of its tree, parts joined by `/`.
    pub(crate) path: String,
    /// The beginning of its text; nothing when it could not be read.
    pub(crate) head: Option<String>,
}

/// A skill in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Skill {
    /// One line on when to use it; may be empty.
    pub(crate) summary: String,
    /// The tree it was found in, counted from 0.
    pub(crate) tree: usize,
    /// Its file, from the top of that tree.
    pub(crate) path: String,
}

/// Skills by name, in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalogue(BTreeMap<String, Skill>);

impl Catalogue {
    /// Of the candidates with the same name the first tree's counts; in a tree the one nearest to the top, then the
    /// first in byte order of its path. The order in which they were found does not matter.
    pub(crate) fn of(trees: Vec<Vec<Candidate>>) -> Self {
        let mut skills = BTreeMap::new();
        for (tree, mut candidates) in trees.into_iter().enumerate() {
            candidates.sort_by(|a, b| rank(&a.path).cmp(&rank(&b.path)));
            for candidate in candidates {
                if let Some((name, summary)) = described(&candidate) {
                    skills.entry(name).or_insert(Skill { summary, tree, path: candidate.path });
                }
            }
        }
        Self(skills)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Skill> {
        self.0.get(name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Skill)> {
        self.0.iter().map(|(name, skill)| (name.as_str(), skill))
    }
}

fn rank(path: &str) -> (usize, &str) {
    (path.matches('/').count(), path)
}

/// Folder and file name of a path; the folder of a file at the top is empty.
pub(crate) fn folder_and_file(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn described(candidate: &Candidate) -> Option<(String, String)> {
    let (folder, file) = folder_and_file(&candidate.path);
    let document = Document::of(file, candidate.head.as_deref().unwrap_or_default());
    let given = document.name.filter(|name| is_name(name));
    let stands_for = if file == SKILL_FILE { folder_and_file(folder).1 } else { file.strip_suffix(".md")? };
    let name = given.or_else(|| is_name(stands_for).then(|| stands_for.to_owned()))?;
    Some((name, document.summary))
}

/// Whether a model can be expected to repeat it, and nobody could take it for a path.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name.trim() == name
        && !name.starts_with('.')
        && !name.contains("..")
        && !name.chars().any(|character| character.is_control() || matches!(character, '/' | '\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Vec<Candidate> {
        let candidate = |(path, head): &(&str, &str)| Candidate {
            path: (*path).to_owned(),
            head: Some((*head).to_owned()),
        };
        files.iter().map(candidate).collect()
    }

    /// Name, tree, path and summary of every skill.
    fn check(trees: &[&[(&str, &str)]], expected: &[(&str, usize, &str, &str)]) {
        let catalogue = Catalogue::of(trees.iter().map(|files| tree(files)).collect());
        let found: Vec<_> = catalogue
            .iter()
            .map(|(name, skill)| (name, skill.tree, skill.path.as_str(), skill.summary.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn names_come_from_files_and_sort_in_byte_order() {
        check(
            &[&[("b.md", "B\n---\n"), ("Z.md", ""), ("a/ä.md", "Ä\n---\n")]],
            &[("Z", 0, "Z.md", ""), ("b", 0, "b.md", "B"), ("ä", 0, "a/ä.md", "Ä")],
        );
    }

    #[test]
    fn a_skill_file_is_named_by_itself_else_by_its_folder() {
        check(
            &[&[
                ("x/SKILL.md", "---\nname: pdf\ndescription: Reads\n---\n"),
                ("deep/y/SKILL.md", "no front matter"),
                ("z/SKILL.md", "---\nname: ../../etc\n---\n"),
                ("SKILL.md", "nobody's"),
            ]],
            &[("pdf", 0, "x/SKILL.md", "Reads"), ("y", 0, "deep/y/SKILL.md", ""), ("z", 0, "z/SKILL.md", "")],
        );
    }

    #[test]
    fn an_earlier_tree_shadows_a_later_one() {
        check(
            &[&[("deep/down/a.md", "mine\n---\n")], &[("a.md", "theirs\n---\n"), ("b.md", "")]],
            &[("a", 0, "deep/down/a.md", "mine"), ("b", 1, "b.md", "")],
        );
    }

    #[test]
    fn in_a_tree_the_nearest_to_the_top_counts_whatever_was_found_first() {
        let files = [
            ("z/a.md", "z\n---\n"),
            ("b/a.md", "b\n---\n"),
            ("b/c/a.md", "c\n---\n"),
            ("a.md", "top\n---\n"),
        ];
        check(&[&files], &[("a", 0, "a.md", "top")]);
        check(&[&files[..3]], &[("a", 0, "b/a.md", "b")]);
    }

    #[test]
    fn a_file_that_could_not_be_read_is_listed_without_a_summary() {
        let unread = Candidate { path: "a.md".into(), head: None };
        let catalogue = Catalogue::of(vec![vec![unread]]);
        assert_eq!(catalogue.find("a").map(|skill| skill.summary.as_str()), Some(""));
    }

    #[test]
    fn names_that_could_be_taken_for_paths_are_left_out() {
        let long = format!("{}.md", "x".repeat(129));
        let odd =
            [("..md", ""), ("a..b.md", ""), ("a\\b.md", ""), ("a\nb.md", ""), (" a.md", ""), (&long, "")];
        check(&[&odd], &[]);
    }
}
