//! What the comparison of copies is for: without it, one of these plugins would silently read something else.

use std::mem::MaybeUninit;
use std::process::Command;

use serde_json::{Value, json};
use transom_plugin_api::abi::READY;
use transom_plugin_api::abi::document::Encoded;
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::prelude::*;

#[path = "../../fixtures/dialects/base/src/parcel.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is a plugin's, where more of it is used")]
mod base;
#[path = "../../fixtures/dialects/less/src/parcel.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is a plugin's, where more of it is used")]
mod less;

const MISREAD: &str = "promises::dialects::control::a_parcel_that_is_taken_for_another_copy";
const MARK: &str = "read as: ";

fn written() -> less::Parcel {
    less::Parcel { id: 1, shelf: 9, label: "to Bern".into(), seal: less::Seal::Open }
}

/// Runs in a process of its own, since nobody can say what such a reader meets.
#[test]
#[ignore = "misreads memory on purpose; the test below runs it in a process of its own"]
fn a_parcel_that_is_taken_for_another_copy() {
    let reader = PayloadType::of::<base::Parcel>();
    let written = written();
    assert_eq!(reader.size, size_of_val(&written), "it reads nothing that lies beyond");
    let mut document = MaybeUninit::<Encoded>::uninit();
    let mut failure = MaybeUninit::<CallError>::uninit();
    // SAFETY: none: the value is not of the reader's type, which is the point. Both have the same size, and texts at
    // the same place.
    let step = unsafe {
        (reader.encode)((&raw const written).cast(), &raw mut document, failure.as_mut_ptr().cast())
    };
    assert_eq!(step, READY);
    // SAFETY: the step says that a document was written.
    let document = unsafe { document.assume_init() };
    let read: base::Parcel =
        transom_plugin_api::codec::decode(&document).expect("what was encoded can be decoded");
    println!("{MARK}{}", serde_json::to_string(&read).expect("a parcel is a document"));
}

#[test]
fn without_the_check_a_pointer_to_another_copy_is_misread() {
    let program = std::env::current_exe().expect("a running program has a path");
    let output = Command::new(program)
        .args(["--exact", "--ignored", "--nocapture", MISREAD])
        .output()
        .expect("the program runs again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("running 1 test"), "{text}");
    let Some(read) = text.lines().find_map(|line| line.split_once(MARK)).map(|(_, read)| read) else {
        assert!(!output.status.success(), "it read nothing, and yet it lives: {text}");
        return;
    };
    let read: Value = serde_json::from_str(read).expect("it is a document");
    let written = serde_json::to_value(written()).expect("a parcel is a document");
    assert_eq!(written, json!({"id": 1, "shelf": 9, "label": "to Bern", "seal": {"type": "open"}}));
    assert_eq!(read["weight"], written["shelf"], "a weight that nobody wrote: {read}");
}
