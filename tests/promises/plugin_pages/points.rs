//! The table of the points that a plugin touches, from its descriptor.

use std::collections::{BTreeMap, BTreeSet};

use transom_loader::PortDescriptor;

/// The rows, in their order: what a plugin does at points, and what it serves under names.
const ROWS: [&str; 11] = [
    "hears",
    "says",
    "links",
    "applies",
    "calls",
    "calls, where somebody answers",
    "serves",
    "routes",
    "tools",
    "commands",
    "figures",
];

/// Points whose names say what is served, each with its row.
const NAMED: [(&str, &str); 5] = [
    ("agent/tool.run", "tools"),
    ("cli/command", "commands"),
    ("host/figures", "figures"),
    ("http/route", "routes"),
    ("http/stream", "routes"),
];

/// A row for each thing that a plugin does at points, with the points, or with what it serves under names.
pub(super) fn table(ports: &[PortDescriptor]) -> String {
    let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for port in ports {
        rows.entry(row_of(port)).or_default().extend(names_of(port));
    }
    let mut out = "| | |\n|---|---|\n".to_owned();
    for (title, mut names) in ROWS.iter().filter_map(|row| rows.remove_entry(row)) {
        names.sort_by_key(|name| place_of(name));
        names.dedup();
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        out += &format!("| {title} | {} |\n", names.join(", "));
    }
    assert!(rows.is_empty(), "there is no row for {rows:?}");
    out
}

/// The row of what is served under names, where those say it all.
fn named_row(port: &PortDescriptor) -> Option<&'static str> {
    let serves = port.role.as_str() == "serves" && !port.names.is_empty();
    NAMED.iter().find(|(point, _)| serves && *point == port.point).map(|(_, row)| *row)
}

fn row_of(port: &PortDescriptor) -> &str {
    match named_row(port) {
        Some(row) => row,
        None if port.optional && port.role.as_str() == "calls" => "calls, where somebody answers",
        None => port.role.as_str(),
    }
}

fn names_of(port: &PortDescriptor) -> Vec<&str> {
    match named_row(port) {
        Some(_) => port.names.iter().map(String::as_str).collect(),
        None => vec![&port.point],
    }
}

/// Routes stand in the order of their paths.
fn place_of(name: &str) -> (&str, &str) {
    name.split_once(' ').map_or((name, ""), |(method, path)| (path, method))
}

/// What a page without such a table does not name, as sentences.
pub(super) fn unnamed(page: &str, ports: &[PortDescriptor]) -> Vec<String> {
    let names: BTreeSet<&str> = ports.iter().flat_map(names_of).collect();
    let is_missing = |name: &&str| !page.contains(&format!("`{name}`"));
    names.into_iter().filter(is_missing).map(|name| format!("it does not name `{name}`")).collect()
}

#[test]
fn what_is_served_under_names_stands_in_rows_of_its_own() {
    let table = table(&super::descriptor("compaction").ports);
    let rows: Vec<&str> = table.lines().skip(2).collect();
    let titles: Vec<&str> = rows.iter().map(|row| row.split('|').nth(1).unwrap_or_default().trim()).collect();
    let expected =
        ["hears", "says", "applies", "calls", "calls, where somebody answers", "routes", "commands"];
    assert_eq!(titles, expected);
    assert_eq!(rows[1], "| says | `agent/conversation.compacted` |");
    assert!(rows[5].starts_with("| routes | `DELETE /conversations/:id/compact`, `GET /"), "{table}");
    assert_eq!(rows[6], "| commands | `compact` |");
}
