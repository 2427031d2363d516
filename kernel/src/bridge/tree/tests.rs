//! What is read, what is refused, and what equals what.

use std::hash::{BuildHasher, RandomState};

use serde_json::{Value as Json, json};

use super::reader::DEEPEST;
use super::sample::{decoded, encoded};
use super::*;

fn check_equal(one: &[u8], other: &[u8], expected: bool) {
    let (one, other) = (Tree::read(one).unwrap(), Tree::read(other).unwrap());
    assert_eq!(one == other, expected, "{one:?}\n{other:?}");
    let state = RandomState::new();
    if expected {
        assert_eq!(state.hash_one(&one), state.hash_one(&other), "equal trees have equal hashes");
    }
}

fn check_fault(bytes: &[u8], offset: usize, flaw: Flaw) {
    assert_eq!(Tree::read(bytes).unwrap_err(), ReadFault { offset, flaw }, "{bytes:x?}");
}

fn text(length: usize) -> String {
    "ä".repeat(length / 2)
}

fn wide() -> Json {
    let map: serde_json::Map<String, Json> =
        (0..70_000).map(|number| (format!("{number}"), json!(number))).collect();
    json!([
        null,
        true,
        false,
        0,
        127,
        128,
        255,
        256,
        65_535,
        65_536,
        u32::MAX,
        4_294_967_296_u64,
        u64::MAX,
        -1,
        -32,
        -33,
        -128,
        -129,
        -32_768,
        -32_769,
        i32::MIN,
        -2_147_483_649_i64,
        i64::MIN,
        0.5,
        -1.5e300,
        "",
        text(30),
        text(32),
        text(254),
        text(256),
        text(65_534),
        text(65_536),
        vec![1; 15],
        vec![1; 16],
        vec![1; 65_535],
        vec![1; 65_536],
        [[], {}],
        map,
    ])
}

#[test]
fn every_width_of_numbers_texts_lists_and_maps_is_read() {
    assert_eq!(decoded(&encoded(&wide())), wide());
}

#[test]
fn every_node_keeps_the_bytes_it_was_read_from() {
    let bytes = encoded(&json!({ "a": [1, { "b": "text" }], "c": null }));
    let tree = Tree::read(&bytes).unwrap();
    let Value::Map(map) = &tree.value else { panic!("{tree:?}") };
    assert_eq!(tree.bytes, bytes);
    assert_eq!(map.get("a").unwrap().bytes, encoded(&json!([1, { "b": "text" }])));
    assert_eq!(map.entries()[1].key.bytes, encoded(&json!("c")));
    assert!(map.get("b").is_none());
}

#[test]
fn bytes_and_extensions_are_told_apart() {
    let read = |bytes: &'static [u8]| Tree::read(bytes).unwrap().value;
    assert_eq!(read(b"\xc4\x02ab"), Value::Bytes(b"ab"));
    assert_eq!(read(b"\xc5\x00\x02ab"), Value::Bytes(b"ab"));
    assert_eq!(read(b"\xc6\x00\x00\x00\x02ab"), Value::Bytes(b"ab"));
    assert_eq!(read(b"\xd4\xffa"), Value::Extension(-1, b"a"));
    assert_eq!(read(b"\xd5\x01ab"), Value::Extension(1, b"ab"));
    assert_eq!(read(b"\xd6\x01abcd"), Value::Extension(1, b"abcd"));
    assert_eq!(read(b"\xd7\x01abcdefgh"), Value::Extension(1, b"abcdefgh"));
    assert_eq!(read(b"\xd8\x01abcdefghijklmnop"), Value::Extension(1, b"abcdefghijklmnop"));
    assert_eq!(read(b"\xc7\x03\x01abc"), Value::Extension(1, b"abc"));
    assert_eq!(read(b"\xc8\x00\x03\x01abc"), Value::Extension(1, b"abc"));
    assert_eq!(read(b"\xc9\x00\x00\x00\x03\x01abc"), Value::Extension(1, b"abc"));
}

