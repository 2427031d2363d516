//! Lists of letters: what stayed, what moved, what is left.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::super::super::tree::sample::encoded;
use super::*;

fn elements(bytes: &[Vec<u8>]) -> Vec<Tree<'_>> {
    bytes.iter().map(|bytes| Tree::read(bytes).unwrap()).collect()
}

fn aligned<T: Into<Json>>(given: impl Iterator<Item = T>, returned: impl Iterator<Item = T>) -> Alignment {
    let given: Vec<Vec<u8>> = given.map(|element| encoded(&element.into())).collect();
    let returned: Vec<Vec<u8>> = returned.map(|element| encoded(&element.into())).collect();
    align(&elements(&given), &elements(&returned))
}

/// `kept` has a digit for what is kept and a dot for what is not; `runs` are written `before>after`.
fn check(given: &str, returned: &str, kept: &str, runs: &[&str]) {
    let letters = |text: &str| text.chars().map(String::from).collect::<Vec<_>>().into_iter();
    let alignment = aligned(letters(given), letters(returned));
    let shown = |place: &Option<usize>| place.map_or(".".to_owned(), |place| place.to_string());
    assert_eq!(alignment.kept.iter().map(shown).collect::<String>(), kept, "{given} to {returned}");
    let all_runs: Vec<String> = alignment.runs.iter().map(written).collect();
    assert_eq!(all_runs, runs, "{given} to {returned}");
}

fn written(run: &Run) -> String {
    let mut text = String::new();
    run.given.iter().for_each(|place| write!(text, "{place}").unwrap());
    text.push('>');
    run.returned.iter().for_each(|place| write!(text, "{place}").unwrap());
    text
}

#[test]
fn equal_lists_are_kept() {
    check("", "", "", &[]);
    check("abc", "abc", "012", &[]);
}

#[test]
fn changes_in_place_are_found_between_elements_that_repeat() {
    check("aaaa", "axay", "0.2.", &["1>1", "3>3"]);
    check("abc", "xyz", "...", &["012>012"]);
}

#[test]
fn what_came_and_what_went_stands_between_what_kept_its_order() {
    check("abc", "axbc", "0.12", &[">1"]);
    check("abc", "bc", "12", &["0>"]);
    check("abc", "", "", &["012>"]);
    check("", "abc", "...", &[">012"]);
    check("abcde", "xbdyz", ".13..", &["0>0", "2>", "4>34"]);
}

#[test]
fn the_longest_common_subsequence_is_taken() {
    for round in 0..2_000_usize {
        let letter = |at: usize| (round * 31 + at * at * 7 + round / (at + 1)) % 3;
        let given: Vec<usize> = (0..round % 9).map(letter).collect();
        let returned: Vec<usize> = (0..round % 7).map(|at| letter(at + 3)).collect();
        let found = in_order(&given, &returned);
        assert!(found.iter().all(|pair| given[pair.given] == returned[pair.returned]));
        assert!(found.windows(2).all(|two| two[0].given < two[1].given && two[0].returned < two[1].returned));
        assert_eq!(found.len(), longest(&given, &returned), "{given:?} to {returned:?}");
    }
}

/// The length of the longest common subsequence, by trying.
fn longest(given: &[usize], returned: &[usize]) -> usize {
    match (given, returned) {
        ([], _) | (_, []) => 0,
        ([one, given @ ..], [other, returned @ ..]) if one == other => 1 + longest(given, returned),
        ([_, rest @ ..], [_, others @ ..]) => longest(rest, returned).max(longest(given, others)),
    }
}

#[test]
fn what_moved_is_kept_and_in_no_run() {
    check("ab", "ba", "10", &[]);
    check("abcd", "dbcx", "312.", &["0>", ">3"]);
    check("aabcd", "bcdaa", "23401", &[]);
    check("abcde", "ecxba", "42.10", &["3>", ">2"]);
}

#[test]
fn of_what_repeats_the_one_nearest_to_an_end_that_did_not_change_is_kept() {
    check("aac", "ax", "0.", &["12>1"]);
    check("caa", "xa", ".2", &["01>0"]);
}

#[test]
fn what_was_doubled_is_kept_once() {
    check("ab", "aab", "0.1", &[">1"]);
}

#[test]
fn a_long_list_is_aligned_without_weighing_each_with_each() {
    let alignment = aligned(0..50_000, (10..25_000).chain(25_001..50_000).chain([99_999]));
    assert_eq!(alignment.kept.iter().flatten().count(), 49_989);
    let expected = vec![
        Run { given: (0..10).collect(), returned: Vec::new() },
        Run { given: vec![25_000], returned: Vec::new() },
        Run { given: Vec::new(), returned: vec![49_989] },
    ];
    assert_eq!(alignment.runs, expected);
}

#[test]
fn elements_that_repeat_too_often_are_kept_without_being_anchors() {
    let repeated = |count: usize| std::iter::repeat_n(json!("same"), count);
    let before =
        || [json!("x")].into_iter().chain(repeated(2_000)).chain([json!("y")]).chain(repeated(2_000));
    let after = || repeated(2_000).chain([json!("y")]).chain(repeated(1_999)).chain([json!("z")]);
    let alignment = aligned(before(), after());
    assert_eq!(alignment.kept.iter().flatten().count(), 4_000);
    assert_eq!(alignment.kept[2_000], Some(2_001));
    assert_eq!(alignment.runs.len(), 2, "{:?}", alignment.runs);
}

#[test]
fn what_repeats_at_an_end_that_did_not_change_costs_no_anchors() {
    let end = "s".repeat(2_000);
    let letters = |text: String| text.chars().map(String::from).collect::<Vec<_>>().into_iter();
    let alignment = aligned(letters(format!("assb{end}")), letters(format!("xssyz{end}")));
    let runs: Vec<String> = alignment.runs.iter().map(written).collect();
    assert_eq!(runs, ["0>0", "3>34"]);
}
