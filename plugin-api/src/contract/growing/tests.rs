//! What an enum that grows does with what it does not know, and with what is wrong.

use serde_json::{Value, json};

use crate::prelude::*;
use crate::{Contract, codec};

/// The contract as it became.
mod later {
    use crate::prelude::*;

    #[contract(grows)]
    pub(super) enum Carrier {
        Post { office: u64 },
        Drone { height_m: f64, parts: List<Json>, pilot: Maybe<Text>, mood: Mood },
        Ship,
    }

    #[contract(grows)]
    #[derive(Eq)]
    pub(super) enum Mood {
        Fine,
        VeryWindy,
    }

    #[contract]
    pub(super) struct Fleet {
        pub(super) all: List<Carrier>,
        pub(super) first: Maybe<Carrier>,
        pub(super) named: Map<Carrier>,
        pub(super) shared: Shared<Carrier>,
        pub(super) moods: List<Maybe<Map<Mood>>>,
        #[serde(flatten)]
        pub(super) flat: Carrier,
    }
}

#[contract(grows)]
enum Carrier {
    Post {
        office: u64,
        #[contract(default, was = "old")]
        weight: f64,
    },
}

#[contract(grows)]
#[derive(Eq, Default)]
enum Mood {
    #[default]
    Fine,
}

#[contract]
struct Fleet {
    all: List<Carrier>,
    first: Maybe<Carrier>,
    named: Map<Carrier>,
    shared: Shared<Carrier>,
    moods: List<Maybe<Map<Mood>>>,
    #[serde(flatten)]
    flat: Carrier,
}

fn drone() -> later::Carrier {
    later::Carrier::Drone {
        // A number that is another one when its decimal digits are read carelessly.
        height_m: 907.303_832_202_868_9,
        parts: [Json::from(json!({"b": [null, true, u64::MAX], "a": i64::MIN}))].into(),
        pilot: "Ada".into(),
        mood: later::Mood::VeryWindy,
    }
}

fn fleet() -> later::Fleet {
    later::Fleet {
        all: [drone(), later::Carrier::Post { office: 3 }, later::Carrier::Ship].into(),
        first: drone().into(),
        named: [("x", drone())].into_iter().collect(),
        shared: drone().into(),
        moods: [Maybe::Some([("y", later::Mood::VeryWindy), ("z", later::Mood::Fine)].into_iter().collect())]
            .into(),
        flat: drone(),
    }
}

#[test]
fn what_is_not_known_is_relayed_unchanged_at_any_depth_through_messagepack() {
    let sent = codec::encode(&fleet()).expect("it can be encoded");
    let relayed: Fleet = codec::decode(&sent).expect("the relay can read it");
    assert!(matches!(&relayed.flat, Carrier::Unknown(_)) && matches!(relayed.all[1], Carrier::Post { .. }));
    let passed_on = codec::encode(&relayed).expect("it can be encoded again");
    assert_eq!(codec::decode::<later::Fleet>(&passed_on), Ok(fleet()));
}

#[test]
fn what_is_not_known_is_relayed_unchanged_at_any_depth_through_json() {
    let sent = serde_json::to_string(&fleet()).expect("it can be encoded");
    let relayed: Fleet = serde_json::from_str(&sent).expect("the relay can read it");
    let passed_on = serde_json::to_string(&relayed).expect("it can be encoded again");
    assert_eq!(serde_json::from_str::<later::Fleet>(&passed_on).expect("it is a fleet"), fleet());
}

#[test]
fn the_bytes_of_what_is_not_known_are_the_same_afterwards() {
    let sent = codec::encode(&drone()).expect("it can be encoded");
    let relayed: Carrier = codec::decode(&sent).expect("the relay can read it");
    assert_eq!(codec::encode(&relayed), Ok(sent));
    let words = codec::encode(&later::Mood::VeryWindy).expect("it can be encoded");
    let relayed: Mood = codec::decode(&words).expect("the relay can read it");
    assert_eq!(codec::encode(&relayed), Ok(words));
}

