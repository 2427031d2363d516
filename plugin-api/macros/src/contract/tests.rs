//! What an author is told about a payload that cannot be one.

use super::expand;
use crate::expansion::{messages, source};

fn check(item: &str, expected: &[&str]) {
    assert_eq!(messages(expand(source(""), source(item))), expected, "{item}");
}

fn check_field(ty: &str, expected: &str) {
    check(&format!("struct Parcel {{ content: {ty} }}"), &[expected]);
    check(&format!("enum Parcel {{ Full {{ content: {ty} }}, Empty }}"), &[expected]);
}

#[test]
fn a_std_type_is_answered_with_the_facade_type_that_replaces_it() {
    let instead = [
        ("String", "Text"),
        ("Vec<u8>", "List<…>"),
        ("VecDeque<u8>", "List<…>"),
        ("Option<Text>", "Maybe<…>"),
        ("HashMap<Text, u8>", "Map<…>"),
        ("BTreeMap<Text, u8>", "Map<…>"),
        ("Value", "Json"),
        ("Arc<Text>", "Shared<…>"),
        ("Rc<Text>", "Shared<…>"),
        ("Box<Text>", "Shared<…>"),
        ("usize", "u64"),
        ("isize", "i64"),
        ("PathBuf", "Text"),
        ("OsString", "Text"),
        ("Duration", "u64, with the unit in the field's name"),
        ("SystemTime", "i64, milliseconds since the epoch"),
        ("Instant", "i64, milliseconds since the epoch"),
    ];
    for (ty, instead) in instead {
        let name = ty.split('<').next().unwrap_or(ty);
        check_field(
            ty,
            &format!("`{name}` has no stable layout and cannot cross a point; write `{instead}`"),
        );
    }
}

#[test]
fn a_std_type_is_found_behind_its_path_and_inside_other_types() {
    let expected = "`String` has no stable layout and cannot cross a point; write `Text`";
    for ty in ["std::string::String", "List<String>", "Maybe<List<alloc::string::String>>", "Map<String>"] {
        check_field(ty, expected);
    }
}

#[test]
fn a_reference_is_answered_with_an_owned_type() {
    check_field("&'static str", "a payload owns what it carries; write `Text`");
    check_field("&'static [u8]", "a payload owns what it carries; write `an owned contract type`");
}

#[test]
fn a_tuple_is_answered_with_a_struct() {
    check_field("(u8, u8)", "a tuple has no stable layout; write a struct with `#[contract]`");
}

#[test]
fn fields_without_names_are_refused() {
    let expected = ["the fields of a contract have names: write `{ name: Type }`"];
    check("struct Parcel(u8);", &expected);
    check("enum Parcel { Full(u8), Empty }", &expected);
}

#[test]
fn a_generic_payload_and_a_union_are_refused() {
    let generic = ["a contract cannot be generic: its layout must be one"];
    check("struct Parcel<T> { content: T }", &generic);
    check("struct Parcel<'a> { content: Cow<'a, str> }", &generic);
    check("union Parcel { a: u8, b: i8 }", &["a union cannot cross a point"]);
}

#[test]
fn everything_wrong_in_a_payload_is_told_at_once() {
    check(
        "struct Parcel { label: String, weights: Vec<u8>, sender: Text }",
        &[
            "`String` has no stable layout and cannot cross a point; write `Text`",
            "`Vec` has no stable layout and cannot cross a point; write `List<…>`",
        ],
    );
}

#[test]
fn an_argument_nobody_knows_is_told_with_the_one_that_is_known() {
    let item = source("struct Parcel { id: u64 }");
    assert_eq!(messages(expand(source("title = \"x\""), item)), ["expected `name = \"…\"`"]);
}

#[test]
fn a_refused_payload_stays_in_the_source() {
    let expansion = expand(source(""), source("struct Parcel { label: String }")).to_string();
    assert!(expansion.contains("struct Parcel"), "its uses would be reported as well: {expansion}");
}

#[test]
fn a_payload_of_facade_types_is_accepted() {
    check("struct Parcel { id: u64, label: Text, parts: List<Maybe<Json>>, tags: Map<Shared<Text>> }", &[]);
    check("enum Parcel { Full { weight: u64 }, Empty }", &[]);
}
