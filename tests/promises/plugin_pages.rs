//! Every bundled plugin has a page, and the page has the settings and the points that the plugin's file tells.
//!
//! With `TRANSOM_WRITE_PAGES=1` the tables are written in place of being compared.

use std::collections::BTreeMap;
use std::fmt::Write;

use transom_loader::{Descriptor, PluginFile};

use super::repository::{root, text_of};

mod points;
mod settings;

/// A table between two comments, and what makes it.
struct Section {
    name: &'static str,
    table: fn(&Descriptor) -> String,
}

const SETTINGS: Section = Section { name: "settings", table: |plugin| settings::table(&plugin.settings) };
const POINTS: Section = Section { name: "points", table: |plugin| points::table(&plugin.ports) };

impl Section {
    fn begin(&self) -> String {
        format!("<!-- {} -->\n", self.name)
    }

    fn end(&self) -> String {
        format!("<!-- /{} -->\n", self.name)
    }

    /// What stands between the comments of a page.
    fn of<'a>(&self, page: &'a str) -> Option<&'a str> {
        page.split_once(&self.begin())?.1.split_once(&self.end()).map(|(inside, _)| inside)
    }

    /// The page with another table.
    fn put(&self, page: &str, table: &str) -> String {
        let (begin, end) = (self.begin(), self.end());
        let old = self.of(page).expect("the page has the section");
        page.replacen(&format!("{begin}{old}{end}"), &format!("{begin}{table}{end}"), 1)
    }
}

/// Ids of the plugins that the program has inside.
fn bundled() -> Vec<String> {
    let list = text_of(&root().join("host/src/plugins.rs"));
    let ids = list.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","));
    let ids: Vec<String> = ids.map(str::to_owned).collect();
    assert!(ids.len() > 10, "the list of bundled plugins is not where it was: {ids:?}");
    ids
}

/// What the plugin's file says of it. Cargo leaves the dylibs of dependencies beside the test itself.
fn descriptor(id: &str) -> Descriptor {
    let beside = std::env::current_exe().expect("a running program has a path");
    let path = beside.with_file_name(format!("libtransom_{}.so", id.replace('-', "_")));
    let file = PluginFile::read(&path)
        .unwrap_or_else(|error| panic!("{error}; is `transom-{id}` in tests/Cargo.toml?"));
    file.contents.descriptor(id).expect("the file holds the plugin").clone()
}

/// Compares the sections of a page, and tells what is wrong; the page as it should be comes with it.
fn compared(page: &str, plugin: &Descriptor) -> (Vec<String>, String) {
    let (mut wrong, mut written) = (Vec::new(), page.to_owned());
    for section in [SETTINGS, POINTS] {
        let table = (section.table)(plugin);
        match section.of(page) {
            Some(there) if there == table => {}
            Some(_) => {
                wrong.push(format!("its {} are others; they are\n{table}", section.name));
                written = section.put(&written, &table);
            }
            None if section.name == POINTS.name => wrong.extend(points::unnamed(page, &plugin.ports)),
            None => wrong.push(format!("it has no lines\n{}{}", section.begin(), section.end())),
        }
    }
    (wrong, written)
}

#[test]
fn the_page_of_a_plugin_has_the_settings_and_points_of_its_file() {
    let writes = std::env::var_os("TRANSOM_WRITE_PAGES").is_some_and(|value| value == "1");
    let mut found = String::new();
    for id in bundled() {
        let path = root().join(format!("docs/plugins/{id}.md"));
        let Ok(page) = std::fs::read_to_string(&path) else {
            writeln!(found, "docs/plugins/{id}.md: there is no such page").expect("a string takes all");
            continue;
        };
        let plugin = descriptor(&id);
        let (mut wrong, written) = compared(&page, &plugin);
        if writes && written != page {
            std::fs::write(&path, &written).expect("a page can be written");
            wrong = compared(&written, &plugin).0;
        }
        for problem in wrong {
            writeln!(found, "docs/plugins/{id}.md: {problem}").expect("a string takes all");
        }
    }
    assert!(found.is_empty(), "{found}\nTRANSOM_WRITE_PAGES=1 has this test write the tables");
}

#[test]
fn every_page_of_a_plugin_is_one_of_a_bundled_one_and_is_listed() {
    let index = text_of(&root().join("docs/README.md"));
    let bundled = bundled();
    let mut seen = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("docs/plugins")).expect("there are pages") {
        let name = entry.expect("the folder can be read").file_name().to_string_lossy().into_owned();
        let id = name.trim_end_matches(".md").to_owned();
        assert!(bundled.contains(&id), "docs/plugins/{name} is the page of no bundled plugin");
        seen.insert(id, index.contains(&format!("(plugins/{name})")));
    }
    let unlisted: Vec<_> = seen.iter().filter(|(_, is_listed)| !**is_listed).map(|(id, _)| id).collect();
    assert!(unlisted.is_empty(), "docs/README.md does not lead to the pages of {unlisted:?}");
}

#[test]
fn a_table_that_is_not_the_plugins_is_told_and_written_anew() {
    let plugin = descriptor("tools-fs");
    let page = "# `tools-fs`\n\n<!-- settings -->\nold\n<!-- /settings -->\n\n<!-- points -->\n<!-- /points -->\nend\n";
    let (wrong, written) = compared(page, &plugin);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(written.ends_with("<!-- /points -->\nend\n") && !written.contains("old"), "{written}");
    assert_eq!(compared(&written, &plugin), (Vec::new(), written.clone()));
    assert_eq!(compared(&written.replace("262,144", "262,145"), &plugin), (vec![wrong[0].clone()], written));
    let (wrong, _) = compared("It serves `glob`, `grep`, `read_file`, `list_dir`, `write_file`.\n", &plugin);
    assert_eq!(wrong[0], "it has no lines\n<!-- settings -->\n<!-- /settings -->\n");
    assert_eq!(
        wrong[1..],
        ["it does not name `agent/conversation.compacting`", "it does not name `edit_file`"]
    );
}
