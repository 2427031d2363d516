//! What the guide tells a client to do with frames, done: whatever comes again or cut otherwise, the same is shown.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What a client reads of a frame.
#[derive(Clone)]
struct Frame {
    kind: String,
    generation: u64,
    position: u64,
    offset: usize,
    volatile: bool,
    delta: String,
    data: String,
}

/// A conversation as a client shows it.
#[derive(Default, Debug, PartialEq)]
struct Screen {
    /// Everything but texts and thoughts, by position.
    facts: BTreeMap<u64, String>,
    texts: BTreeMap<u64, String>,
    prints: BTreeMap<u64, String>,
    cursor: (u64, u64, usize),
    is_lost: bool,
}

impl Screen {
    fn take(&mut self, frame: &Frame) {
        let (position, offset) = (frame.position, frame.offset);
        match frame.kind.as_str() {
            "snapshot-required" => return self.is_lost = true,
            "tool-output" => return add(&mut self.prints, position, offset, &frame.data),
            "error" if frame.volatile => return,
            "rewind" => self.forget_behind(position, offset),
            "text-delta" | "reasoning-delta" => add(&mut self.texts, position, offset, &frame.delta),
            kind => drop(self.facts.insert(position, kind.to_owned())),
        }
        self.cursor = (frame.generation, position, offset + frame.delta.len());
    }

    fn forget_behind(&mut self, position: u64, offset: usize) {
        self.facts.retain(|at, _| *at <= position);
        self.prints.retain(|at, _| *at <= position);
        self.texts.retain(|at, _| *at <= position);
        self.texts.entry(position).and_modify(|text| text.truncate(offset));
    }
}

/// Adds what is not there yet.
fn add(texts: &mut BTreeMap<u64, String>, position: u64, offset: usize, piece: &str) {
    let text = texts.entry(position).or_default();
    let known = text.len().saturating_sub(offset);
    text.push_str(piece.get(known..).unwrap_or_default());
}

const WORDS: &str = "Über Stock und Stein";

fn frame(of: Value) -> Frame {
    let text = |field: &str| of[field].as_str().unwrap_or_default().to_owned();
    let number = |field: &str| of[field].as_u64().unwrap_or_default();
    Frame {
        kind: text("type"),
        generation: number("generation"),
        position: number("position"),
        offset: usize::try_from(number("offset")).expect("it fits"),
        volatile: of["volatile"] == true,
        delta: text("delta"),
        data: text("data"),
    }
}

fn fact(kind: &str, position: u64) -> Frame {
    frame(json!({ "type": kind, "position": position }))
}

/// A text at position 3, from each of these places to the next.
fn texts(cuts: &[usize]) -> impl Iterator<Item = Frame> {
    cuts.windows(2).map(|cut| {
        frame(
            json!({ "type": "text-delta", "position": 3, "offset": cut[0], "delta": WORDS[cut[0]..cut[1]] }),
        )
    })
}

fn turn(cuts: &[usize]) -> Vec<Frame> {
    let before = [fact("user-message", 1), fact("turn-start", 2)].into_iter();
    let print = frame(json!({ "type": "tool-output", "position": 4, "data": "printed" }));
    let behind = [fact("tool-call", 4), print, fact("done", 5), fact("turn-sealed", 6)];
    before.chain(texts(cuts)).chain(behind).collect()
}

fn screen<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Screen {
    frames.into_iter().fold(Screen::default(), |mut screen, frame| {
        screen.take(frame);
        screen
    })
}

#[test]
fn whoever_left_and_came_back_shows_what_who_stayed_does() {
    let end = WORDS.len();
    let live = turn(&[0, 6, 12, end]);
    let expected = screen(&live);
    assert_eq!((expected.texts[&3].as_str(), expected.cursor), (WORDS, (0, 6, 0)));
    let cuts = [&[0, end][..], &[0, 2, 9, end], &[6, end], &[0, 6, 12, end]];
    for seen in 0..live.len() {
        for cuts in cuts.iter().filter(|cuts| cuts[0] == 0 || seen > 2) {
            let again = turn(cuts);
            assert_eq!(screen(live[..seen].iter().chain(&again)), expected, "{seen} {cuts:?}");
        }
    }
}

#[test]
fn what_was_taken_back_is_forgotten_and_nothing_before_it() {
    let mut screen = screen(&turn(&[0, 6, WORDS.len()]));
    screen.take(&frame(json!({ "type": "rewind", "generation": 1, "position": 3, "offset": 6 })));
    assert_eq!((screen.texts[&3].as_str(), screen.facts.len(), screen.prints.len()), (&WORDS[..6], 2, 0));
    assert_eq!(screen.cursor, (1, 3, 6));
    screen.take(&fact("done", 4));
    assert_eq!(screen.facts[&4], "done");
}

#[test]
fn who_cannot_be_served_reads_again() {
    assert!(screen(&[fact("snapshot-required", 0)]).is_lost);
}
