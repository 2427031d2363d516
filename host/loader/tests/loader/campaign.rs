//! Ten thousand changed files: each is a typed error, or a descriptor that is consistent. None is a crash or a wait.
//!
//! `TRANSOM_CAMPAIGN` says how many files instead, `TRANSOM_SEED` which ones.

use std::collections::{BTreeMap, BTreeSet};

use transom_kernel::plan;
use transom_loader::{Contents, TARGET, check, is_plugin_id};
use transom_plugin_api::abi::ABI_REVISION;

use super::errors::{ALL, IDS, name_of_flaw, name_of_mismatch, reach_directly};
use super::mutation::Mutation;
use super::original::Original;
use super::random::Random;

/// How many files, unless the environment says otherwise.
const FILES: u64 = 10_000;

/// Memory that reading all of them may take beyond what was taken before, in KiB: none is kept.
const MOST_MEMORY: u64 = 256 * 1024;

#[test]
fn ten_thousand_changed_files_are_typed_errors_or_consistent() {
    let (files, seed) = (from_environment("TRANSOM_CAMPAIGN", FILES), from_environment("TRANSOM_SEED", 1));
    let original = Original::read();
    let mut bytes = original.bytes.clone();
    let memory = peak_memory();
    let mut outcomes = BTreeMap::<&'static str, u64>::new();
    for number in 0..files {
        // Each file has a seed of its own, so that one can be had again without those before it.
        let mut random = Random(seed.wrapping_add(number));
        let told = Told { seed: seed.wrapping_add(number) };
        let mutation = Mutation::make(&original, &mut bytes, &mut random);
        for outcome in judged(&bytes[..mutation.length]) {
            *outcomes.entry(outcome).or_default() += 1;
        }
        mutation.undo(&mut bytes);
        drop(told);
    }
    assert!(bytes == original.bytes, "every change was taken back");
    let grown = peak_memory().saturating_sub(memory);
    assert!(grown < MOST_MEMORY, "reading {files} files took {grown} KiB");
    println!("{files} files from seed {seed}: {outcomes:#?}");

    let mut reached: BTreeSet<&str> = outcomes.into_keys().filter(|outcome| *outcome != "accepted").collect();
    let by_chance = reached.len();
    reach_directly(&original, &mut reached);
    println!("{by_chance} of {} errors by chance", ALL.len());
    assert_eq!(reached, ALL.into(), "each typed error is reached");
}

/// Says which file it was when its reading ends in a panic.
struct Told {
    seed: u64,
}

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("that was the first file of TRANSOM_SEED={} TRANSOM_CAMPAIGN=1", self.seed);
        }
    }
}

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().expect("a number"))
}

/// What is said about a file: an error, mismatches, or that it is accepted.
fn judged(bytes: &[u8]) -> Vec<&'static str> {
    let contents = match Contents::of(bytes) {
        Ok(contents) => contents,
        Err(flaw) => {
            check_text(&flaw.to_string());
            check_text(flaw.help());
            return vec![name_of_flaw(&flaw)];
        }
    };
    // What is read is read again from what is written.
    for descriptor in &contents.descriptors {
        let json = serde_json::to_vec(descriptor).expect("it is written");
        assert_eq!(
            serde_json::from_slice::<transom_loader::Descriptor>(&json).ok().as_ref(),
            Some(descriptor)
        );
    }
    let mut ids: BTreeSet<&str> = IDS.into();
    ids.extend(contents.descriptors.iter().map(|descriptor| descriptor.id.as_str()));
    let outcomes = ids.into_iter().flat_map(|id| asked(&contents, id)).collect();
    planned(&contents);
    outcomes
}

/// What is said when a manifest asks for the plugin `id` in the file.
fn asked(contents: &Contents, id: &str) -> Vec<&'static str> {
    match check::check_file(contents, id) {
        Ok(descriptor) => {
            assert!(is_plugin_id(id) && descriptor.id == id, "{id}");
            assert_eq!((descriptor.abi, descriptor.target.as_str()), (ABI_REVISION, TARGET));
            assert!(contents.shared && contents.entries.contains(&descriptor.symbol()));
            vec!["accepted"]
        }
        Err(mismatches) => {
            assert!(!mismatches.is_empty());
            mismatches.iter().for_each(|mismatch| {
                check_text(&mismatch.to_string());
                check_text(&mismatch.help());
            });
            mismatches.iter().map(name_of_mismatch).collect()
        }
    }
}

/// Everything that is planned with what was read ends, in a plan or in faults.
fn planned(contents: &Contents) {
    for faults in plan(&[], &contents.descriptors).err().into_iter().flatten() {
        assert!(!faults.problem.is_empty() && !faults.help.is_empty());
    }
}

/// A sentence for a person: on one line, and nothing in it moves a cursor.
fn check_text(text: &str) {
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
}

/// The most memory that this process has had so far, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
