//! What holds for any original, for any part of it that a link knows, and for any change.

use serde_json::{Map, Value as Json, json};

use super::super::super::tree::Tree;
use super::super::super::tree::sample::{decoded, encoded};
use super::super::{Reason, carry};

const ROUNDS: u64 = 3_000;
const KEYS: &[&str] = &["type", "a", "b", "c", "d", "x", "y", "z"];

/// Numbers that look random and are the same in each run (xorshift).
struct Chance(u64);

impl Chance {
    fn new(round: u64) -> Self {
        Self((round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn value(&mut self, depth: u64) -> Json {
        match self.below(if depth == 0 { 6 } else { 14 }) {
            0 => Json::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(3)),
            3 => json!(-1 - (self.below(300) as i64)),
            4 => json!(self.below(100) as f64 + 0.25),
            5 => json!(format!("text {}", self.below(3))),
            6..=9 => (0..self.below(6)).map(|_| self.value(depth - 1)).collect(),
            _ => self.object(depth),
        }
    }

    fn object(&mut self, depth: u64) -> Json {
        let mut entries = Map::new();
        for key in KEYS {
            if self.below(2) == 0 {
                let value = if *key == "type" {
                    json!(["p", "q"][self.below(2) as usize])
                } else {
                    self.value(depth - 1)
                };
                entries.insert((*key).to_owned(), value);
            }
        }
        Json::Object(entries)
    }

    /// Keys that a link knows.
    fn known(&mut self) -> Vec<&'static str> {
        KEYS.iter().copied().filter(|_| self.below(3) > 0).collect()
    }
}

/// What a link sees that knows these keys only.
fn seen(value: &Json, known: &[&str]) -> Json {
    match value {
        Json::Array(elements) => elements.iter().map(|element| seen(element, known)).collect(),
        Json::Object(entries) => {
            let kept = entries.iter().filter(|(key, _)| known.contains(&key.as_str()));
            kept.map(|(key, value)| (key.clone(), seen(value, known))).collect()
        }
        scalar => scalar.clone(),
    }
}

/// Gives about one in four of the scalars a value that stands nowhere else; tags stay.
fn edit(value: &mut Json, known: &[&str], chance: &mut Chance, count: &mut usize) {
    match value {
        Json::Array(elements) => elements.iter_mut().for_each(|element| edit(element, known, chance, count)),
        Json::Object(entries) => {
            let reached =
                entries.iter_mut().filter(|(key, _)| *key != "type" && known.contains(&key.as_str()));
            reached.for_each(|(_, value)| edit(value, known, chance, count));
        }
        scalar if chance.below(4) == 0 => {
            *count += 1;
            *scalar = json!(format!("edit {count}"));
        }
        _ => {}
    }
}

fn carried(original: &Json, given: &Json, returned: &Json) -> Result<Vec<u8>, super::super::Unplaceable> {
    carry(&encoded(original), &encoded(given), &encoded(returned))
}

#[test]
fn a_link_that_changes_nothing_leaves_the_original() {
    for round in 0..ROUNDS {
        let mut chance = Chance::new(round);
        let (body, known) = (chance.value(4), chance.known());
        let given = seen(&body, &known);
        assert_eq!(carried(&body, &given, &given).unwrap(), encoded(&body));
        // With a change beside it, so that all of it is compared.
        let (before, after) = (json!({ "a": 1, "body": given }), json!({ "a": 2, "body": given }));
        let carried = carried(&json!({ "a": 1, "body": body }), &before, &after).unwrap();
        assert_eq!(carried, encoded(&json!({ "a": 2, "body": body })));
    }
}

#[test]
fn edits_of_scalars_are_made_in_the_original_and_nothing_else_is() {
    let mut count = 0;
    for round in 0..ROUNDS {
        let mut chance = Chance::new(round);
        let (original, known) = (chance.value(4), chance.known());
        let mut edited = original.clone();
        edit(&mut edited, &known, &mut chance, &mut count);
        let (given, returned) = (seen(&original, &known), seen(&edited, &known));
        let carried = carried(&original, &given, &returned).unwrap();
        assert_eq!(decoded(&carried), edited, "{original} seen as {given}, returned as {returned}");
        assert_eq!(carried, encoded(&edited));
    }
    assert!(count > 1_000, "there were edits to carry: {count}");
}

#[test]
fn whatever_a_link_returns_is_what_it_would_see_again() {
    let mut placed = 0;
    for round in 0..ROUNDS {
        let mut chance = Chance::new(round);
        let (original, known) = (chance.value(4), chance.known());
        let mut returned = seen(&original, &known);
        disturb(&mut returned, &known, &mut chance);
        let given = seen(&original, &known);
        match carried(&original, &given, &returned) {
            Ok(carried) => {
                placed += 1;
                assert_eq!(seen(&decoded(&carried), &known), returned, "{original} seen as {given}");
            }
            Err(refused) => assert!(matches!(refused.reason, Reason::RunReplaced { .. }), "{refused}"),
        }
    }
    assert!(placed > ROUNDS / 2, "most changes have a place: {placed}");
}

/// Changes anything: scalars, tags, keys, elements and their order.
fn disturb(value: &mut Json, known: &[&str], chance: &mut Chance) {
    if chance.below(12) == 0 {
        *value = seen(&chance.value(2), known);
        return;
    }
    match value {
        Json::Array(elements) => disturb_list(elements, known, chance),
        Json::Object(entries) => {
            entries.retain(|_, _| chance.below(8) > 0);
            entries.values_mut().for_each(|value| disturb(value, known, chance));
            if let Some(key) = known.get(chance.below(20) as usize) {
                entries.insert((*key).to_owned(), seen(&chance.value(1), known));
            }
        }
        _ => {}
    }
}

fn disturb_list(elements: &mut Vec<Json>, known: &[&str], chance: &mut Chance) {
    elements.iter_mut().for_each(|element| disturb(element, known, chance));
    elements.retain(|_| chance.below(8) > 0);
    let count = elements.len();
    if count > 1 && chance.below(4) == 0 {
        elements.rotate_left(1);
    }
    if chance.below(6) == 0 {
        elements.insert(chance.below(count as u64 + 1) as usize, seen(&chance.value(1), known));
    }
}

#[test]
fn elements_that_are_dropped_and_shuffled_keep_what_is_theirs() {
    for round in 0..ROUNDS / 10 {
        let mut chance = Chance::new(round);
        let mut numbers: Vec<u64> = (0..chance.below(40)).collect();
        let original: Json =
            numbers.iter().map(|number| json!({ "a": number, "x": { "y": number } })).collect();
        let given = seen(&original, &["a"]);
        numbers.retain(|_| chance.below(3) > 0);
        for place in 1..numbers.len() {
            numbers.swap(place, chance.below(place as u64 + 1) as usize);
        }
        let expected: Json = numbers.iter().map(|number| original[*number as usize].clone()).collect();
        let carried = carried(&original, &given, &seen(&expected, &["a"])).unwrap();
        assert_eq!(decoded(&carried), expected);
    }
}

#[test]
fn a_document_that_is_cut_off_is_refused_and_one_that_is_bent_does_no_harm() {
    let mut chance = Chance::new(7);
    let original =
        json!({ "a": [{ "b": 1, "x": 2 }, { "b": -400, "x": "text" }], "c": 0.25, "d": { "a": null } });
    let whole = [
        encoded(&original),
        encoded(&seen(&original, &["a", "b", "c"])),
        encoded(&json!({ "a": [{ "b": 2 }, { "b": -400 }], "c": 0.5 })),
    ];
    for which in 0..whole.len() {
        for end in 0..whole[which].len() {
            let mut cut = whole.clone();
            cut[which].truncate(end);
            let refused = carry(&cut[0], &cut[1], &cut[2]).unwrap_err();
            assert!(matches!(refused.reason, Reason::Unreadable { .. }), "{refused}");
            let mut bent = whole.clone();
            bent[which][end] = chance.below(256) as u8;
            if let Ok(carried) = carry(&bent[0], &bent[1], &bent[2]) {
                assert!(Tree::read(&carried).is_ok(), "what is carried is a document: {carried:x?}");
            }
        }
    }
}