#[test]
fn numbers_are_equal_by_value_whatever_their_encoding() {
    check_equal(b"\x07", b"\xcf\0\0\0\0\0\0\0\x07", true);
    check_equal(b"\x07", b"\xd0\x07", true);
    check_equal(b"\xff", b"\xd3\xff\xff\xff\xff\xff\xff\xff\xff", true);
    check_equal(b"\xca\x3f\0\0\0", b"\xcb\x3f\xe0\0\0\0\0\0\0", true);
    check_equal(b"\x01", b"\xcb\x3f\xf0\0\0\0\0\0\0", true);
    check_equal(b"\xff", b"\xcb\xbf\xf0\0\0\0\0\0\0", true);
    check_equal(b"\x07", b"\x08", false);
    check_equal(b"\x01", b"\xa1\x31", false);
}

#[test]
fn numbers_that_only_look_alike_differ() {
    check_equal(&encoded(&json!(u64::MAX)), &encoded(&json!(-1)), false);
    // A `f64` cannot say `u64::MAX`; the nearest is one more.
    check_equal(&encoded(&json!(u64::MAX)), &encoded(&json!(u64::MAX as f64)), false);
    check_equal(&encoded(&json!(i64::MIN)), &encoded(&json!(i64::MIN as f64)), true);
    check_equal(&encoded(&json!(0)), &encoded(&json!(-0.0)), false);
    check_equal(&encoded(&json!(0.1)), &[&[0xca][..], &0.1_f32.to_be_bytes()].concat(), false);
}

#[test]
fn a_nan_equals_itself() {
    check_equal(b"\x91\xca\x7f\xc0\0\0", b"\xdc\0\x01\xcb\x7f\xf8\0\0\0\0\0\0", true);
}

#[test]
fn maps_are_equal_in_any_order_and_lists_are_not() {
    let check = |one: Json, other: Json, expected| check_equal(&encoded(&one), &encoded(&other), expected);
    check(json!({ "a": 1, "b": [2] }), json!({ "b": [2], "a": 1 }), true);
    check(json!({ "a": 1, "b": 2 }), json!({ "b": 1, "a": 2 }), false);
    check(json!({ "a": 1 }), json!({ "a": 1, "b": 2 }), false);
    check(json!([1, 2]), json!([2, 1]), false);
    check(json!({}), json!([]), false);
}

#[test]
fn no_prefix_of_a_document_is_one() {
    let bytes = encoded(&json!([{ "a": [1, -200, 70_000, 0.5], "b": text(40) }, vec![2; 20], null]));
    for end in 0..bytes.len() {
        check_fault_kind(&bytes[..end], Flaw::Truncated);
    }
    for header in 0xc4..=0xdf_u8 {
        check_fault_kind(&[header], Flaw::Truncated);
    }
}

fn check_fault_kind(bytes: &[u8], flaw: Flaw) {
    assert_eq!(Tree::read(bytes).unwrap_err().flaw, flaw, "{bytes:x?}");
}

#[test]
fn a_length_that_cannot_be_is_told_before_anything_is_read() {
    check_fault(b"\xdd\xff\xff\xff\xff\x01", 5, Flaw::Truncated);
    check_fault(b"\xdf\xff\xff\xff\xff\xa1a\x01", 5, Flaw::Truncated);
    check_fault(b"\xdb\xff\xff\xff\xffab", 5, Flaw::Truncated);
}

#[test]
fn what_follows_the_end_is_refused() {
    check_fault(b"\x01\x02", 1, Flaw::Trailing);
}

#[test]
fn what_is_no_document_is_refused_where_it_stands() {
    check_fault(b"\x92\x01\xc1", 3, Flaw::Reserved);
    check_fault(b"\x92\x01\xa2\xc3\x28", 3, Flaw::NotUtf8);
    check_fault(b"\x81\x01\x02", 1, Flaw::KeyNotText);
    check_fault(b"\x83\xa1a\x01\xa1b\x02\xa1a\x03", 7, Flaw::KeyTwice);
}

#[test]
fn nesting_is_read_to_its_bound_and_not_beyond() {
    let lists = |depth: usize| [vec![0x91; depth], vec![0xc0]].concat();
    let maps = |depth: usize| [b"\x81\xa1a".repeat(depth), vec![0xc0]].concat();
    assert!(Tree::read(&lists(DEEPEST)).is_ok());
    assert!(Tree::read(&maps(DEEPEST)).is_ok());
    check_fault_kind(&lists(DEEPEST + 1), Flaw::TooDeep);
    check_fault_kind(&maps(DEEPEST + 1), Flaw::TooDeep);
    check_fault_kind(&lists(1_000_000), Flaw::TooDeep);
}