#[test]
fn what_is_not_known_tells_its_tag_and_content() {
    let Ok(Carrier::Unknown(ship)) = serde_json::from_value(json!({"of": 3, "type": "ship"})) else {
        panic!("a ship is not known")
    };
    assert_eq!((ship.tag(), ship.content().as_str()), ("ship", r#"{"of":3,"type":"ship"}"#));
    let Ok(Mood::Unknown(windy)) = serde_json::from_value(json!("very-windy")) else {
        panic!("windy is not known")
    };
    assert_eq!((windy.tag(), windy.content().as_str()), ("very-windy", r#""very-windy""#));
}

fn refused<T: Contract + std::fmt::Debug>(document: &Value) -> String {
    let text = match serde_json::from_value::<T>(document.clone()) {
        Ok(value) => panic!("{document} is read as {value:?}"),
        Err(error) => error.to_string(),
    };
    let bytes = rmp_serde::to_vec_named(document).expect("a document can be encoded");
    assert!(codec::decode::<T>(&bytes).is_err(), "{document} is read from MessagePack");
    text
}

#[test]
fn a_variant_that_is_known_is_never_kept_as_unknown() {
    assert_eq!(refused::<Carrier>(&json!({"type": "post"})), "missing field `office`");
    assert_eq!(
        refused::<Carrier>(&json!({"type": "post", "office": "3"})),
        "invalid type: string \"3\", expected u64"
    );
    assert_eq!(
        refused::<Carrier>(&json!({"type": "post", "office": 3, "weight": 1.0, "old": 2.0})),
        "duplicate field `weight`"
    );
}

#[test]
fn what_is_known_keeps_its_terms_and_skips_what_it_does_not_know() {
    let read = |document| serde_json::from_value::<Carrier>(document).expect("it is a carrier");
    let post = |weight| Carrier::Post { office: 3, weight };
    assert_eq!(read(json!({"office": 3, "colour": {"deep": [1]}, "type": "post"})), post(0.0));
    assert_eq!(read(json!({"type": "post", "office": 3, "old": 2})), post(2.0));
    let endless = codec::encode(&post(f64::INFINITY)).expect("it can be encoded");
    assert_eq!(codec::decode(&endless), Ok(post(f64::INFINITY)));
}

#[test]
fn what_has_no_name_of_a_variant_is_refused() {
    assert_eq!(refused::<Carrier>(&json!({"office": 3})), "missing field `type`");
    assert_eq!(refused::<Carrier>(&json!({"type": 0})), "the field `type` is no text");
    assert_eq!(
        refused::<Carrier>(&json!(["post", 3])),
        "invalid type: sequence, expected a map with the variant's name under `type`"
    );
    assert_eq!(refused::<Mood>(&json!(0)), "invalid type: integer `0`, expected a string");
    refused::<Mood>(&json!({"type": "fine"}));
}

#[test]
fn what_cannot_be_kept_unchanged_is_refused() {
    let twice = [0x83, 0xa4, b't', b'y', b'p', b'e', 0xa1, b'x', 0xa1, b'a', 1, 0xa1, b'a', 2];
    let error = codec::decode::<Carrier>(&twice).expect_err("`a` stands there twice");
    assert_eq!(error.message, "`Carrier` cannot be read near `a`: the field `a` stands there twice");
    let two_tags = r#"{"type":"x","type":"post"}"#;
    let error = serde_json::from_str::<Carrier>(two_tags).expect_err("it has two tags").to_string();
    assert!(error.starts_with("duplicate field `type`"), "{error}");
    let endless = later::Carrier::Drone {
        height_m: f64::NAN,
        parts: List::new(),
        pilot: Maybe::None,
        mood: later::Mood::Fine,
    };
    let endless = codec::encode(&endless).expect("it can be encoded");
    let error = codec::decode::<Carrier>(&endless).expect_err("JSON has no such number");
    assert_eq!(error.message, "`Carrier` cannot be read near `mood`: the number NaN has no place in JSON");
}

/// A carrier of an unknown kind whose cargo is so many lists inside each other.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = b"\x82\xa4type\xa1x\xa5cargo".to_vec();
    bytes.extend(vec![0x91; depth - 1]);
    bytes.push(0x90);
    bytes
}

#[test]
fn what_is_not_known_nests_no_deeper_than_can_be_written_back() {
    let deepest: Carrier = codec::decode(&nested(126)).expect("it can be kept");
    assert_eq!(codec::encode(&deepest), Ok(nested(126)));
    let error = codec::decode::<Carrier>(&nested(127)).expect_err("it is too deep");
    assert_eq!(
        error.message,
        "`Carrier` cannot be read near `cargo[0][0][0][0][0][0][0]…`: nests deeper than 127 levels"
    );
    assert!(codec::decode::<Carrier>(&nested(1_000_000)).is_err());
}
