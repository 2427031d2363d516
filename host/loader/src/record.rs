//! The records of a section: magic, length and a descriptor each, one per plugin.

use serde::Deserialize;
use transom_plugin_api::abi::ABI_REVISION;
use transom_plugin_api::describe::{MAGIC, RECORD_HEAD};

use crate::{Descriptor, Flaw};

/// The descriptors in the bytes of a section, in their order. Zero bytes between records are the linker's.
pub(crate) fn descriptors(section: &[u8]) -> Result<Vec<Descriptor>, Flaw> {
    let mut found = Vec::new();
    let mut offset = 0;
    while let Some(gap) = section[offset..].iter().position(|byte| *byte != 0) {
        offset += gap;
        let json = json_at(section, offset)?;
        found.push(descriptor(json, offset)?);
        offset += RECORD_HEAD + json.len();
    }
    Ok(found)
}

/// The JSON of the record that begins at `offset`.
fn json_at(section: &[u8], offset: usize) -> Result<&[u8], Flaw> {
    let rest = &section[offset..];
    let (family, version) = (&MAGIC[..MAGIC.len() - 1], MAGIC[MAGIC.len() - 1]);
    let present = rest.len().min(family.len());
    if rest[..present] != family[..present] {
        return Err(Flaw::NotARecord { offset });
    }
    if let Some(found) = rest.get(family.len()).copied().filter(|found| *found != version) {
        return Err(Flaw::WrongRecordVersion { found });
    }
    let cut_off = |expected| Flaw::TruncatedRecord { offset, expected, found: rest.len() };
    let (head, body) = rest.split_at_checked(RECORD_HEAD).ok_or_else(|| cut_off(RECORD_HEAD))?;
    let length = head.last_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
    body.get(..length).ok_or_else(|| cut_off(length.saturating_add(RECORD_HEAD)))
}

/// What is read first, because the form of the rest depends on the revision.
#[derive(Deserialize)]
struct Revision {
    id: String,
    abi: u32,
}

fn descriptor(json: &[u8], offset: usize) -> Result<Descriptor, Flaw> {
    let bad = |error: serde_json::Error| Flaw::BadDescriptor { offset, reason: error.to_string() };
    let revision: Revision = serde_json::from_slice(json).map_err(bad)?;
    serde_json::from_slice(json).map_err(|error| {
        if revision.abi == ABI_REVISION {
            return bad(error);
        }
        Flaw::ForeignRevision { id: revision.id, found: revision.abi }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{descriptor, descriptor_json, record, record_of};

    fn check(section: &[u8], expected: Result<&[&str], Flaw>) {
        let found = descriptors(section);
        let ids = found.as_ref().map(|found| found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>());
        assert_eq!(ids, expected.as_ref().map(|ids| ids.to_vec()));
    }

    #[test]
    fn one_record_is_read_whole() {
        assert_eq!(descriptors(&record("parrot")), Ok(vec![descriptor("parrot")]));
    }

    #[test]
    fn several_records_are_read_in_order_with_any_padding() {
        let section =
            [vec![0; 5], record("parrot"), vec![0; 13], record("audit"), record("clock"), vec![0]].concat();
        check(&section, Ok(&["parrot", "audit", "clock"]));
    }

    #[test]
    fn a_section_of_zeros_holds_nobody() {
        check(&[], Ok(&[]));
        check(&[0; 64], Ok(&[]));
    }

    #[test]
    fn a_record_cut_off_anywhere_is_told() {
        let whole = record("parrot");
        for length in 1..whole.len() {
            let flaw = descriptors(&whole[..length]).expect_err("a part is no record");
            let expected = if length < RECORD_HEAD { RECORD_HEAD } else { whole.len() };
            assert_eq!(flaw, Flaw::TruncatedRecord { offset: 0, expected, found: length });
        }
    }

    #[test]
    fn a_length_beyond_the_section_is_told() {
        let mut lying = record("parrot");
        lying[MAGIC.len()..RECORD_HEAD].copy_from_slice(&u32::MAX.to_le_bytes());
        let expected = u32::MAX as usize + RECORD_HEAD;
        check(&lying, Err(Flaw::TruncatedRecord { offset: 0, expected, found: lying.len() }));
    }

    #[test]
    fn a_length_that_is_too_short_is_told() {
        let mut lying = record("parrot");
        lying[MAGIC.len()..RECORD_HEAD].copy_from_slice(&7_u32.to_le_bytes());
        assert!(matches!(descriptors(&lying), Err(Flaw::BadDescriptor { offset: 0, .. })));
    }

    #[test]
    fn bytes_after_a_record_that_are_none_are_told_with_their_place() {
        let first = record("parrot");
        let section = [first.clone(), b"noise".to_vec()].concat();
        check(&section, Err(Flaw::NotARecord { offset: first.len() }));
    }

    #[test]
    fn a_record_of_another_version_is_told() {
        let mut newer = record("parrot");
        newer[MAGIC.len() - 1] = 2;
        check(&newer, Err(Flaw::WrongRecordVersion { found: 2 }));
    }

    #[test]
    fn a_descriptor_without_a_field_names_the_field() {
        let mut json = descriptor_json("parrot");
        json.as_object_mut().expect("it is an object").remove("version");
        let flaw = descriptors(&record_of(&json.to_string())).expect_err("the version is missing");
        assert!(flaw.to_string().contains("missing field `version`"), "{flaw}");
    }

    #[test]
    fn a_descriptor_of_another_revision_is_told_by_its_revision() {
        let future = format!(r#"{{"id":"parrot","abi":{},"everything":"else"}}"#, ABI_REVISION + 1);
        check(
            &record_of(&future),
            Err(Flaw::ForeignRevision { id: "parrot".into(), found: ABI_REVISION + 1 }),
        );
    }

    #[test]
    fn a_descriptor_that_is_not_text_is_told() {
        let mut broken = record("parrot");
        broken[RECORD_HEAD + 8] = 0xff;
        assert!(matches!(descriptors(&broken), Err(Flaw::BadDescriptor { offset: 0, .. })));
    }
}
