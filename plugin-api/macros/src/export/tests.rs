//! What an author is told about an export that cannot be one.

use super::expand;
use crate::expansion::source;

fn refused(arguments: &str) -> String {
    expand(source(arguments))
        .err()
        .map_or_else(|| panic!("`{arguments}` is accepted"), |error| error.to_string())
}

fn accepted(arguments: &str) -> String {
    expand(source(arguments)).unwrap_or_else(|error| panic!("`{arguments}`: {error}")).to_string()
}

#[test]
fn a_plugin_without_an_id_is_asked_for_one() {
    assert_eq!(refused("Parrot"), "name the plugin: `id = \"word-count\"`");
    assert_eq!(refused("Parrot, capabilities = [\"net\"]"), "name the plugin: `id = \"word-count\"`");
}

#[test]
fn an_id_is_words_joined_by_dashes() {
    let expected = "an id is lower-case words joined by `-`, at most 64 characters";
    for id in ["", "Parrot", "word_count", "-a", "a-", "a--b", "a b", "ä", "a/b", &"a".repeat(65)] {
        assert_eq!(refused(&format!("Parrot, id = {id:?}")), expected, "{id}");
    }
    for id in ["a", "word-count", "s3-2", &"a".repeat(64)] {
        accepted(&format!("Parrot, id = {id:?}"));
    }
}

#[test]
fn the_entry_is_named_for_the_id() {
    assert!(accepted("Parrot, id = \"loud-parrot\"").contains("\"transom_plugin_loud_parrot\""));
}

#[test]
fn a_runtime_or_an_argument_nobody_knows_is_told_with_those_that_are_known() {
    assert_eq!(refused("Parrot, id = \"a\", runtime = \"smol\""), "the only runtime is \"tokio\"");
    assert_eq!(refused("Parrot, name = \"a\""), "expected `id`, `runtime`, `handover` or `capabilities`");
}

#[test]
fn capabilities_are_texts() {
    assert_eq!(refused("Parrot, id = \"a\", capabilities = [net]"), "expected text in quotes");
    accepted("Parrot, id = \"a\", runtime = \"tokio\", capabilities = [\"net\", \"fs\"],");
}
