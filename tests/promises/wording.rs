//! What may stand in the files of the repository, and how much of it.

use std::path::{Path, PathBuf};

use super::repository::{files, files_with, root, text_of};

/// A file longer than this is two files.
const MOST_LINES: usize = 800;

/// The only source files that name `abi_stable`, each with its reason. `…/` stands for everything below.
const ABI_STABLE: &[(&str, &str)] = &[
    ("plugin-api/src/abi.rs", "the one module tree that has its types in signatures"),
    ("plugin-api/src/abi/", "the same"),
    ("plugin-api/src/context.rs", "derives the layout of what every call carries"),
    ("plugin-api/src/error.rs", "derives the layout of what every call may end with"),
    ("plugin-api/src/contract.rs", "says on what the safety of the facade rests"),
    ("plugin-api/src/lib.rs", "hands it to the output of the macros, hidden from authors"),
    ("plugin-api/macros/src/export.rs", "writes the entry of a plugin, which has its type"),
    ("tests/promises/fingerprints.rs", "asks it for a second opinion"),
    ("tests/promises/wording.rs", "this list"),
];

#[test]
fn no_file_is_longer_than_it_may_be() {
    let is_read = |path: &&PathBuf| path.extension().is_some_and(|e| e == "rs" || e == "md" || e == "toml");
    let lines = |path: &PathBuf| text_of(&root().join(path)).lines().count();
    let long: Vec<String> = files()
        .iter()
        .filter(is_read)
        .filter(|path| lines(path) > MOST_LINES)
        .map(|path| format!("{}: {} lines", path.display(), lines(path)))
        .collect();
    assert!(long.is_empty(), "more than {MOST_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn every_source_file_says_in_its_first_line_what_it_is() {
    let says = |path: &PathBuf| {
        text_of(&root().join(path)).lines().next().is_some_and(|line| line.starts_with("//! "))
    };
    let silent: Vec<_> = files_with("rs").into_iter().filter(|path| !says(path)).collect();
    assert!(silent.is_empty(), "without a first line `//! …`: {silent:#?}");
}

#[test]
fn the_layout_library_is_named_only_where_the_abi_is_made() {
    let is_listed = |path: &Path| {
        let path = path.display().to_string();
        ABI_STABLE
            .iter()
            .any(|(place, _)| *place == path || (place.ends_with('/') && path.starts_with(place)))
    };
    let named: Vec<_> = files_with("rs")
        .into_iter()
        .filter(|path| text_of(&root().join(path)).contains("abi_stable"))
        .collect();
    let strangers: Vec<_> = named.iter().filter(|path| !is_listed(path)).collect();
    assert!(strangers.is_empty(), "these name `abi_stable` and are not in {ABI_STABLE:#?}: {strangers:#?}");
    let places = ABI_STABLE.iter().map(|(place, _)| Path::new(place));
    let idle: Vec<_> = places.filter(|place| !named.iter().any(|path| path.starts_with(place))).collect();
    assert!(idle.is_empty(), "these are listed and do not name it: {idle:#?}");
}

/// Marks of unfinished work, of one machine, and of how the work was organised. They are put together here so that this
/// file has none of them.
fn forbidden() -> Vec<String> {
    let halves = [
        ("TO", "DO"),
        ("FIX", "ME"),
        ("XX", "X:"),
        ("unimplemented", "!("),
        ("to", "do!("),
        ("dbg", "!("),
        ("/wo", "rk/"),
        ("/ro", "ot/"),
        ("help", "er-"),
        ("seeds", "/"),
        ("design", " §"),
        ("digest", " §"),
        ("<<<<", "<<< "),
        (">>>>", ">>> "),
    ];
    halves.iter().map(|(left, right)| format!("{left}{right}")).collect()
}

/// Whether a mark stands in a line, and is not the beginning of a longer name, such as that of a constant.
fn has_mark(line: &str, mark: &str) -> bool {
    let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_ascii_uppercase());
    let ends_in_letter = mark.ends_with(|c: char| c.is_ascii_uppercase());
    line.match_indices(mark).any(|(at, _)| !(ends_in_letter && goes_on(&line[at + mark.len()..])))
}

fn marks_in(line: &str) -> Vec<String> {
    let mut found: Vec<String> = forbidden().into_iter().filter(|mark| has_mark(line, mark)).collect();
    let is_number =
        |rest: &str| rest.trim_start_matches([' ', '#']).starts_with(|c: char| c.is_ascii_digit());
    let lower = line.to_lowercase();
    if lower.split("issue").skip(1).any(is_number) {
        found.push("the number of an issue".to_owned());
    }
    found
}

#[test]
fn nothing_is_left_unfinished_and_nothing_tells_how_it_was_made() {
    let is_text = |path: &&PathBuf| {
        path.extension().is_some_and(|e| ["rs", "md", "toml", "json"].iter().any(|x| e == *x))
    };
    let mut found = Vec::new();
    for path in files().iter().filter(is_text) {
        for (number, line) in text_of(&root().join(path)).lines().enumerate() {
            let place = || format!("{}:{}", path.display(), number + 1);
            found.extend(marks_in(line).into_iter().map(|mark| format!("{}: {mark}", place())));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_mark_is_found_where_there_is_one() {
    for mark in forbidden() {
        assert_eq!(marks_in(&format!("let x = 1; // {mark} later")), [mark]);
    }
    for line in ["see @ 12", "@ #3", "closes @#4"].map(|line| line.replace('@', "Issue")) {
        assert_eq!(marks_in(&line), ["the number of an issue"], "{line}");
    }
    assert_eq!(marks_in("a tissue of 12 issues, none numbered"), [""; 0]);
    let name = ["TO", "DOS_CHANGED"].concat();
    assert_eq!(marks_in(&format!("pub const {name}: u8 = 1;")), [""; 0]);
}

#[test]
fn no_editor_or_merge_left_a_file_behind() {
    let is_left = |path: &&PathBuf| {
        let name = path.display().to_string();
        [".orig", ".rej", ".bak", ".swp", "~", ".log", ".tmp"].iter().any(|end| name.ends_with(end))
    };
    let left: Vec<_> = files().into_iter().filter(|path| is_left(&path)).collect();
    assert!(left.is_empty(), "remove {left:#?}");
}
