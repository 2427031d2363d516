//! Changed files before the real program: an answer in JSON and an exit code, whatever they are.

#[allow(dead_code, reason = "what the loader's own tests need besides")]
#[path = "../../../loader/tests/loader/mutation.rs"]
mod mutation;
#[allow(dead_code, reason = "what the loader's own tests need besides")]
#[path = "../../../loader/tests/loader/original.rs"]
mod original;
#[path = "../../../loader/tests/loader/random.rs"]
mod random;

use std::fs;

use serde_json::Value;

use super::super::support::Outcome;
use super::{Court, plugin};
use mutation::Mutation;
use original::Original;
use random::Random;

/// Which files: those that the loader's campaign begins with when it has this seed.
const SEED: u64 = 7_000;

#[tokio::test]
async fn two_hundred_changed_files_are_inspected_with_an_answer_each() {
    let court = Court::new();
    let original = Original::read();
    for number in 0..200 {
        write(&court, &original, number, "changed.so");
        let answer = Outcome::of(court.scene.bare_command(&["inspect", "changed.so", "--json"])).await;
        let document: Result<Value, _> = serde_json::from_str(&answer.output);
        let is_answered = match (answer.code, &document) {
            (Some(0), Ok(document)) => document["plugins"].is_array(),
            (Some(2), Ok(document)) => document["faults"][0]["help"].is_string(),
            _ => false,
        };
        assert!(is_answered && answer.errors.is_empty(), "file {number} of seed {SEED}: {answer:?}");
    }
}

#[tokio::test]
async fn a_manifest_with_a_changed_file_is_checked_with_an_answer() {
    let court = Court::new();
    let original = Original::read();
    let settings = "[plugin.settings]\nburden_g = 7\n";
    court.scene.file("bad.toml", &(plugin("veteran", "changed.so") + settings));
    for number in 200..260 {
        write(&court, &original, number, "changed.so");
        let answer = court.run("check", &["--json"]).await;
        let document: Value = serde_json::from_str(&answer.output).unwrap_or_default();
        let faults = document["faults"].as_array().map_or(0, Vec::len);
        let is_answered = match answer.code {
            Some(0) => document["ok"] == true,
            Some(2) => document["ok"] == false && faults > 0,
            _ => false,
        };
        assert!(is_answered && answer.errors.is_empty(), "file {number} of seed {SEED}: {answer:?}");
    }
}

/// Writes the file with that number into the working folder.
fn write(court: &Court, original: &Original, number: u64, name: &str) {
    let mut bytes = original.bytes.clone();
    let mutation = Mutation::make(original, &mut bytes, &mut Random(SEED + number));
    fs::write(court.scene.work().join(name), &bytes[..mutation.length]).expect("a file");
}
