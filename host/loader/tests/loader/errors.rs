//! The names of all typed errors, and directed changes that lead to those which chance does not find.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::ops::Range;
use std::path::Path;

use transom_loader::{Contents, Descriptor, Flaw, Mismatch, PluginFile, ReadError, check};

use super::original::Original;

/// Who is asked for: one that the file holds, and one that it does not.
pub(crate) const IDS: [&str; 2] = ["veteran", "recruit"];

/// All that can be said about a file that is no plugin's, or not for this host.
pub(crate) const ALL: [&str; 25] = [
    "not-found",
    "unreadable",
    "not-a-file",
    "too-large",
    "empty",
    "not-elf",
    "wrong-machine",
    "damaged",
    "no-section",
    "says-too-much",
    "truncated-record",
    "not-a-record",
    "wrong-record-version",
    "bad-descriptor",
    "foreign-revision",
    "id",
    "abi",
    "target",
    "aborts",
    "capability",
    "too-many-ports",
    "not-shared",
    "no-entry",
    "twice",
    "absent",
];

// No `_` in these two: an error that is added must be named here, and reached.
pub(crate) const fn name_of_flaw(flaw: &Flaw) -> &'static str {
    match flaw {
        Flaw::NotFound => "not-found",
        Flaw::Unreadable { .. } => "unreadable",
        Flaw::NotAFile => "not-a-file",
        Flaw::TooLarge { .. } => "too-large",
        Flaw::Empty => "empty",
        Flaw::NotElf => "not-elf",
        Flaw::WrongMachine { .. } => "wrong-machine",
        Flaw::Damaged { .. } => "damaged",
        Flaw::NoSection => "no-section",
        Flaw::SaysTooMuch { .. } => "says-too-much",
        Flaw::TruncatedRecord { .. } => "truncated-record",
        Flaw::NotARecord { .. } => "not-a-record",
        Flaw::WrongRecordVersion { .. } => "wrong-record-version",
        Flaw::BadDescriptor { .. } => "bad-descriptor",
        Flaw::ForeignRevision { .. } => "foreign-revision",
    }
}

pub(crate) const fn name_of_mismatch(mismatch: &Mismatch) -> &'static str {
    match mismatch {
        Mismatch::Id { .. } => "id",
        Mismatch::Abi { .. } => "abi",
        Mismatch::Target { .. } => "target",
        Mismatch::Aborts { .. } => "aborts",
        Mismatch::Capability { .. } => "capability",
        Mismatch::TooManyPorts { .. } => "too-many-ports",
        Mismatch::NotShared { .. } => "not-shared",
        Mismatch::NoEntry { .. } => "no-entry",
        Mismatch::Twice { .. } => "twice",
        Mismatch::Absent { .. } => "absent",
    }
}

/// Reaches every error once, by a change that is made for it.
pub(crate) fn reach_directly(original: &Original, reached: &mut BTreeSet<&'static str>) {
    for flaw in places_that_hold_no_file() {
        reached.insert(name_of_flaw(&flaw));
    }
    for bytes in directed(original) {
        match Contents::of(&bytes) {
            Err(flaw) => drop(reached.insert(name_of_flaw(&flaw))),
            Ok(contents) => {
                for id in IDS {
                    let mismatches = check::check_file(&contents, id).err().into_iter().flatten();
                    reached.extend(mismatches.map(|mismatch| name_of_mismatch(&mismatch)));
                }
                let all = contents.descriptors.iter().flat_map(check::check);
                reached.extend(all.map(|mismatch| name_of_mismatch(&mismatch)));
            }
        }
    }
}

fn places_that_hold_no_file() -> Vec<Flaw> {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let (file, huge) = (folder.path().join("file"), folder.path().join("huge"));
    fs::write(&file, "").expect("a file");
    File::create(&huge).and_then(|huge| huge.set_len(PluginFile::LIMIT + 1)).expect("a sparse file");
    let flaw = |path: &Path| {
        let ReadError { flaw, .. } = PluginFile::read(path).expect_err("there is no plugin");
        flaw
    };
    vec![flaw(&folder.path().join("nothing")), flaw(&file.join("below")), flaw(folder.path()), flaw(&huge)]
}

