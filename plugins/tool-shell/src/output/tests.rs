//! What becomes of an output as a whole.

use std::fs;
use std::sync::{Arc, Mutex};

use super::*;
use crate::spill::Shelf;

/// What the answer has of an output that was printed in these pieces, and the file with all of it.
fn answered(most: usize, spill: u64, pieces: &[&str]) -> (String, Option<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let shelf = Shelf::at(folder.path().join("the owner's"), spill).expect("a shelf");
    let shown = Arc::new(Mutex::new(String::new()));
    let shows = Arc::clone(&shown);
    let show = move |_, text: &str| shows.lock().expect("nobody panics").push_str(text);
    let mut output = Output::new(most, Spill::on(shelf, "run".into()), Box::new(show));
    for (number, piece) in pieces.iter().enumerate() {
        output.take(Stream::BOTH[number % 2], piece.as_bytes());
    }
    let answer = output.end();
    assert_eq!(*shown.lock().expect("nobody panics"), pieces.concat());
    let file = fs::read_to_string(folder.path().join("the owner's/run.txt")).ok();
    (answer.replace(&folder.path().display().to_string(), "DATA"), file)
}

#[test]
fn what_fits_is_answered_whole_and_written_nowhere() {
    assert_eq!(answered(20, 100, &["one\n", "two\n"]), ("one\ntwo\n".to_owned(), None));
    assert_eq!(answered(8, 100, &["one\n", "two\n"]), ("one\ntwo\n".to_owned(), None));
    assert_eq!(answered(20, 100, &["no end"]), ("no end\n".to_owned(), None));
    assert_eq!(answered(20, 100, &[]), (String::new(), None));
}

#[test]
fn what_does_not_fit_is_answered_with_its_ends_and_written_as_a_whole() {
    let pieces = ["one\ntwo\n", "three\n", "four\nfive\n", "six\n", "seven"];
    let (answer, file) = answered(24, 100, &pieces);
    assert_eq!(
        answer,
        "one\ntwo\n[16 bytes and 3 ends of lines are left out here; all of it is in \
         'DATA/the owner'\\''s/run.txt', of which `sed -n '1,200p' 'DATA/the owner'\\''s/run.txt'` shows lines]\n\
         six\nseven\n"
    );
    assert_eq!(file, Some(pieces.concat()));
}

#[test]
fn what_is_too_long_for_the_file_is_told() {
    let line = "0123456789abcde\n".repeat(10);
    let (answer, file) = answered(40, 100, &[&line]);
    assert!(answer.contains("; the first 100 bytes are in 'DATA/"), "{answer}");
    assert!(file.is_some_and(|file| file.starts_with(&line[..100]) && file.contains("at its limit of 100 bytes]")));
}
