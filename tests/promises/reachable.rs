//! No source file is forgotten: each is the root of a target, or the module of one.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta};

use super::repository::{files_with, packages, packages_apart, root, text_of};

#[test]
fn every_source_file_is_compiled_by_something() {
    let mut reached = BTreeSet::new();
    let targets = packages().into_iter().chain(packages_apart()).flat_map(|package| package.targets);
    for target in targets.chain(kept()) {
        reach(&target, target.parent().unwrap_or(Path::new("")), &mut reached);
    }
    let all = files_with("rs");
    let forgotten: Vec<_> = all.iter().filter(|file| !reached.contains(*file)).collect();
    assert!(forgotten.is_empty(), "no `mod` leads to these files: {forgotten:#?}");
}

/// The sources of plugins of which the files are kept; `tests/fixtures/abi/build` compiles them.
fn kept() -> impl Iterator<Item = PathBuf> {
    files_with("rs")
        .into_iter()
        .filter(|file| file.starts_with("tests/fixtures/abi") && file.ends_with("src/lib.rs"))
}

/// Adds a file and its modules, which lie in `folder`.
fn reach(file: &Path, folder: &Path, reached: &mut BTreeSet<PathBuf>) {
    if !reached.insert(file.to_owned()) {
        return;
    }
    let parsed = syn::parse_file(&text_of(&root().join(file)));
    let parsed = parsed.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    modules(&parsed.items, file, folder, reached);
}

fn modules(items: &[Item], file: &Path, folder: &Path, reached: &mut BTreeSet<PathBuf>) {
    for item in items {
        let Item::Mod(module) = item else { continue };
        let below = folder.join(module.ident.to_string());
        match &module.content {
            Some((_, items)) => modules(items, file, &below, reached),
            None => reach(&file_of(module, file, folder), &below, reached),
        }
    }
}

fn file_of(module: &ItemMod, file: &Path, folder: &Path) -> PathBuf {
    if let Some(path) = module.attrs.iter().find_map(path_in) {
        return without_detours(&file.parent().unwrap_or(Path::new("")).join(path));
    }
    let beside = folder.join(format!("{}.rs", module.ident));
    let inside = folder.join(module.ident.to_string()).join("mod.rs");
    if root().join(&inside).exists() { inside } else { beside }
}

/// The path with every `..` taken back, together with the folder before it.
fn without_detours(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut straight, component| {
        match component {
            Component::ParentDir => drop(straight.pop()),
            other => straight.push(other),
        }
        straight
    })
}

/// The path in `#[path = "…"]`.
fn path_in(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("path") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => Some(path.value()),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn a_module_lies_in_the_file_that_has_its_name() {
    let module = |text: &str| syn::parse_str::<ItemMod>(text).expect("it is a module");
    let (file, folder) = (Path::new("kernel/src/lib.rs"), Path::new("kernel/src"));
    assert_eq!(file_of(&module("mod bus;"), file, folder), Path::new("kernel/src/bus.rs"));
    assert_eq!(
        file_of(&module("#[path = \"x/y.rs\"] mod bus;"), file, folder),
        Path::new("kernel/src/x/y.rs")
    );
    assert_eq!(
        file_of(&module("#[path = \"../x/y.rs\"] mod bus;"), file, folder),
        Path::new("kernel/x/y.rs")
    );
}

#[test]
fn files_stand_beside_their_folders() {
    let old: Vec<_> = files_with("rs").into_iter().filter(|file| file.ends_with("mod.rs")).collect();
    assert!(old.is_empty(), "name these for what they are, beside their folder: {old:#?}");
}