/// The file with its descriptors changed, in ways that keep their length, and with other headers.
fn directed(original: &Original) -> Vec<Vec<u8>> {
    let record = original.section.start;
    let with = |changes: &[(usize, &[u8])]| {
        let mut bytes = original.bytes.clone();
        for (at, new) in changes {
            bytes[*at..*at + new.len()].copy_from_slice(new);
        }
        bytes
    };
    let said = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len(), "{from}");
        let is_it = |window: &[u8]| window == from.as_bytes();
        let within = |place: &Range<usize>| {
            original.bytes[place.clone()].windows(from.len()).position(is_it).map(|at| place.start + at)
        };
        let at = original.places.iter().find_map(within);
        with(&[(at.unwrap_or_else(|| panic!("nothing says {from}")), to.as_bytes())])
    };
    let nothing = vec![0; original.section.len()];
    let descriptor = &original.contents.descriptors[0];
    let crowded = Descriptor { ports: vec![descriptor.ports[0].clone(); 1025], ..descriptor.clone() };
    let greedy = Descriptor { capabilities: vec!["sacrets:hoard".into()], ..descriptor.clone() };
    vec![
        Vec::new(),
        with(&[(0, b"MZ")]),
        with(&[(4, &[1])]),
        with(&[(62, &[0xff, 0xff])]),
        with(&[(record, &nothing)]),
        section_of_five_megabytes(original),
        with(&[(record + 8, &u32::MAX.to_le_bytes())]),
        with(&[(record, b"?")]),
        with(&[(record + 7, &[9])]),
        said("\"abi\":1,", "\"abi\":[,"),
        said("\"abi\":1,\"sdk\"", "\"abi\":2,\"sdx\""),
        said("\"id\":\"veteran\"", "\"id\":\"Veteran\""),
        said("\"abi\":1,", "\"abi\":2,"),
        said("-linux-gnu\"", "-linux-gnU\""),
        said("\"panic\":\"unwind\"", "\"panic\":\"abort\" "),
        with(&[(16, &[2, 0])]),
        said("transom_plugin_veteran\0", "transom_plugin_veteraN\0"),
        with_descriptors(original, &[&greedy]),
        with_descriptors(original, &[&crowded]),
        with_descriptors(original, &[descriptor, descriptor]),
    ]
}

/// The section's header says that it goes on for 5 MiB.
fn section_of_five_megabytes(original: &Original) -> Vec<u8> {
    let mut bytes = original.bytes.clone();
    let header = header_of_section(original);
    bytes[header + 32..header + 40].copy_from_slice(&(5_u64 << 20).to_le_bytes());
    bytes
}

fn header_of_section(original: &Original) -> usize {
    let begin = (original.section.start as u64).to_le_bytes();
    let headers = original.places.iter().filter(|place| place.len() == 64 && place.start > 0);
    let mut headers = headers.map(|place| place.start);
    headers
        .find(|header| original.bytes[header + 24..header + 32] == begin)
        .expect("the section has a header")
}

/// A section at the end of the file, with these plugins.
fn with_descriptors(original: &Original, descriptors: &[&Descriptor]) -> Vec<u8> {
    let mut bytes = original.bytes.clone();
    let (begin, header) = (bytes.len(), header_of_section(original));
    for descriptor in descriptors {
        let json = serde_json::to_vec(descriptor).expect("it is written");
        bytes.extend(&original.bytes[original.section.start..original.section.start + 8]);
        bytes.extend(u32::try_from(json.len()).expect("it is short").to_le_bytes());
        bytes.extend(&json);
    }
    let length = bytes.len() - begin;
    bytes[header + 24..header + 32].copy_from_slice(&(begin as u64).to_le_bytes());
    bytes[header + 32..header + 40].copy_from_slice(&(length as u64).to_le_bytes());
    bytes
}
