//! What an author is told about a payload that cannot be one.

use super::expand;
use crate::expansion::{messages, source};

fn check(item: &str, expected: &[&str]) {
    assert_eq!(messages(expand(source(""), source(item))), expected, "{item}");
}

fn check_arguments(arguments: &str, item: &str, expected: &[&str]) {
    assert_eq!(
        messages(expand(source(arguments), source(item))),
        expected,
        "#[contract({arguments})] {item}"
    );
}

fn check_attribute(attribute: &str, expected: &[&str]) {
    check(&format!("struct Parcel {{ {attribute} wait_ms: u64 }}"), expected);
    check(&format!("enum Parcel {{ Full {{ {attribute} wait_ms: u64 }}, Empty }}"), expected);
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
fn an_argument_nobody_knows_is_told_with_those_that_are_known() {
    let expected = "expected `name = \"…\"`, `revision = …`, `grows` or `default`";
    check_arguments("title = \"x\"", "struct Parcel { id: u64 }", &[expected]);
    check_attribute("#[contract(grows)]", &["expected `default` or `was = \"…\"`"]);
}

#[test]
fn a_revision_is_a_number_from_one() {
    let expected = ["a revision is a number from 1 to 4294967295"];
    for revision in ["0", "4294967296", "1u64 << 40", "\"2\""] {
        let refused = expand(source(&format!("revision = {revision}")), source("struct Parcel { id: u64 }"));
        assert_eq!(messages(refused).len(), 1, "{revision}");
    }
    check_arguments("revision = 0", "struct Parcel { id: u64 }", &expected);
    check_arguments("revision = 4294967296", "struct Parcel { id: u64 }", &expected);
    check_arguments("revision = 4294967295, name = \"x\"", "struct Parcel { id: u64 }", &[]);
}

#[test]
fn only_an_enum_grows_and_only_a_struct_has_a_default() {
    check_arguments(
        "grows",
        "struct Parcel { id: u64 }",
        &["a struct grows by fields with `#[contract(default)]`; `grows` is for enums"],
    );
    for item in ["enum Parcel { Full { weight: u64 } }", "enum Parcel { Full, Empty }"] {
        let expected = "an enum has no fields of its own; write `#[contract(default)]` on a variant's";
        check_arguments("default", item, &[expected]);
        check_arguments("grows", item, &[]);
    }
    check_arguments("default", "struct Parcel { id: u64 }", &[]);
}

#[test]
fn the_variant_that_growing_adds_cannot_be_there_already() {
    let expected = ["`Unknown` is the variant that `grows` adds"];
    check_arguments("grows", "enum Parcel { Full { weight: u64 }, Unknown { weight: u64 } }", &expected);
    check_arguments("grows", "enum Parcel { Unknown, Full }", &expected);
    check_arguments("", "enum Parcel { Unknown, Full }", &[]);
}

#[test]
fn what_would_make_shape_and_encoding_differ_is_refused() {
    let differs = "would make the encoded form differ from what the contract says of it";
    for (name, attribute) in [
        ("rename", "rename = \"x\""),
        ("skip", "skip"),
        ("skip_serializing", "skip_serializing"),
        ("skip_deserializing", "skip_deserializing"),
        ("skip_serializing_if", "skip_serializing_if = \"is_zero\""),
        ("with", "with = \"module\""),
        ("serialize_with", "serialize_with = \"f\""),
        ("deserialize_with", "default, deserialize_with = \"f\""),
        ("borrow", "borrow"),
    ] {
        let expected = format!("`{name}` {differs}; what may stand here is `default`, `alias` and `flatten`");
        check_attribute(&format!("#[serde({attribute})]"), &[&expected]);
    }
    for (name, attribute) in [
        ("rename", "rename = \"x\""),
        ("other", "other"),
        ("untagged", "untagged"),
        ("skip", "skip"),
        ("alias", "alias = \"x\""),
    ] {
        let item = format!("enum Parcel {{ Full {{ weight: u64 }}, #[serde({attribute})] Empty }}");
        check(&item, &[&format!("`{name}` {differs}")]);
    }
    for (name, attribute) in [
        ("rename_all", "rename_all = \"lowercase\""),
        ("rename_all_fields", "rename_all_fields = \"lowercase\""),
        ("tag", "tag = \"kind\""),
        ("untagged", "untagged"),
        ("default", "default"),
        ("transparent", "transparent"),
        ("deny_unknown_fields", "deny_unknown_fields"),
        ("from", "from = \"u8\""),
    ] {
        let item = format!("#[serde({attribute})] enum Parcel {{ Full {{ weight: u64 }}, Empty }}");
        check(&item, &[&format!("`{name}` {differs}")]);
    }
    check("#[serde(transparent)] struct Parcel { id: u64 }", &[&format!("`transparent` {differs}")]);
}

#[test]
fn what_says_that_a_field_may_be_absent_or_had_another_name_is_accepted() {
    check_attribute("#[serde(default, alias = \"x\")]", &[]);
    check_attribute("#[serde(default = \"path::to::it\")]", &[]);
    check_attribute("#[serde(flatten)]", &[]);
    check_attribute("#[contract(default, was = \"x\", was = \"y\")]", &[]);
    check("#[serde(default)] struct Parcel { id: u64 }", &[]);
}

#[test]
fn a_variant_takes_none_of_what_a_field_takes() {
    let expected = ["a variant is what it is; these go with its fields"];
    check("enum Parcel { #[contract(was = \"x\")] Full { weight: u64 }, Empty }", &expected);
}

#[test]
fn nothing_in_a_contract_depends_on_the_build() {
    let expected = ["a contract is the same in every build"];
    check_attribute("#[cfg(test)]", &expected);
    check_attribute("#[cfg_attr(test, serde(rename = \"x\"))]", &expected);
    check("enum Parcel { Full { weight: u64 }, #[cfg(test)] Empty }", &expected);
}

#[test]
fn two_things_of_one_name_in_the_encoded_form_are_refused() {
    let twice = |name: &str| format!("`{name}` stands for something else in the encoded form already");
    check("struct Parcel { wait_ms: u64, waitMs: u64 }", &[&twice("waitMs")]);
    check("struct Parcel { wait: u64, #[contract(was = \"wait\")] wait_ms: u64 }", &[&twice("wait")]);
    check("enum Parcel { Full { r#type: u64 }, Empty }", &[&twice("type")]);
    check("enum Parcel { Full { #[contract(was = \"type\")] kind: u64 }, Empty }", &[&twice("type")]);
    check("enum Parcel { VeryFull, veryFull }", &[&twice("very-full")]);
    let tag = "`type` says which variant an enum is; call the field of a struct otherwise, such as `kind`";
    check("struct Parcel { r#type: u64, other: u64 }", &[tag]);
    check("struct Parcel { #[contract(was = \"type\")] kind: u64 }", &[tag]);
    check(
        "struct Parcel { #[contract(was = \"x\")] #[serde(flatten)] label: Label }",
        &["a flattened field has no name, nor had it one"],
    );
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
