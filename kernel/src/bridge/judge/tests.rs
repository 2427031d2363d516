//! Shapes beside each other: which places are named, and for which reason.

mod encoding;
mod generate;
mod model;
mod properties;
mod table;

use serde_json::{Value, json};

use super::{Misfit, Reason, can_carry_back, judge, loses};
use crate::bridge::shape::Shape;

fn shape(value: &Value) -> Shape {
    Shape::parse(value).unwrap_or_else(|problem| panic!("{value}: {problem}"))
}

fn of(fields: Value) -> Value {
    json!({"struct": "Sample", "fields": fields})
}

fn field(name: &str, shape: Value) -> Value {
    json!({"name": name, "shape": shape})
}

fn tagged(variants: Value) -> Value {
    json!({"enum": "Chunk", "tag": "type", "variants": variants})
}

fn plain(names: &[&str]) -> Value {
    let variants: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    json!({"enum": "Mood", "variants": variants})
}

fn lines(found: Result<(), Vec<Misfit>>) -> Vec<String> {
    let line = |Misfit { path, expected, found, reason, is_returned }: Misfit| {
        let way = if is_returned { " on return" } else { "" };
        format!("{path}: {expected}, {found}, {reason:?}{way}")
    };
    found.err().unwrap_or_default().into_iter().map(line).collect()
}

/// Each misfit as `path: expected, found, reason`.
fn check(written: &Value, read: &Value, expected: &[&str]) {
    assert_eq!(lines(judge(&shape(written), &shape(read))), expected, "{written} read as {read}");
}

fn check_link(original: &Value, link: &Value, expected: &[&str]) {
    let found = lines(can_carry_back(&shape(original), &shape(link)));
    assert_eq!(found, expected, "{original} lent to {link}");
}

fn check_lost(written: &Value, read: &Value, expected: &[&str]) {
    assert_eq!(loses(&shape(written), &shape(read)), expected, "{written} read as {read}");
}

/// `conversation.turns[].calls{}<tool-call>.input`, with that shape at its end.
fn deep(input: &Value) -> Value {
    let call = tagged(json!([{"name": "tool-call", "fields": [field("input", input.clone())]}]));
    let turn = of(json!([field("calls", json!({"map": call}))]));
    let conversation = of(json!([field("turns", json!({"list": {"shared": {"maybe": turn}}}))]));
    of(json!([field("conversation", conversation)]))
}

#[test]
fn a_misfit_is_told_with_its_whole_path() {
    check(
        &deep(&json!("Text")),
        &deep(&json!("u8")),
        &["conversation.turns[].calls{}<tool-call>.input: `u8`, `Text`, OtherKind"],
    );
    check(&json!("Text"), &json!("u8"), &[": `u8`, `Text`, OtherKind"]);
    check(
        &json!({"list": of(json!([]))}),
        &json!({"list": of(json!([field("id", json!("u8"))]))}),
        &["[].id: `u8`, nothing, Missing"],
    );
}

#[test]
fn every_misfit_is_told_in_the_order_of_the_readers_fields() {
    let written = of(json!([field("b", json!("Text")), field("c", json!("u64"))]));
    let read =
        of(json!([field("a", json!("Text")), field("b", json!("bool")), field("c", json!({"list": "u64"}))]));
    check(
        &written,
        &read,
        &["a: `Text`, nothing, Missing", "b: `bool`, `Text`, OtherKind", "c: `List<u64>`, `u64`, OtherKind"],
    );
}

#[test]
fn a_maybe_that_is_not_written_is_none_even_without_a_default() {
    let read = |shape: Value| of(json!([field("note", shape)]));
    check(&of(json!([])), &read(json!({"maybe": "Text"})), &[]);
    check(&of(json!([])), &read(json!({"shared": {"maybe": "Text"}})), &[]);
    check(&of(json!([])), &read(json!("Json")), &["note: `Json`, nothing, Missing"]);
}

