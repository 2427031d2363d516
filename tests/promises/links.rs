//! Every link in the pages leads somewhere.

use std::collections::BTreeSet;
use std::path::Path;

use super::repository::{files_with, root, text_of};

#[test]
fn every_link_within_the_repository_leads_to_a_file_and_a_heading() {
    let mut dead = Vec::new();
    for page in files_with("md") {
        let text = text_of(&root().join(&page));
        for target in links(&text).into_iter().filter(|target| is_ours(target)) {
            if let Err(problem) = follow(&page, &target) {
                dead.push(format!("{}: `{target}` {problem}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "these links are dead:\n{}", dead.join("\n"));
}

fn is_ours(target: &str) -> bool {
    !["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme))
}

fn follow(page: &Path, target: &str) -> Result<(), String> {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = root().join(page.parent().unwrap_or(Path::new("")));
    let file = if path.is_empty() { root().join(page) } else { folder.join(path) };
    if !file.exists() {
        return Err("leads to no file".to_owned());
    }
    let is_page = file.extension().is_some_and(|extension| extension == "md");
    if heading.is_empty() || !is_page || headings(&text_of(&file)).contains(heading) {
        return Ok(());
    }
    Err(format!("leads to no heading of {}", file.display()))
}

/// The lines of a page that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// What stands between `](` and `)`, and after `[name]: `.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let line = without_code(line);
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        found.extend(inline.filter_map(|target| target.split_whitespace().next()).map(str::to_owned));
        if let Some((name, target)) = line.split_once("]: ")
            && name.starts_with('[')
        {
            found.extend(target.split_whitespace().next().map(str::to_owned));
        }
    }
    found
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The headings of a page as links name them.
fn headings(text: &str) -> BTreeSet<String> {
    let titles = prose(text).filter(|line| line.starts_with('#'));
    titles.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

fn anchor(title: &str) -> String {
    let kept = title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn links_are_found_outside_of_code() {
    let text =
        "See [a](docs/a.md \"A\") and [b](#b).\n```\n[c](c.md)\n```\n`[d](d.md)` [e][x]\n\n[x]: e.md\n";
    assert_eq!(links(text), ["docs/a.md", "#b", "e.md"]);
}

#[test]
fn a_heading_is_named_as_browsers_name_it() {
    assert_eq!(anchor("The life of a turn: `start` & stop"), "the-life-of-a-turn-start--stop");
}

#[test]
fn a_dead_link_is_told() {
    assert!(follow(Path::new("docs/x.md"), "../Cargo.toml").is_ok());
    assert!(follow(Path::new("docs/x.md"), "../Cargo.lock#anything").is_ok());
    assert!(follow(Path::new("docs/x.md"), "../missing.md").is_err());
}
