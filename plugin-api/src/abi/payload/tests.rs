//! A payload goes from one copy of its type to another through a description alone.

use std::mem::MaybeUninit;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Encoded, PayloadType};
use crate::abi::plugin_table::no_failure;
use crate::abi::{FAILED, READY};
use crate::contract::{Contract, Fingerprint};
use crate::describe::Piece;
use crate::{CallError, CallErrorKind, List, Text};

fn encode<T: Contract>(value: &T) -> Result<Vec<u8>, CallError> {
    let mut bytes: MaybeUninit<Encoded> = MaybeUninit::uninit();
    let mut failure = no_failure();
    // SAFETY: the value is of the described type, both places are free.
    let step = unsafe {
        (PayloadType::of::<T>().encode)((&raw const *value).cast(), &raw mut bytes, &raw mut failure)
    };
    match step {
        // SAFETY: the step says which was written.
        READY => Ok(unsafe { bytes.assume_init() }.to_vec()),
        // SAFETY: as above.
        FAILED => Err(unsafe { failure.assume_init() }),
        other => panic!("{other} is neither"),
    }
}

fn decode<T: Contract>(bytes: &[u8]) -> Result<T, CallError> {
    let mut value: MaybeUninit<T> = MaybeUninit::uninit();
    let mut failure = no_failure();
    // SAFETY: the place is of the described type, both places are free.
    let step = unsafe {
        (PayloadType::of::<T>().decode)(
            bytes.as_ptr(),
            bytes.len(),
            value.as_mut_ptr().cast(),
            &raw mut failure,
        )
    };
    match step {
        // SAFETY: the step says which was written.
        READY => Ok(unsafe { value.assume_init() }),
        // SAFETY: as above.
        FAILED => Err(unsafe { failure.assume_init() }),
        other => panic!("{other} is neither"),
    }
}

#[test]
fn a_payload_is_encoded_and_read_by_its_description() {
    let words: List<Text> = ["one".into(), "two".into()].into();
    let bytes = encode(&words).expect("it can be encoded");
    assert_eq!(bytes, b"\x92\xa3one\xa3two");
    assert_eq!(decode(&bytes), Ok(words));
    assert_eq!(decode::<()>(&encode(&()).expect("it can be encoded")), Ok(()));
}

#[test]
fn bytes_that_are_another_payload_are_an_error_and_no_value() {
    let error = decode::<List<Text>>(b"\x92\xa3one\x07").expect_err("7 is no text");
    assert_eq!(error.kind, CallErrorKind::Failed);
    assert_eq!(
        error.message,
        "`List` cannot be read near `[1]`: invalid type: integer `7`, expected a string"
    );
    assert!(decode::<Text>(&[]).is_err());
}

/// A payload whose codec panics.
#[derive(Clone, Debug)]
struct Trap;

// SAFETY: it has no bytes at all.
unsafe impl Contract for Trap {
    const NAME: &'static str = "Trap";
    const FINGERPRINT: Fingerprint = Fingerprint::begin("struct", "Trap", 0, 1);
    const SHAPE: &'static [Piece] = &[Piece::Text("\"()\"")];
}

impl Serialize for Trap {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("snap")
    }
}

impl<'de> Deserialize<'de> for Trap {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("snap")
    }
}

#[test]
fn a_panic_in_a_codec_does_not_cross() {
    for outcome in [encode(&Trap).map(|_| ()), decode::<Trap>(&[0xc0]).map(|_| ())] {
        let error = outcome.expect_err("it panics");
        assert_eq!((error.kind, error.message.as_str()), (CallErrorKind::Panicked, "panicked: snap"));
    }
}