#[test]
fn a_maybe_is_left_out_of_a_struct_and_null_elsewhere() {
    let left_out = of(json!([{"name": "note", "shape": {"maybe": "Text"}, "default": true}]));
    let shared = of(json!([{"name": "note", "shape": {"shared": {"maybe": "Text"}}, "default": true}]));
    let needs = |shape: Value| of(json!([field("note", shape)]));
    let defaults = |shape: Value| of(json!([{"name": "note", "shape": shape, "default": true}]));
    check(&left_out, &defaults(json!("Text")), &[]);
    check(&left_out, &needs(json!("Text")), &["note: `Text`, `Maybe<Text>`, MayBeLeftOut"]);
    check(&left_out, &needs(json!("Json")), &["note: `Json`, `Maybe<Text>`, MayBeLeftOut"]);
    check(&shared, &defaults(json!("Text")), &["note: `Text`, `Maybe<Text>`, MayBeNone"]);
    check(&shared, &needs(json!("Json")), &[]);
    // Without `default` on it, the writer's `Maybe` stands behind another name of the type and is never left out.
    let renamed = needs(json!({"maybe": "Text"}));
    check(&renamed, &defaults(json!("Text")), &["note: `Text`, `Maybe<Text>`, MayBeNone"]);
    check(&renamed, &needs(json!("Json")), &[]);
    let list = |shape: Value| json!({"list": shape});
    check(&list(json!({"maybe": "Text"})), &list(json!("Text")), &["[]: `Text`, `Maybe<Text>`, MayBeNone"]);
    check(&list(json!({"maybe": "Text"})), &list(json!("Json")), &[]);
}

#[test]
fn how_often_a_value_may_be_none_does_not_show() {
    check(&json!({"maybe": {"shared": {"maybe": "u8"}}}), &json!({"maybe": "u16"}), &[]);
    check(&json!({"maybe": "u8"}), &json!({"maybe": {"maybe": "u16"}}), &[]);
    check(&json!({"maybe": "u16"}), &json!({"maybe": {"maybe": "u8"}}), &[": `u8`, `u16`, DoesNotFit"]);
    let twice = of(json!([{"name": "x", "shape": {"maybe": {"maybe": "u8"}}, "default": true}]));
    let once = of(json!([{"name": "x", "shape": "u8", "default": true}]));
    check(&twice, &once, &["x: `u8`, `Maybe<u8>`, MayBeNone"]);
}

#[test]
fn two_fields_that_would_be_read_as_one_are_refused() {
    let written = of(json!([field("wait", json!("u8")), field("waitMs", json!("u8"))]));
    let read = of(json!([{"name": "waitMs", "shape": "u8", "was": ["wait"]}]));
    check(&written, &read, &["waitMs: one of the two, `wait` and `waitMs`, Twice"]);
}

#[test]
fn anything_reads_as_json_but_what_is_not_known_here() {
    check(&deep(&json!("()")), &json!("Json"), &[]);
    check(&json!("Json"), &json!({"maybe": "Json"}), &[]);
    check(&json!("Json"), &json!("Text"), &[": `Text`, `Json`, Unbounded"]);
    check(&json!({"list": "u128"}), &json!("Json"), &[": `Json`, `List<u128>`, Foreign"]);
    check(&deep(&json!("u128")), &json!({"maybe": "Json"}), &[": `Json`, `struct Sample`, Foreign"]);
    for around in ["maybe", "map", "shared"] {
        let written = json!({around: "u128"});
        assert_eq!(judge(&shape(&written), &Shape::Json).unwrap_err()[0].reason, Reason::Foreign, "{around}");
    }
}

#[test]
fn a_foreign_shape_fits_itself_alone() {
    check(&json!("u128"), &json!("u128"), &[]);
    check(&json!("u128"), &json!({"maybe": "u128"}), &[]);
    check(&json!("u128"), &json!("i128"), &[": `i128`, `u128`, Foreign"]);
    check(&json!("u8"), &json!("u128"), &[": `u128`, `u8`, Foreign"]);
    check(&json!("u128"), &json!("f64"), &[": `f64`, `u128`, Foreign"]);
}

#[test]
fn names_of_types_do_not_matter() {
    let one = json!({"struct": "Before", "fields": [field("mood", plain(&["calm"]))]});
    let mut mood = plain(&["calm"]);
    mood["enum"] = json!("Weather");
    let other = json!({"struct": "After", "fields": [field("mood", mood)]});
    check(&one, &other, &[]);
    check(&other, &one, &[]);
}

