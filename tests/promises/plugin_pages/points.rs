//! The table of the points that a plugin touches, from its descriptor.

use std::collections::BTreeSet;

use transom_loader::PortDescriptor;

/// What a plugin does at points, in the order of the rows, each with the word of its port.
const ROWS: [(&str, &str, Optional); 7] = [
    ("hears", "hears", Optional::Either),
    ("says", "says", Optional::Either),
    ("links", "links", Optional::Either),
    ("applies", "applies", Optional::Either),
    ("calls", "calls", Optional::No),
    ("calls, where somebody answers", "calls", Optional::Yes),
    ("serves", "serves", Optional::Either),
];

/// Points whose names say what is served.
const NAMED: [(&str, &str); 5] = [
    ("agent/tool.run", "tool"),
    ("cli/command", "command"),
    ("host/figures", "figures for"),
    ("http/route", ""),
    ("http/stream", ""),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Optional {
    Yes,
    No,
    Either,
}

/// A row for each thing that a plugin does at points, with the points.
pub(super) fn table(ports: &[PortDescriptor]) -> String {
    let mut out = "| | |\n|---|---|\n".to_owned();
    for (title, role, optional) in ROWS {
        let fits = |port: &&PortDescriptor| {
            port.role.as_str() == role
                && (optional == Optional::Either || port.optional == (optional == Optional::Yes))
        };
        let points: BTreeSet<String> = ports.iter().filter(fits).flat_map(shown).collect();
        if !points.is_empty() {
            let points: Vec<_> = points.into_iter().collect();
            out += &format!("| {title} | {} |\n", points.join(", "));
        }
    }
    out
}

/// The point, or what is served under its names.
fn shown(port: &PortDescriptor) -> Vec<String> {
    let what = NAMED.iter().find(|(point, _)| *point == port.point).map(|(_, what)| *what);
    let Some(what) = what.filter(|_| !port.names.is_empty()) else {
        return vec![format!("`{}`", port.point)];
    };
    let name = |name: &String| if what.is_empty() { format!("`{name}`") } else { format!("{what} `{name}`") };
    port.names.iter().map(name).collect()
}

/// What a page without such a table does not name, as sentences.
pub(super) fn unnamed(page: &str, ports: &[PortDescriptor]) -> Vec<String> {
    let all: BTreeSet<String> = ports.iter().flat_map(shown).collect();
    let name = |shown: &String| shown.split_once('`').map_or(String::new(), |(_, name)| format!("`{name}"));
    let names = all.iter().map(name).filter(|name| !page.contains(name.as_str()));
    names.map(|name| format!("it does not name {name}")).collect()
}

#[test]
fn what_is_served_under_names_is_told_by_those() {
    let plugin = super::descriptor("compaction");
    let table = table(&plugin.ports);
    let rows: Vec<&str> = table.lines().skip(2).collect();
    let titles: Vec<&str> = rows.iter().map(|row| row.split('|').nth(1).unwrap_or_default().trim()).collect();
    assert_eq!(titles, ["hears", "says", "applies", "calls", "calls, where somebody answers", "serves"]);
    assert_eq!(rows[1], "| says | `agent/conversation.compacted` |");
    assert!(rows[5].contains("`POST /conversations/:id/compact`, ") && rows[5].contains("command `compact`"));
    assert!(!table.contains("http/route"), "{table}");
}
