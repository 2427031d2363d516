//! The copies of the contract: how each differs, what it writes, and what it reads of what another wrote.

use serde_json::{Value, json};

use crate::promises::repository::{root, text_of};

/// A copy that departs from the one of `base`.
pub(super) struct Copy {
    /// The last part of its package's name.
    pub(super) name: &'static str,
    /// The row of the table that tells what is to happen.
    row: &'static str,
}

const fn copy(name: &'static str, row: &'static str) -> Copy {
    Copy { name, row }
}

/// All of them.
pub(super) const COPIES: [Copy; 7] = [
    copy("less", "field removed that had none"),
    copy("more", "field added, with `default` or a `Maybe`"),
    copy("renamed", "field renamed, with `was`"),
    copy("retyped", "to another kind: `Text` to `u32`, a struct to a `Map`"),
    copy("twin", "crate, module, documentation or revision"),
    copy("variant", "variant added to an enum that grows"),
    copy("widened", "integer or float widened: `u32` to `u64`, `f32` to `f64`"),
];

/// What can happen with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Equal,
    Bridged,
    Refused,
}

/// The kinds of points, as far as they differ in what has to fit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Event,
    Filter,
    Service,
}

/// Every point, with its kind.
pub(super) const POINTS: [(&str, Kind); 7] = [
    ("dialect/ask", Kind::Service),
    ("dialect/heard", Kind::Event),
    ("dialect/heard-later", Kind::Event),
    ("dialect/list", Kind::Service),
    ("dialect/paced", Kind::Event),
    ("dialect/polish", Kind::Filter),
    ("dialect/polish-open", Kind::Filter),
];

/// The rows of the table in the documentation of the judge: a change, and what happens.
pub(super) fn table() -> Vec<String> {
    let judge = text_of(&root().join("kernel/src/bridge/judge.rs"));
    let rows: Vec<String> =
        judge.lines().filter_map(|line| line.strip_prefix("//! |")).map(|row| format!("|{row}")).collect();
    assert!(rows.len() > 30, "the table has more than {} rows", rows.len());
    rows
}

impl Copy {
    /// What is to happen between `base` and this copy at a point of that kind; `is_outer` when this one emits, applies
    /// or calls.
    pub(super) fn outcome(&self, kind: Kind, is_outer: bool) -> Outcome {
        let [new_reads_old, old_reads_new, old_link, new_link] = self.columns();
        match (kind, is_outer) {
            (Kind::Event, false) => new_reads_old,
            (Kind::Event, true) => old_reads_new,
            (Kind::Filter, false) => new_link,
            (Kind::Filter, true) => old_link,
            // The request goes one way, and the reply the other.
            (Kind::Service, _) if [new_reads_old, old_reads_new].contains(&Outcome::Refused) => {
                Outcome::Refused
            }
            (Kind::Service, _) => new_reads_old,
        }
    }

    fn columns(&self) -> [Outcome; 4] {
        let head = format!("| {} | ", self.row);
        let row = table().into_iter().find_map(|row| row.strip_prefix(&head).map(str::to_owned));
        let row = row.unwrap_or_else(|| panic!("the table has no row `{}`", self.row));
        let outcomes: Vec<Outcome> = row.trim_end_matches(" |").split(" | ").map(outcome).collect();
        outcomes.try_into().expect("a row has four outcomes")
    }
}

fn outcome(word: &str) -> Outcome {
    match word {
        "equal" => Outcome::Equal,
        "bridged" => Outcome::Bridged,
        "refused" => Outcome::Refused,
        other => panic!("`{other}` is no outcome"),
    }
}

/// A parcel in the words of a copy.
pub(super) fn sample(name: &str) -> Value {
    let mut parcel = json!({
        "id": 1, "weight": 3, "shelf": 5, "label": "to Bern", "seal": {"type": "wax", "colour": "red"},
    });
    match name {
        "more" => parcel["floor"] = json!(7),
        "less" => drop(parcel["weight"].take()),
        "renamed" => parcel["mass"] = parcel["weight"].take(),
        "retyped" => parcel["weight"] = json!("3 kg"),
        "variant" => parcel["seal"] = json!({"type": "wire", "strands": 4}),
        _ => {}
    }
    without_nulls(parcel)
}

/// What the reader makes of a value that can be bridged to it.
pub(super) fn as_read_by(reader: &str, mut parcel: Value) -> Value {
    match reader {
        "more" if parcel.get("floor").is_none() => parcel["floor"] = json!(0),
        "more" => {}
        "less" => drop(parcel["weight"].take()),
        "renamed" if parcel.get("mass").is_none() => parcel["mass"] = parcel["weight"].take(),
        _ => drop(parcel.as_object_mut().map(|fields| fields.remove("floor"))),
    }
    without_nulls(parcel)
}

/// What links and providers make of it.
pub(super) fn touched(mut parcel: Value) -> Value {
    parcel["id"] = json!(parcel["id"].as_u64().expect("it has a number") + 1);
    parcel
}

fn without_nulls(mut parcel: Value) -> Value {
    parcel.as_object_mut().expect("a parcel is an object").retain(|_, value| !value.is_null());
    parcel
}
