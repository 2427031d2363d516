//! Every test that a page names as its evidence is there.

use std::path::{Path, PathBuf};

use super::repository::{files_with, root, text_of};

/// The complaints that `docs/pains.md` answers.
const PAINS: usize = 25;
/// The defects that `docs/defects.md` lists.
const DEFECTS: usize = 35;

#[test]
fn each_complaint_is_answered_with_a_test_that_is_there() {
    check("docs/pains.md", PAINS);
}

#[test]
fn each_defect_is_answered_with_a_test_that_is_there() {
    check("docs/defects.md", DEFECTS);
}

fn check(page: &str, expected: usize) {
    let text = text_of(&root().join(page));
    let rows: Vec<Vec<&str>> = text.lines().map(cells).filter(|cells| is_number(cells)).collect();
    assert_eq!(rows.len(), expected, "{page}");
    let mut wrong = Vec::new();
    for row in &rows {
        let named = tests_in(row.last().copied().unwrap_or_default());
        if named.is_empty() {
            wrong.push(format!("{} {}: no test is named", row[0], row[1]));
        }
        wrong.extend(missing(&named));
    }
    assert!(wrong.is_empty(), "{page}:\n{}", wrong.join("\n"));
}

#[test]
fn each_promise_is_shown_by_a_test_that_is_there() {
    let page = text_of(&root().join("docs/reliability.md"));
    let named: Vec<(&str, &str)> = page.lines().map(cells).filter_map(|row| promise(&row)).collect();
    assert!(named.len() > 50, "more than {} promises are listed", named.len());
    let wrong: Vec<String> = missing(&named).collect();
    assert!(wrong.is_empty(), "docs/reliability.md:\n{}", wrong.join("\n"));
}

/// The cells of a row.
fn cells(line: &str) -> Vec<&str> {
    let row = line.strip_prefix('|').and_then(|row| row.strip_suffix('|'));
    row.map_or_else(Vec::new, |row| row.split('|').map(str::trim).collect())
}

fn is_number(row: &[&str]) -> bool {
    row.first().is_some_and(|first| first.parse::<usize>().is_ok())
}

/// Package and test of a row of promises.
fn promise<'a>(row: &[&'a str]) -> Option<(&'a str, &'a str)> {
    let [_, package, test, _] = row else { return None };
    let is_test = package.starts_with('`') && test.contains("::");
    is_test.then(|| (package.trim_matches('`'), test.trim_matches('`')))
}

/// What stands between backticks, two by two: a package and a test.
fn tests_in(cell: &str) -> Vec<(&str, &str)> {
    let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    named.chunks(2).map(|pair| (pair[0], pair.get(1).copied().unwrap_or_default())).collect()
}

fn missing(named: &[(&str, &str)]) -> impl Iterator<Item = String> {
    named
        .iter()
        .filter(|(package, test)| !is_there(package, test))
        .map(|(package, test)| format!("`{package}` has no test `{test}`"))
}

/// Whether a file of the package, in a place that the path leads to, has a function of that name.
fn is_there(package: &str, test: &str) -> bool {
    let Some(folder) = folder_of(package) else { return false };
    let steps: Vec<&str> = test.split("::").collect();
    let Some((name, modules)) = steps.split_last() else { return false };
    // Ways of attachment are modules that a macro writes; `tests` is a module in the file or a file of its own.
    let module = modules
        .iter()
        .rev()
        .find(|module| !["linked", "dylib", "tests"].contains(*module))
        .or(modules.first());
    let is_place = |path: &Path| {
        path.with_extension("")
            .components()
            .any(|part| module.is_some_and(|module| part.as_os_str() == *module))
    };
    let function = format!("fn {name}(");
    let own = files_with("rs").into_iter().filter(|path| path.starts_with(&folder) && is_place(path));
    own.into_iter().any(|path| text_of(&root().join(path)).contains(&function))
}

fn folder_of(package: &str) -> Option<PathBuf> {
    let name = format!("name = \"{package}\"");
    let is_its = |path: &PathBuf| {
        path.ends_with("Cargo.toml") && text_of(&root().join(path)).lines().any(|line| line == name)
    };
    Some(files_with("toml").into_iter().find(is_its)?.parent()?.to_owned())
}

#[test]
fn a_test_that_is_not_there_is_told() {
    assert!(is_there("transom-tests", "promises::pains::a_test_that_is_not_there_is_told"));
    assert!(!is_there("transom-tests", "promises::links::a_test_that_is_not_there_is_told"));
    assert!(!is_there("transom-kernel", "promises::pains::a_test_that_is_not_there_is_told"));
    assert_eq!(tests_in("`a` `b::c`; `d` `e::f`"), [("a", "b::c"), ("d", "e::f")]);
}
