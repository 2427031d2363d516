//! The guide about contracts that change says what happens.

use super::copies::{COPIES, table};
use super::judged::REFUSAL;
use crate::promises::repository::{root, text_of};

fn page() -> String {
    text_of(&root().join("docs/guide/contracts.md"))
}

#[test]
fn the_guide_has_the_table_of_the_judge() {
    let page = page();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.join("\n"), table().join("\n"));
}

#[test]
fn the_guide_shows_a_refusal_as_it_is_printed() {
    // A command says that it is an error, and where the plugin stands in the manifest.
    let printed = REFUSAL.replacen("plugin `dialect-renamed`:", "error: plugin `dialect-renamed`", 1);
    let printed = printed.replacen("\n  help", "\n  --> transom.toml:6:6\n  help", 1);
    assert!(page().contains(&printed), "{printed}");
}

#[test]
fn the_guide_says_of_a_lane_what_the_command_says() {
    let command = text_of(&root().join("host/src/command/lanes.rs"));
    for part in [" have different copies of what crosses ", "each value is encoded on its way"] {
        assert!(command.contains(part) && page().contains(part), "{part}");
    }
}

#[test]
fn the_code_in_the_guide_stands_in_the_contracts_it_names() {
    let page = page();
    let blocks: Vec<&str> =
        page.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 1, "there are more than {} pieces of code", blocks.len());
    let contracts: Vec<String> = COPIES
        .iter()
        .map(|copy| text_of(&root().join(format!("tests/fixtures/dialects/{}/src/parcel.rs", copy.name))))
        .collect();
    for block in blocks {
        assert!(contracts.iter().any(|contract| contract.contains(block)), "no contract has\n{block}");
    }
}
