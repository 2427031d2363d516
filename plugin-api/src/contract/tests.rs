//! The shapes of contracts, word for word, and the encoded forms that they describe.

use serde_json::json;

use crate::describe::text_of;
use crate::prelude::*;
use crate::{Contract, Fingerprint};

fn check<T: Contract>(expected: &str) {
    assert_eq!(text_of(T::SHAPE), expected, "{}", T::NAME);
    serde_json::from_str::<serde_json::Value>(expected).expect("it is JSON");
}

fn encoded(value: &impl Contract) -> serde_json::Value {
    serde_json::to_value(value).expect("it can be encoded")
}

fn read<T: Contract>(document: serde_json::Value) -> Result<T, String> {
    serde_json::from_value(document).map_err(|error| error.to_string())
}

#[test]
fn what_is_no_struct_and_no_enum_is_a_word_or_a_word_around_another() {
    check::<bool>("\"bool\"");
    check::<u8>("\"u8\"");
    check::<i64>("\"i64\"");
    check::<f32>("\"f32\"");
    check::<()>("\"()\"");
    check::<Text>("\"Text\"");
    check::<Json>("\"Json\"");
    check::<List<u16>>(r#"{"list":"u16"}"#);
    check::<Maybe<Text>>(r#"{"maybe":"Text"}"#);
    check::<Map<Shared<List<Json>>>>(r#"{"map":{"shared":{"list":"Json"}}}"#);
}

#[contract(name = "Address \"label\"")]
#[derive(Default)]
struct Address {
    street_name: Text,
    r#box: Maybe<u32>,
}

#[contract(revision = 3)]
struct Parcel {
    to: Address,
    #[contract(default)]
    fragile: bool,
    #[contract(default, was = "weight", was = "mass")]
    weight_g: u32,
    #[serde(default = "nobody", alias = "from")]
    sender: Text,
    #[serde(default)]
    note: Maybe<Text>,
}

fn nobody() -> Text {
    "nobody".into()
}

#[contract(default)]
#[derive(Default)]
struct Scale {
    units_per_gram: u32,
    tare: i16,
}

#[test]
fn a_struct_tells_its_fields_as_they_are_encoded() {
    let address = r#"{"struct":"Address \"label\"","fields":[{"name":"streetName","shape":"Text"},{"name":"box","shape":{"maybe":"u32"},"default":true}]}"#;
    check::<Address>(address);
    check::<Parcel>(&format!(
        r#"{{"struct":"Parcel","fields":[{{"name":"to","shape":{address}}},{{"name":"fragile","shape":"bool","default":true}},{{"name":"weightG","shape":"u32","default":true,"was":["weight","mass"]}},{{"name":"sender","shape":"Text","default":true,"was":["from"]}},{{"name":"note","shape":{{"maybe":"Text"}},"default":true}}]}}"#
    ));
    check::<Scale>(
        r#"{"struct":"Scale","fields":[{"name":"unitsPerGram","shape":"u32","default":true},{"name":"tare","shape":"i16","default":true}]}"#,
    );
}

#[test]
fn a_field_is_encoded_under_the_name_in_the_shape_and_read_under_those_it_had() {
    let parcel = Parcel {
        to: Address { street_name: "Rue".into(), r#box: 7.into() },
        fragile: true,
        weight_g: 5,
        sender: "me".into(),
        note: Maybe::None,
    };
    let whole = json!({"to": {"streetName": "Rue", "box": 7}, "fragile": true, "weightG": 5, "sender": "me"});
    assert_eq!(encoded(&parcel), whole);
    for (weight, sender) in [("weightG", "sender"), ("weight", "from"), ("mass", "from")] {
        let older = json!({"to": {"streetName": "Rue", "box": 7}, "fragile": true, weight: 5, sender: "me"});
        assert_eq!(read::<Parcel>(older).as_ref(), Ok(&parcel), "{weight}, {sender}");
    }
}

#[test]
fn what_has_a_default_may_be_absent_and_nothing_else() {
    let parcel: Parcel = read(json!({"to": {"streetName": "Rue"}})).expect("the rest has defaults");
    assert_eq!((parcel.fragile, parcel.weight_g, parcel.sender.as_str()), (false, 0, "nobody"));
    assert_eq!(read::<Parcel>(json!({})), Err("missing field `to`".to_owned()));
    assert_eq!(read::<Address>(json!({})), Err("missing field `streetName`".to_owned()));
    assert_eq!(read::<Scale>(json!({"tare": 3})), Ok(Scale { units_per_gram: 0, tare: 3 }));
}

#[contract]
#[derive(Copy, Eq)]
enum Size {
    VerySmall,
    Large,
}

#[contract]
enum Carrier {
    Post {
        office_id: u64,
        #[contract(default)]
        size: Maybe<Size>,
    },
    #[allow(dead_code, reason = "its shape is what matters")]
    OnFoot {},
    Nobody,
}

#[contract(grows)]
#[allow(dead_code, reason = "its shape is what matters")]
enum Mood {
    Fine,
}

#[contract(grows)]
#[allow(dead_code, reason = "its shape is what matters")]
enum Move {
    Up { by: u8 },
}

#[test]
fn an_enum_tells_its_variants_and_whether_it_grows() {
    let size = r#"{"enum":"Size","variants":[{"name":"very-small"},{"name":"large"}]}"#;
    check::<Size>(size);
    check::<Carrier>(&format!(
        r#"{{"enum":"Carrier","tag":"type","variants":[{{"name":"post","fields":[{{"name":"officeId","shape":"u64"}},{{"name":"size","shape":{{"maybe":{size}}},"default":true}}]}},{{"name":"on-foot","fields":[]}},{{"name":"nobody","fields":[]}}]}}"#
    ));
    check::<Mood>(r#"{"enum":"Mood","grows":true,"variants":[{"name":"fine"}]}"#);
    check::<Move>(
        r#"{"enum":"Move","tag":"type","grows":true,"variants":[{"name":"up","fields":[{"name":"by","shape":"u8"}]}]}"#,
    );
    assert_eq!(encoded(&Size::VerySmall), "very-small");
    let post = Carrier::Post { office_id: 3, size: Size::Large.into() };
    assert_eq!(encoded(&post), json!({"type": "post", "officeId": 3, "size": "large"}));
    assert_eq!(encoded(&Carrier::OnFoot {}), json!({"type": "on-foot"}));
    assert_eq!(encoded(&Carrier::Nobody), json!({"type": "nobody"}));
}

#[contract]
struct Journey {
    number: u32,
    #[serde(flatten)]
    carrier: Carrier,
    #[serde(flatten)]
    to: Address,
}

#[test]
fn a_field_whose_own_fields_stand_among_those_around_it_says_so() {
    let (carrier, address) = (text_of(Carrier::SHAPE), text_of(Address::SHAPE));
    check::<Journey>(&format!(
        r#"{{"struct":"Journey","fields":[{{"name":"number","shape":"u32"}},{{"name":"carrier","shape":{carrier},"flat":true}},{{"name":"to","shape":{address},"flat":true}}]}}"#
    ));
    let journey = Journey { number: 1, carrier: Carrier::Nobody, to: Address::default() };
    assert_eq!(encoded(&journey), json!({"number": 1, "type": "nobody", "streetName": ""}));
}

#[test]
fn only_what_is_a_map_of_known_keys_can_be_flattened() {
    use crate::describe::is_map;
    assert!(is_map(Address::SHAPE) && is_map(Carrier::SHAPE) && is_map(Move::SHAPE));
    assert!(!is_map(Size::SHAPE) && !is_map(Mood::SHAPE) && !is_map(<Map<u8>>::SHAPE) && !is_map(u8::SHAPE));
}

#[test]
fn a_revision_is_one_unless_it_is_said() {
    assert_eq!((Parcel::REVISION, Address::REVISION, Text::REVISION), (3, 1, 1));
}

/// What the encoded form alone says, once more without it.
mod said_otherwise {
    use crate::prelude::*;

    #[contract(revision = 9)]
    pub(super) struct Parcel {
        #[serde(flatten)]
        to: super::Address,
        fragile: bool,
        weight_g: u32,
        #[contract(was = "nobody")]
        sender: Text,
        note: Maybe<Text>,
    }
}

#[test]
fn a_fingerprint_is_of_the_bytes_and_not_of_how_they_are_encoded() {
    assert_eq!(Parcel::FINGERPRINT, said_otherwise::Parcel::FINGERPRINT);
}

#[test]
fn the_fingerprint_of_an_enum_that_grows_covers_what_keeps_the_unknown() {
    let without = Fingerprint::begin("enum", "Move", size_of::<Move>(), align_of::<Move>())
        .variant("Up")
        .field("by", 0, u8::FINGERPRINT);
    assert_ne!(Move::FINGERPRINT, without);
    assert_eq!(Move::FINGERPRINT, without.variant("Unknown").field("0", 0, crate::Opaque::FINGERPRINT));
}

#[test]
fn fingerprints_are_compared_in_constants_as_elsewhere() {
    assert!(Move::FINGERPRINT.equals(Move::FINGERPRINT));
    assert!(!Move::FINGERPRINT.equals(Mood::FINGERPRINT));
}
