//! [`Catalogue`]: which skills there are, under which names. The tool's description and the tool itself both ask it,
//! so that what is advertised is what is loaded.

use std::collections::BTreeMap;

use transom_agent::refusal::shown;

use crate::document::{Document, SKILL_FILE};
use crate::finds::digest;

/// Bytes of a skill.
pub(crate) const SKILL_BYTES: u64 = 1 << 20;

/// Characters of a name that is none which are shown.
const SHOWN: usize = 100;

/// A file that may be a skill, as far as its head tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// From the top of its tree, parts joined by `/`.
    pub(crate) path: String,
    /// What it is called; nothing when it has no name by which it could be asked for.
    pub(crate) name: Option<String>,
    summary: String,
    problem: Option<String>,
    bytes: u64,
    /// The digest of its content; nothing where that cannot be read.
    pub(crate) sha256: Option<String>,
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
    /// What is wrong with it, in a sentence.
    pub(crate) problem: Option<String>,
    /// Bytes of its instructions.
    pub(crate) bytes: u64,
    /// The digest of the content by which it is known; nothing where that cannot be read.
    pub(crate) sha256: Option<String>,
}

/// Skills by name, in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalogue(BTreeMap<String, Skill>);

impl Candidate {
    /// The file at `path`, of so many bytes, by its text, or why that cannot be read.
    pub(crate) fn of(path: String, text: Result<&str, String>, size: u64) -> Self {
        let (folder, file) = folder_and_file(&path);
        let read = text.as_ref().map_or_else(|_| Document::default(), |text| Document::of(file, text));
        let header = text.as_ref().map_or(0, |text| text.len() - read.body.len()) as u64;
        let stands_for =
            if file == SKILL_FILE { Some(folder_and_file(folder).1) } else { file.strip_suffix(".md") };
        let unnamed = read.name.as_deref().filter(|name| !name.is_empty() && !is_name(name)).map(|name| {
            format!("its name is `{}`, which no skill can have; its folder names it", shown(name, SHOWN))
        });
        let too_long = (size > SKILL_BYTES).then(|| too_long(size));
        Self {
            name: read
                .name
                .filter(|name| is_name(name))
                .or_else(|| stands_for.filter(|name| is_name(name)).map(str::to_owned)),
            summary: read.summary,
            bytes: size.saturating_sub(header),
            sha256: text.as_ref().ok().map(|text| digest(text)),
            problem: too_long.or(text.err()).or(unnamed).or(read.problem),
            path,
        }
    }
}

/// What is wrong with a skill of so many bytes.
pub(crate) fn too_long(size: u64) -> String {
    format!("it is {size} bytes long, expected at most {SKILL_BYTES}")
}

impl Catalogue {
    /// Of the candidates with the same name the first tree's counts; in a tree the one nearest to the top, then the
    /// first in byte order of its path. The order in which they were found does not matter.
    pub(crate) fn of<'a>(trees: impl IntoIterator<Item = &'a [Candidate]>) -> Self {
        let mut skills = BTreeMap::new();
        for (tree, candidates) in trees.into_iter().enumerate() {
            let mut candidates: Vec<_> = candidates.iter().collect();
            candidates.sort_by(|a, b| rank(&a.path).cmp(&rank(&b.path)));
            for candidate in candidates {
                if let Some(name) = &candidate.name {
                    skills.entry(name.clone()).or_insert_with(|| Skill::of(candidate, tree));
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

impl Skill {
    fn of(candidate: &Candidate, tree: usize) -> Self {
        let Candidate { path, summary, problem, bytes, sha256, .. } = candidate.clone();
        Self { summary, tree, path, problem, bytes, sha256 }
    }
}

fn rank(path: &str) -> (usize, &str) {
    (path.matches('/').count(), path)
}

/// Folder and file name of a path; the folder of a file at the top is empty.
pub(crate) fn folder_and_file(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Whether a model can be expected to repeat it, and nobody could take it for a path.
pub(crate) fn is_name(name: &str) -> bool {
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
        let candidate =
            |(path, head): &(&str, &str)| Candidate::of((*path).to_owned(), Ok(head), head.len() as u64);
        files.iter().map(candidate).collect()
    }

    /// Name, tree, path and summary of every skill.
    fn check(trees: &[&[(&str, &str)]], expected: &[(&str, usize, &str, &str)]) {
        let trees: Vec<_> = trees.iter().map(|files| tree(files)).collect();
        let catalogue = Catalogue::of(trees.iter().map(Vec::as_slice));
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
    fn what_is_wrong_is_told_and_the_skill_is_listed_all_the_same() {
        let problem = |path: &str, head: Result<&str, &str>, size| {
            let candidate = Candidate::of(path.to_owned(), head.map_err(str::to_owned), size);
            let catalogue = Catalogue::of([&[candidate][..]]);
            let skill = catalogue.find("a").expect("it is listed");
            (skill.summary.clone(), skill.problem.clone().unwrap_or_default(), skill.bytes)
        };
        let told = |problem: &str, bytes| (String::new(), problem.to_owned(), bytes);
        assert_eq!(problem("a.md", Err("it is not UTF-8"), 7), told("it is not UTF-8", 7));
        assert_eq!(
            problem("a.md", Ok("x"), SKILL_BYTES + 1),
            told("it is 1048577 bytes long, expected at most 1048576", SKILL_BYTES + 1)
        );
        let (_, unnamed, _) = problem("a/SKILL.md", Ok("---\nname: ../b\ndescription: c\n---\n"), 34);
        assert_eq!(unnamed, "its name is `../b`, which no skill can have; its folder names it");
        assert_eq!(problem("a.md", Ok("when\n---\nbody"), 13), ("when".to_owned(), String::new(), 4));
    }

    #[test]
    fn names_that_could_be_taken_for_paths_are_left_out() {
        let long = format!("{}.md", "x".repeat(129));
        let odd =
            [("..md", ""), ("a..b.md", ""), ("a\\b.md", ""), ("a\nb.md", ""), (" a.md", ""), (&long, "")];
        check(&[&odd], &[]);
    }
}
