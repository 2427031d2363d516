//! What a record says of a plugin's ports and their types.

use serde_json::{Value, json};

use super::{Description, RECORD_HEAD, json_of_record, record, record_len};
use crate::port::PortDecl;
use crate::prelude::*;
use crate::runtime::RuntimeChoice;
use crate::{Contract, Ports};

#[contract(revision = 7)]
struct Parcel {
    /// What is in it.
    content: List<Text>,
}

const SENT: Event<Parcel> = Event::new("post/parcel.sent");
const COUNT: Service<Text, Parcel> = Service::new("post/parcels.count");

#[derive(Ports)]
#[allow(dead_code, reason = "only its declaration matters")]
struct PostPorts {
    #[says(SENT)]
    says: Emitter<Parcel>,
    #[hears(SENT)]
    hears: Listener<Parcel>,
    #[calls(COUNT)]
    calls: Caller<Text, Parcel>,
}

const DESCRIPTION: Description = describe(PostPorts::DECLARED);
static RECORD: [u8; record_len(&DESCRIPTION)] = record(&DESCRIPTION);

const fn describe(ports: &'static [PortDecl]) -> Description {
    Description {
        id: "post",
        version: "0.1.0",
        about: "Says \"parcel\"\tand \\",
        module: "post::plugin",
        runtime: RuntimeChoice::Tokio,
        aborts: false,
        exclusive: false,
        capabilities: &["net", "fs"],
        ports,
        settings: &[],
    }
}

fn document() -> Value {
    serde_json::from_str(json_of_record(&RECORD)).expect("it is JSON")
}

#[test]
fn a_record_begins_with_its_mark_and_its_length() {
    let length = u32::try_from(RECORD.len() - RECORD_HEAD).expect("it is short");
    assert_eq!(RECORD[..RECORD_HEAD], [b"TRANSOM\x01".as_slice(), &length.to_le_bytes()].concat());
}

#[test]
fn a_description_is_written_as_it_is() {
    let document = document();
    assert_eq!(document["about"], DESCRIPTION.about);
    assert_eq!(document["module"], "post::plugin");
    assert_eq!(document["runtime"], "tokio");
    assert_eq!(document["capabilities"], json!(["net", "fs"]));
}

#[test]
fn each_type_of_the_ports_is_described_once_under_its_fingerprint() {
    let shapes = [
        (Parcel::FINGERPRINT, super::text_of(Parcel::SHAPE)),
        (<()>::FINGERPRINT, super::text_of(<()>::SHAPE)),
        (Text::FINGERPRINT, super::text_of(Text::SHAPE)),
    ];
    let expected: Vec<_> = shapes.iter().map(|(of, shape)| format!("\"{of}\":{shape}")).collect();
    let expected = format!(",\"types\":{{{}}},", expected.join(","));
    assert!(json_of_record(&RECORD).contains(&expected), "{expected} is not in {}", json_of_record(&RECORD));
}

#[test]
fn a_revision_is_told_unless_it_is_the_first() {
    let port = &document()["ports"][2];
    let text = json!({"name": "Text", "fingerprint": Text::FINGERPRINT.to_string()});
    assert_eq!(port["input"], text);
    let parcel = json!({"name": "Parcel", "fingerprint": Parcel::FINGERPRINT.to_string(), "revision": 7});
    assert_eq!(port["output"], parcel);
}
