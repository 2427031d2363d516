//! Descriptors of files and of residents say the same about types.

use std::sync::Arc;

use serde_json::json;
use transom_plugin_api::prelude::*;
use transom_plugin_api::{Contract, describe};

use super::{Descriptor, PayloadDescriptor, shape_json, share_shapes, types_of};

#[contract(revision = 2)]
struct Parcel {
    label: Text,
}

const SENT: Event<Parcel> = Event::new("post/parcel.sent");

#[derive(Ports)]
#[allow(dead_code, reason = "only its declaration matters")]
struct PostPorts {
    #[says(SENT)]
    said: Emitter<Parcel>,
}

#[test]
fn every_type_of_a_residents_ports_is_described() {
    let types = types_of(PostPorts::DECLARED);
    let parcel = json!({"struct": "Parcel", "fields": [{"name": "label", "shape": "Text"}]});
    assert_eq!(types.len(), 2);
    assert_eq!(*types[&Parcel::FINGERPRINT.to_string()], parcel);
    assert_eq!(*types[&<()>::FINGERPRINT.to_string()], "()");
    assert_eq!(PayloadDescriptor::from(PostPorts::DECLARED[0].input).revision, 2);
}

#[test]
fn a_shape_that_is_no_json_is_nobodys() {
    assert_eq!(shape_json(&[describe::Piece::Text("{\"struct\":")]), json!(null));
}

#[test]
fn a_descriptor_that_says_nothing_of_types_and_revisions_is_read() {
    let payload = json!({"name": "Parcel", "fingerprint": "0"});
    let earlier = json!({
        "id": "post", "version": "0.1.0", "about": "", "abi": 1, "sdk": "0.1.0", "target": "", "rustc": "",
        "panic": "unwind", "runtime": "none", "capabilities": [], "settings": {},
        "ports": [{"role": "says", "point": "post/parcel.sent", "kind": "event", "deadlineMs": 0, "stages": [],
            "input": payload, "output": payload, "about": payload}],
    });
    let descriptor: Descriptor = serde_json::from_value(earlier).expect("it is a descriptor");
    assert!(descriptor.types.is_empty());
    assert_eq!(descriptor.ports[0].input.revision, 1);
    assert_eq!(serde_json::to_value(&descriptor.ports[0].input).expect("it is JSON"), payload);
}

#[test]
fn equal_shapes_stand_in_memory_once_and_another_one_of_that_name_stays() {
    let told = |shape: &str| {
        let rest = json!({
            "id": "post", "version": "0.1.0", "about": "", "abi": 1, "sdk": "0.1.0", "target": "", "rustc": "",
            "panic": "unwind", "runtime": "none", "capabilities": [], "settings": {}, "ports": [],
            "types": {"f": shape},
        });
        serde_json::from_value::<Descriptor>(rest).expect("it is a descriptor")
    };
    let mut descriptors = [told("Text"), told("i64"), told("Text")];
    share_shapes(&mut descriptors);
    let [first, liar, third] = descriptors.map(|descriptor| descriptor.types["f"].clone());
    assert!(Arc::ptr_eq(&first, &third));
    assert_eq!((&*first, &*liar), (&json!("Text"), &json!("i64")));
}
