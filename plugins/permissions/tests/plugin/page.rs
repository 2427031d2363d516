//! What the guide shows is what the plugin answers.

use serde_json::Value;
use transom_testkit::{both_ways, json};

use crate::store::Store;
use crate::{command, started};

const GUIDE: &str = include_str!("../../../../docs/guide/permissions.md");

/// The rules of the manifest on the page.
fn rules(name: &str) -> Value {
    let begin = format!("{name} = [");
    let line = GUIDE.lines().find(|line| line.starts_with(&begin)).expect("the page has them");
    serde_json::from_str(line.split_once(" = ").expect("a list").1).expect("texts")
}

/// The checks on the page, each with what is shown of its answer.
fn checks() -> Vec<(String, String)> {
    let lines: Vec<&str> = GUIDE.lines().collect();
    let begin = "$ transom permissions --folder \"$PWD\" check run_shell '";
    let check = |two: &[&str]| {
        let input = two[0].strip_prefix(begin)?.strip_suffix('\'')?;
        Some((input.to_owned(), two[1].to_owned()))
    };
    lines.windows(2).filter_map(check).collect()
}

#[test]
fn every_check_of_the_guide_is_answered_as_it_is_shown_by_the_manifest_above_it() {
    both_ways(async |stand| {
        let settings = json!({"allow": rules("allow"), "ask": rules("ask"), "deny": rules("deny")});
        let stand = started(stand, &Store::default(), settings).await;
        let folder = stand.root().display().to_string();
        let checks = checks();
        assert!(checks.len() >= 4, "{checks:?}");
        for (input, shown) in checks {
            let words = ["--folder", &folder, "check", "run_shell", &input];
            let answer = command(&stand, &words).await.output.replace(&folder, "/home/ana/ship");
            assert_eq!(answer, format!("{shown}\n"), "{input}");
        }
        stand.stop().await;
    });
}
