//! The rules as a table of changes, which is the one in the documentation.

use serde_json::{Value, json};

use super::{field, of, plain, shape, tagged};
use crate::bridge::judge::{can_carry_back, judge};

/// A change, and pairs of copies before and after it.
struct Row {
    change: &'static str,
    /// Whether the two have one fingerprint.
    is_equal: bool,
    copies: Vec<(Value, Value)>,
}

impl Row {
    fn equal(change: &'static str, copies: Vec<(Value, Value)>) -> Self {
        Self { is_equal: true, ..Self::of(change, copies) }
    }

    fn of(change: &'static str, copies: Vec<(Value, Value)>) -> Self {
        Self { change, is_equal: false, copies }
    }

    fn fields(change: &'static str, copies: Vec<(Value, Value)>) -> Self {
        Self::of(change, copies.into_iter().map(|(old, new)| (of(old), of(new))).collect())
    }

    /// Of one field without a default.
    fn types(change: &'static str, copies: Vec<(Value, Value)>) -> Self {
        let one = |shape| json!([field("x", shape)]);
        Self::fields(change, copies.into_iter().map(|(old, new)| (one(old), one(new))).collect())
    }

    /// What happens, column by column; the same for all copies.
    fn outcome(&self) -> [&'static str; 4] {
        let mut outcomes = self.copies.iter().map(|(old, new)| {
            let (old, new) = (&shape(old), &shape(new));
            let fits = [
                judge(old, new).is_ok(),
                judge(new, old).is_ok(),
                can_carry_back(new, old).is_ok(),
                can_carry_back(old, new).is_ok(),
            ];
            fits.map(|fits| {
                if !fits {
                    "refused"
                } else if self.is_equal {
                    "equal"
                } else {
                    "bridged"
                }
            })
        });
        let first = outcomes.next().expect("a row has copies");
        outcomes.for_each(|other| assert_eq!(other, first, "{}", self.change));
        first
    }
}

fn defaulted(name: &str, shape: Value) -> Value {
    json!({"name": name, "shape": shape, "default": true})
}

fn grows(mut of: Value) -> Value {
    of["grows"] = json!(true);
    of
}

fn rows() -> Vec<Row> {
    let id = || field("id", json!("u64"));
    let pair = |one: &str, other: &str| (json!(one), json!(other));
    let mut rows = vec![
        Row::equal("crate, module, documentation or revision", vec![(of(json!([id()])), of(json!([id()])))]),
        Row::equal(
            "a field gets `default` or `was`",
            vec![
                (of(json!([id()])), of(json!([defaulted("id", json!("u64"))]))),
                (of(json!([id()])), of(json!([{"name": "id", "shape": "u64", "was": ["key"]}]))),
            ],
        ),
        Row::of(
            "the type gets another name",
            vec![
                (of(json!([id()])), json!({"struct": "Other", "fields": [id()]})),
                (plain(&["calm"]), json!({"enum": "Other", "variants": [{"name": "calm"}]})),
            ],
        ),
        Row::fields(
            "fields change their order",
            vec![(json!([id(), field("x", json!("u8"))]), json!([field("x", json!("u8")), id()]))],
        ),
        Row::types(
            "`T` to `Shared<T>`, or back",
            vec![(json!("Text"), json!({"shared": "Text"})), (json!({"shared": "Text"}), json!("Text"))],
        ),
    ];
    rows.extend(rows_of_fields());
    rows.extend(vec![
        Row::types(
            "integer or float widened: `u32` to `u64`, `f32` to `f64`",
            vec![pair("u32", "u64"), pair("i8", "i16"), pair("f32", "f64")],
        ),
        Row::types("unsigned to a wider signed: `u32` to `i64`", vec![pair("u32", "i64"), pair("u8", "i16")]),
        Row::types(
            "integer to a float that holds all of it: `u32` to `f64`",
            vec![pair("u32", "f64"), pair("i32", "f64"), pair("u16", "f32"), pair("i16", "f32")],
        ),
        Row::types(
            "the reverse of one of these three: `u64` to `u32`, `f64` to `u32`",
            vec![pair("u64", "u32"), pair("f64", "f32"), pair("i64", "u32"), pair("f64", "u32")],
        ),
        Row::types(
            "integer to a float that does not: `u64` to `f64`",
            vec![pair("u64", "f64"), pair("i64", "f64"), pair("u32", "f32"), pair("i32", "f32")],
        ),
        Row::types(
            "signed to unsigned, or back, of the same width",
            vec![pair("i32", "u32"), pair("u32", "i32"), pair("i64", "u64"), pair("u8", "i8")],
        ),
        Row::types("`T` to `Maybe<T>`", vec![(json!("Text"), json!({"maybe": "Text"}))]),
        Row::fields(
            "`T` to `Maybe<T>`, field with `default`",
            vec![(json!([defaulted("x", json!("Text"))]), json!([defaulted("x", json!({"maybe": "Text"}))]))],
        ),
        Row::types(
            "`List<T>` to `List<Maybe<T>>`",
            vec![(json!({"list": "Text"}), json!({"list": {"maybe": "Text"}}))],
        ),
        Row::types(
            "`T` to `Json`",
            vec![pair("Text", "Json"), (of(json!([id()])), json!("Json")), (plain(&["calm"]), json!("Json"))],
        ),
        Row::types(
            "to another kind: `Text` to `u32`, a struct to a `Map`",
            vec![
                pair("Text", "u32"),
                pair("bool", "()"),
                (json!({"list": "Text"}), json!({"map": "Text"})),
                (of(json!([id()])), json!({"map": "u64"})),
                (plain(&["calm"]), json!("Text")),
                (tagged(json!([{"name": "text"}])), of(json!([]))),
            ],
        ),
    ]);
    rows.extend(rows_of_variants());
    rows
}

