//! What is encoded is read again, and what is wrong is told with its place.

use super::{DEEPEST, decode, encode};
use crate::prelude::*;
use crate::{CallErrorKind, Contract};

#[contract]
#[derive(Copy, Eq)]
enum Size {
    VerySmall,
    Large,
}

#[contract]
enum Carrier {
    Post { office_id: u64 },
    Nobody,
}

#[contract]
struct Parcel {
    flags: List<bool>,
    numbers: Map<f64>,
    smallest: i64,
    largest: u64,
    weight: f32,
    note: Maybe<Text>,
    content: Json,
    size: Size,
    carriers: Shared<List<Carrier>>,
}

fn parcel() -> Parcel {
    Parcel {
        flags: [true, false].into(),
        numbers: [("pi", std::f64::consts::PI), ("endless", f64::INFINITY)].into_iter().collect(),
        smallest: i64::MIN,
        largest: u64::MAX,
        weight: 1.1,
        note: "größer".into(),
        content: serde_json::json!({"b": [1, null], "a": 0.1}).into(),
        size: Size::VerySmall,
        carriers: List::from([Carrier::Post { office_id: 3 }, Carrier::Nobody]).into(),
    }
}

fn refused<T: Contract + std::fmt::Debug>(bytes: &[u8]) -> String {
    let error = match decode::<T>(bytes) {
        Ok(value) => panic!("it is read as {value:?}"),
        Err(error) => error,
    };
    assert_eq!(error.kind, CallErrorKind::Failed);
    error.message.into()
}

fn encoded(document: &serde_json::Value) -> Vec<u8> {
    rmp_serde::to_vec_named(document).expect("a document can be encoded")
}

#[test]
fn what_is_encoded_is_read_again() {
    let bytes = encode(&parcel()).expect("it can be encoded");
    assert_eq!(decode(&bytes), Ok(parcel()));
}

#[test]
fn fields_and_variants_go_by_their_names() {
    let bytes = encode(&Carrier::Post { office_id: 3 }).expect("it can be encoded");
    assert_eq!(bytes, b"\x82\xa4type\xa4post\xa8officeId\x03");
    assert_eq!(encode(&Size::VerySmall).expect("it can be encoded"), b"\xaavery-small");
}

#[test]
fn what_the_reader_does_not_know_is_skipped() {
    let later = serde_json::json!({"type": "post", "colour": {"deep": [1, 2]}, "officeId": 3});
    assert_eq!(decode(&encoded(&later)), Ok(Carrier::Post { office_id: 3 }));
}

#[test]
fn an_error_names_the_contract_and_what_was_read_last() {
    let mut document = serde_json::to_value(parcel()).expect("it is a document");
    document["numbers"] = serde_json::json!({"pi": 3, "e": "2.7"});
    assert_eq!(
        refused::<Parcel>(&encoded(&document)),
        "`Parcel` cannot be read near `numbers.e`: wrong msgpack marker FixStr(3)"
    );
    document["numbers"] = serde_json::json!({});
    document["carriers"] = serde_json::json!([{"type": "nobody"}, {"type": "post"}]);
    assert_eq!(
        refused::<Parcel>(&encoded(&document)),
        "`Parcel` cannot be read near `carriers[1].type`: missing field `officeId`"
    );
    assert_eq!(refused::<Text>(&[7]), "`Text` cannot be read: invalid type: integer `7`, expected a string");
}

#[test]
fn a_value_that_cannot_be_encoded_is_told_with_its_place() {
    let mut deep = serde_json::Value::Null;
    for _ in 0..200 {
        deep = serde_json::json!([deep]);
    }
    let error = encode(&Parcel { content: deep.into(), ..parcel() }).expect_err("it is too deep");
    assert_eq!(error.kind, CallErrorKind::Failed);
    assert!(error.message.starts_with("`Parcel` cannot be encoded near `content`: "), "{error}");
}

#[test]
fn bytes_that_stop_early_or_go_on_are_refused() {
    let bytes = encode(&parcel()).expect("it can be encoded");
    for length in 0..bytes.len() {
        refused::<Parcel>(&bytes[..length]);
    }
    let longer: Vec<u8> = bytes.iter().copied().chain([0xc0, 0xc0]).collect();
    assert_eq!(refused::<Parcel>(&longer), "`Parcel` cannot be read: 2 bytes follow it");
    for rest in [&[0x91][..], &[0x81], &[0x92, 0x01], &[0xdd, 0xff, 0xff, 0xff, 0xff], &[0xc4], &[0xc1]] {
        let longer: Vec<u8> = bytes.iter().chain(rest).copied().collect();
        let left = rest.len();
        assert_eq!(refused::<Parcel>(&longer), format!("`Parcel` cannot be read: {left} bytes follow it"));
    }
}

#[test]
fn a_length_that_lies_costs_nothing() {
    refused::<List<u64>>(&[0xdd, 0xff, 0xff, 0xff, 0xff]);
    refused::<Map<u64>>(&[0xdf, 0xff, 0xff, 0xff, 0xff]);
    refused::<Text>(&[0xdb, 0xff, 0xff, 0xff, 0xff]);
    refused::<Json>(&[0xdd, 0xff, 0xff, 0xff, 0xff]);
}

/// So many lists inside each other.
fn lists(depth: usize) -> Vec<u8> {
    let mut bytes = vec![0x91; depth - 1];
    bytes.push(0x90);
    bytes
}

#[test]
fn bytes_that_nest_too_deep_are_refused() {
    assert!(decode::<Json>(&lists(127)).is_ok());
    assert_eq!(
        refused::<Json>(&lists(128)),
        "`Json` cannot be read near `[0][0][0][0][0][0][0][0]…`: nests deeper than 127 levels"
    );
    let limit = refused::<Json>(&lists(DEEPEST + 1));
    assert!(limit.contains("depth limit exceeded"), "{limit}");
    refused::<Json>(&vec![0x91; 1_000_000]);
    // Where it is skipped, too.
    let mut ignored = b"\x83\xa4type\xa6nobody\xa1x".to_vec();
    ignored.extend(vec![0x91; 1_000_000]);
    refused::<Carrier>(&ignored);
}

#[test]
fn the_deepest_document_that_a_field_can_hold_is_read() {
    let deepest = decode::<Json>(&lists(127)).expect("it is a document");
    assert_eq!(Json::parse(deepest.as_str()).expect("it can be parsed"), deepest);
    let whole = Parcel { content: deepest, ..parcel() };
    let bytes = encode(&whole).expect("it can be encoded");
    assert_eq!(decode(&bytes), Ok(whole));
}