#[test]
fn a_variant_nobody_reads_is_told_with_those_that_are() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let misfit = |known: &[&str], expected: &str| {
        check(&plain(&["new"]), &plain(known), &[&format!("<new>: {expected}, `new`, UnknownVariant")]);
    };
    misfit(&[], "no variant");
    misfit(&names[..1], "`a`");
    misfit(&names[..4], "one of `a`, `b`, `c`, `d`");
    misfit(&names, "one of `a`, `b`, `c`, `d` and 2 more");
}

#[test]
fn what_tells_variants_apart_must_be_the_same() {
    let mut kind = tagged(json!([]));
    kind["tag"] = json!("kind");
    check(&tagged(json!([])), &kind, &[": a map with the tag `kind`, a map with the tag `type`, OtherTag"]);
    check(&plain(&[]), &tagged(json!([])), &[": a map with the tag `type`, the name of a variant, OtherTag"]);
}

#[test]
fn what_an_enum_keeps_unread_needs_a_reader_that_keeps_it_too() {
    let mut grows = plain(&["calm"]);
    grows["grows"] = json!(true);
    check(&grows, &grows, &[]);
    check(&plain(&["calm", "angry"]), &grows, &[]);
    check(&grows, &plain(&["calm", "angry"]), &[": one of `calm`, `angry`, any variant, DoesNotGrow"]);
}

#[test]
fn a_known_variant_must_fit_although_the_enum_grows() {
    let text = |shape: Value| {
        let mut of = tagged(json!([{"name": "text", "fields": [field("text", shape)]}]));
        of["grows"] = json!(true);
        of
    };
    check(&text(json!("Text")), &text(json!("u8")), &["<text>.text: `u8`, `Text`, OtherKind"]);
}

#[test]
fn what_the_reader_drops_is_listed() {
    let usage = |fields: Value| of(json!([field("turns", json!({"list": of(fields)}))]));
    let one = field("id", json!("u8"));
    let both = json!([one, field("cost", of(json!([field("cents", json!("u8"))])))]);
    check_lost(&usage(both.clone()), &usage(json!([one])), &["turns[].cost"]);
    check_lost(&usage(json!([one])), &usage(both.clone()), &[]);
    check_lost(&usage(both.clone()), &json!("Json"), &[]);
    let renamed = json!([{"name": "number", "shape": "u8", "was": ["id"]}]);
    check_lost(&usage(json!([one])), &usage(renamed.clone()), &[]);
    check_lost(&usage(renamed), &usage(json!([one])), &["turns[].number"]);
    check_lost(
        &tagged(json!([{"name": "text", "fields": both}])),
        &tagged(json!([{"name": "text"}])),
        &["<text>.id", "<text>.cost"],
    );
}

#[test]
fn a_link_is_excused_from_the_fields_it_lacks_and_from_no_other() {
    let id = field("id", json!("u8"));
    let original = json!({"list": of(json!([id, field("cost", json!("u8"))]))});
    check_link(&original, &json!({"list": of(json!([id]))}), &[]);
    check(&json!({"list": of(json!([id]))}), &original, &["[].cost: `u8`, nothing, Missing"]);
    check_link(
        &of(json!([id])),
        &of(json!([field("id", json!("u16"))])),
        &["id: `u8`, `u16`, DoesNotFit on return"],
    );
    check_link(&of(json!([])), &of(json!([id])), &["id: `u8`, nothing, Missing"]);
}

#[test]
fn a_place_that_fits_in_neither_direction_is_told_once() {
    let original = of(json!([field("a", json!("Text")), field("b", json!("u8"))]));
    let link = of(json!([field("a", json!("bool")), field("b", json!("u16"))]));
    check_link(&original, &link, &["a: `bool`, `Text`, OtherKind", "b: `u8`, `u16`, DoesNotFit on return"]);
}

#[test]
fn a_renamed_field_cannot_be_carried_back() {
    let before = of(json!([{"name": "wait", "shape": "u8", "default": true}]));
    let after = of(json!([{"name": "waitMs", "shape": "u8", "default": true, "was": ["wait"]}]));
    check(&before, &after, &[]);
    check_link(&before, &after, &["waitMs: `waitMs`, `wait`, Renamed"]);
    check_link(&after, &before, &["waitMs: `waitMs`, `wait`, Renamed on return"]);
}
