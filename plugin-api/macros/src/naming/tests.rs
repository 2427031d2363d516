//! Names as they are encoded.

use super::{camel, json_text, kebab};

#[test]
fn a_variant_is_words_joined_by_dashes() {
    for (name, encoded) in [("Text", "text"), ("RateLimited", "rate-limited"), ("Xhigh", "xhigh"), ("A", "a")]
    {
        assert_eq!(kebab(name), encoded);
    }
}

#[test]
fn a_field_is_words_of_which_all_but_the_first_are_capitalised() {
    for (name, encoded) in [
        ("id", "id"),
        ("wait_ms", "waitMs"),
        ("time_to_first", "timeToFirst"),
        ("_flock", "flock"),
        ("b_2", "b2"),
    ] {
        assert_eq!(camel(name), encoded);
    }
}

#[test]
fn a_quote_and_a_backslash_in_text_are_escaped() {
    assert_eq!(json_text("a \"b\" \\ c\n"), "\"a \\\"b\\\" \\\\ c \"");
}
