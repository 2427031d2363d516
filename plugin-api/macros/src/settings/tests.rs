//! What an author is told about settings that cannot be, and the schema of those that can.

use super::expand;
use crate::expansion::source;

fn check(item: &str, expected: &str) {
    let refused = expand(source(item)).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(refused, Err(expected.to_owned()), "{item}");
}

fn schema(item: &str) -> String {
    expand(source(item)).unwrap_or_else(|error| panic!("{error}")).to_string().replace("\\\"", "\"")
}

#[test]
fn settings_are_a_struct_with_names_or_a_choice_of_words() {
    check("struct Parrot(u64);", "settings have names");
    check("enum Manner { Loud { times: u64 } }", "a choice among settings has no fields");
    check("union Manner { a: u8, b: i8 }", "`Settings` is derived for a struct or an enum");
}

#[test]
fn a_term_nobody_knows_is_told_with_those_that_are_known() {
    check("struct Parrot { #[setting(maximum = 3)] times: u64 }", "expected `default`, `min` or `max`");
}

#[test]
fn defaults_and_bounds_are_literals() {
    let expected = "a literal: the schema is written at compile time";
    check("struct Parrot { #[setting(default = 2, min = LEAST)] times: u64 }", expected);
    check("struct Parrot { #[setting(default = 2, max = 2 * 3)] times: u64 }", expected);
    check("struct Parrot { #[setting(default = TIMES)] times: u64 }", expected);
    check("struct Parrot { #[setting(default = [1, two()])] times: Vec<u64> }", expected);
}

#[test]
fn the_schema_holds_descriptions_defaults_bounds_and_what_is_required() {
    let schema = schema(
        "/// Repeats \"words\".
        struct Parrot {
            /// How often.
            #[setting(default = 2, min = 1, max = 9)]
            times: u64,
            /// Which.
            word: Text,
            pause: Option<u64>,
        }",
    );
    for part in [
        "\"description\":\"Repeats \\\\\"words\\\\\".\"",
        "\"description\":\"How often.\",\"default\":2,\"minimum\":1,\"maximum\":9",
        "\"required\":[\"word\"]",
    ] {
        assert!(schema.contains(part), "`{part}` is missing in {schema}");
    }
}

#[test]
fn a_choice_is_written_in_kebab_case() {
    assert!(schema("enum Manner { VeryLoud, Mute }").contains("\"enum\":[\"very-loud\",\"mute\"]"));
}