fn rows_of_fields() -> Vec<Row> {
    let id = || field("id", json!("u64"));
    let with = |other: Value| json!([id(), other]);
    let only = |field: Value| json!([field]);
    let has = |name: &str| field(name, json!("u8"));
    let extra = || defaulted("extra", json!("u8"));
    let note = || defaulted("note", json!({"maybe": "Text"}));
    vec![
        Row::fields(
            "field added, with `default` or a `Maybe`",
            vec![(only(id()), with(extra())), (only(id()), with(note()))],
        ),
        Row::fields("field added, no `default`", vec![(only(id()), with(has("extra")))]),
        Row::fields(
            "field removed that had `default`",
            vec![(with(extra()), only(id())), (with(note()), only(id()))],
        ),
        Row::fields("field removed that had none", vec![(with(has("extra")), only(id()))]),
        Row::fields(
            "field renamed, with `was`",
            vec![(only(has("wait")), only(json!({"name": "waitMs", "shape": "u8", "was": ["wait"]})))],
        ),
        Row::fields("field renamed, no `was`", vec![(only(has("wait")), only(has("waitMs")))]),
    ]
}

fn rows_of_variants() -> Vec<Row> {
    let text = |fields: Value| json!({"name": "text", "fields": fields});
    let one = || tagged(json!([{"name": "end"}]));
    let two = || tagged(json!([{"name": "end"}, text(json!([field("text", json!("Text"))]))]));
    let (calm, both) = (|| plain(&["calm"]), || plain(&["calm", "angry"]));
    let with = |fields: Value| tagged(json!([text(fields)]));
    vec![
        Row::of(
            "variant added to an enum that grows",
            vec![(grows(one()), grows(two())), (grows(calm()), grows(both()))],
        ),
        Row::of("variant added to one that does not", vec![(one(), two()), (calm(), both())]),
        Row::of(
            "variant removed from an enum that grows",
            vec![(grows(two()), grows(one())), (grows(both()), grows(calm()))],
        ),
        Row::of("variant removed from one that does not", vec![(two(), one()), (both(), calm())]),
        Row::of(
            "field added to a variant, with `default`",
            vec![(with(json!([])), with(json!([defaulted("text", json!("Text"))])))],
        ),
        Row::of(
            "field added to a variant, no `default`",
            vec![(with(json!([])), with(json!([field("text", json!("Text"))])))],
        ),
        Row::of("an enum begins to grow", vec![(two(), grows(two())), (both(), grows(both()))]),
        Row::of(
            "an enum of plain variants gets fields",
            vec![(plain(&["end"]), two()), (grows(plain(&["end"])), grows(two()))],
        ),
        Row::of(
            "another tag",
            vec![(one(), json!({"enum": "Chunk", "tag": "kind", "variants": [{"name": "end"}]}))],
        ),
    ]
}

#[test]
fn the_table_in_the_documentation_is_what_happens() {
    let happens: Vec<String> =
        rows().iter().map(|row| format!("| {} | {} |", row.change, row.outcome().join(" | "))).collect();
    let lines = include_str!("../../judge.rs").lines().filter_map(|line| line.strip_prefix("//! |"));
    // The first two are its head.
    let documented: Vec<String> = lines.skip(2).map(|line| format!("|{line}")).collect();
    assert_eq!(happens.join("\n"), documented.join("\n"));
}

#[test]
fn what_is_said_of_fields_holds_at_any_depth() {
    let around = |inner: &Value| {
        let holder = of(json!([field("held", json!({"shared": {"maybe": inner}}))]));
        tagged(json!([{"name": "many", "fields": [field("all", json!({"list": {"map": holder}}))]}]))
    };
    for mut row in rows() {
        let shallow = row.outcome();
        row.copies = row.copies.iter().map(|(old, new)| (around(old), around(new))).collect();
        assert_eq!(row.outcome(), shallow, "{}", row.change);
    }
}
