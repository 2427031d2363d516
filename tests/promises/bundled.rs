//! Every bundled plugin stands in every list that makes it one.

use std::fs;

use super::repository::{root, text_of};

/// Bundled, and run only where there is a key for them.
const NEED_AN_ACCOUNT: &[&str] = &["provider-anthropic", "provider-openai"];

fn plugins() -> Vec<String> {
    let folders = fs::read_dir(root().join("plugins")).expect("there are plugins");
    let mut names: Vec<String> = folders
        .map(|entry| entry.expect("the folder can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "`plugins` is empty");
    names
}

/// The plugins for which `file` has no line like `line`.
fn check(file: &str, line: impl Fn(&str) -> String, except: &[&str]) {
    let text = text_of(&root().join(file));
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_missing =
        |name: &&String| !lines.contains(&line(name).as_str()) && !except.contains(&name.as_str());
    let missing: Vec<String> = plugins().iter().filter(is_missing).map(|name| line(name)).collect();
    assert!(missing.is_empty(), "{file} has no line\n{}", missing.join("\n"));
}

#[test]
fn every_plugin_is_in_the_programs_list() {
    check("host/src/plugins.rs", |name| format!("use transom_{} as _;", name.replace('-', "_")), &[]);
    check("host/src/plugins.rs", |name| format!("\"{name}\","), &[]);
}

#[test]
fn every_plugin_is_a_part_of_the_feature() {
    check("host/Cargo.toml", |name| format!("\"dep:transom-{name}\","), &[]);
}

#[test]
fn every_plugin_is_built_for_the_test_that_reads_its_file() {
    check("tests/Cargo.toml", |name| format!("transom-{name}.workspace = true"), &[]);
}

#[test]
fn every_plugin_runs_by_default_unless_it_needs_an_account() {
    check("host/src/default.toml", |name| format!("id = \"{name}\""), NEED_AN_ACCOUNT);
    let built_in = text_of(&root().join("host/src/program/built_in.rs"));
    for name in NEED_AN_ACCOUNT {
        assert!(built_in.contains(name), "nothing adds `{name}` where there is a key");
    }
}

#[test]
fn every_plugin_is_checked_for_what_it_owes_its_host() {
    for name in plugins() {
        let file = format!("plugins/{name}/tests/plugin.rs");
        let text = text_of(&root().join(&file));
        let checks = ["contract_check::<", "ContractCheck::<"].iter().any(|check| text.contains(check));
        assert!(checks, "{file} does not check the contract");
    }
}

#[test]
fn every_plugin_is_built_both_ways() {
    for name in plugins() {
        let file = format!("plugins/{name}/Cargo.toml");
        let text = text_of(&root().join(&file));
        assert!(text.contains("crate-type = [\"cdylib\", \"rlib\"]"), "{file} builds no dylib");
    }
}

#[test]
fn no_transport_knows_a_plugin_by_name() {
    let is_source = |file: &&std::path::PathBuf| {
        file.starts_with("plugins") && file.to_string_lossy().contains("/transport-")
    };
    let files: Vec<_> = super::repository::files_with("rs");
    let sources: Vec<_> =
        files.iter().filter(is_source).filter(|file| !file.to_string_lossy().contains("/tests")).collect();
    assert!(sources.len() > 20, "{sources:?}");
    let others = plugins().into_iter().filter(|name| !name.starts_with("transport-")).collect::<Vec<_>>();
    let named: Vec<String> = sources
        .iter()
        .flat_map(|file| {
            let text = text_of(&root().join(file));
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            let quoted = |name: &&String| code.contains(&format!("\"{name}\""));
            others
                .iter()
                .filter(quoted)
                .map(|name| format!("{} names `{name}`", file.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(named.is_empty(), "{}", named.join("\n"));
}
