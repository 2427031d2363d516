//! A book notices everything that a viewer must not be shown.

use serde_json::json;

use super::*;

fn frame(place: (u64, u64, u64), kind: &str, delta: Option<&str>) -> Frame {
    let (generation, position, offset) = place;
    let mut document = json!({
        "conversationId": "c", "generation": generation, "position": position, "offset": offset, "type": kind,
    });
    if let Some(delta) = delta {
        document["delta"] = delta.into();
    }
    Frame::read(&document.to_string()).unwrap().unwrap()
}

fn said(position: u64, offset: u64, delta: &str) -> Frame {
    frame((0, position, offset), "text-delta", Some(delta))
}

fn whole(position: u64, kind: &str) -> Frame {
    frame((0, position, 0), kind, None)
}

fn of(frames: &[Frame]) -> Book {
    let mut book = Book::default();
    for frame in frames {
        book.take(frame);
    }
    book
}

#[track_caller]
fn check(frames: &[Frame], doubled: u64, disordered: u64, gaps: u64) {
    let tally = of(frames).tally;
    assert_eq!(
        (tally.doubled, tally.disordered, tally.gaps),
        (doubled, disordered, gaps),
        "{:?}",
        tally.remarks
    );
}

#[test]
fn what_comes_twice_late_or_with_a_gap_is_noticed() {
    let good = [whole(1, "user-message"), said(2, 0, "ab"), said(2, 2, "c"), whole(3, "done")];
    check(&good, 0, 0, 0);
    check(&[whole(1, "user-message"), whole(1, "user-message")], 1, 0, 0);
    check(&[whole(1, "user-message"), said(2, 0, "ab"), said(2, 1, "bc")], 1, 0, 0);
    check(&[whole(1, "user-message"), whole(2, "turn-start"), whole(1, "user-message")], 1, 1, 0);
    check(&[whole(1, "user-message"), whole(3, "done")], 0, 0, 1);
    check(&[whole(1, "user-message"), said(2, 0, "ab"), said(2, 3, "d")], 0, 0, 1);
    check(&[frame((0, 1, 0), "snapshot-required", None)], 0, 0, 1);
}

/// Pieces of a text are volatile as long as it is not stored.
fn volatile(mut piece: Frame) -> Frame {
    piece.is_volatile = true;
    piece
}

#[test]
fn what_is_taken_back_is_forgotten_and_counted() {
    let mut book = of(&[whole(1, "user-message"), volatile(said(2, 0, "abcd"))]);
    assert_eq!(book.take(&frame((1, 2, 1), "rewind", None)), 3);
    assert_eq!(book.text_at(2), Some("a"));
    assert_eq!(book.take(&frame((1, 2, 1), "text-delta", Some("z"))), 0);
    assert_eq!((book.text_at(2), book.cursor().to_string().as_str()), (Some("az"), "1:2:2"));
    let Tally { doubled, disordered, gaps, revoked, .. } = book.tally;
    assert_eq!((doubled, disordered, gaps, revoked), (0, 0, 0, 0), "{:?}", book.tally.remarks);
}

#[test]
fn what_no_crash_may_take_back_is_told_when_it_is() {
    let seen = [
        whole(1, "user-message"),
        volatile(said(2, 0, "ab")),
        whole(3, "usage"),
        volatile(said(4, 0, "xyz")),
    ];
    let mut book = of(&seen);
    assert_eq!((book.take(&frame((1, 3, 0), "rewind", None)), book.tally.revoked), (3, 0));
    let mut book = of(&seen);
    assert_eq!((book.take(&frame((1, 2, 1), "rewind", None)), book.tally.revoked), (4, 1));
    assert!(!book.knows(3) && !book.knows(4));
    let story = "x".repeat(20_000);
    let mut book = of(&[whole(1, "user-message"), volatile(said(2, 0, &story))]);
    assert_eq!((book.take(&frame((1, 1, 0), "rewind", None)), book.tally.revoked), (20_000, 1));
}

#[test]
fn books_are_compared_byte_for_byte_however_texts_were_cut() {
    let truth = of(&[whole(1, "user-message"), said(2, 0, "abc"), whole(3, "done")]);
    let same = of(&[whole(1, "user-message"), said(2, 0, "a"), said(2, 1, "bc"), whole(3, "done")]);
    assert_eq!(same.compare(&truth), Comparison { same_frames: 2, same_bytes: 3, differences: Vec::new() });
    let other = of(&[whole(1, "user-message"), said(2, 0, "abd"), whole(3, "turn-sealed"), whole(4, "done")]);
    assert_eq!(other.compare(&truth).differences.len(), 3);
    assert_eq!(of(&[]).compare(&truth).differences.len(), 3);
}

#[test]
fn the_word_that_an_end_cannot_be_stored_yet_stands_nowhere() {
    let document = json!({
        "conversationId": "c", "generation": 0, "position": 2, "offset": 1, "volatile": true, "type": "error",
    });
    let warning = Frame::read(&document.to_string()).unwrap().unwrap();
    let book = of(&[whole(1, "user-message"), said(2, 0, "a"), warning, said(2, 1, "b"), whole(3, "done")]);
    assert_eq!((book.text_at(2), book.tally.warnings, book.tally.doubled), (Some("ab"), 1, 0));
}
