//! What is read as a shape, and what is said of what is none.

use serde_json::{Value, json};

use super::{Enum, Field, MOST_LEVELS, Number, Shape, Struct, Variant};

fn check(value: Value, expected: Result<Shape, &str>) {
    assert_eq!(Shape::parse(&value), expected.map_err(str::to_owned), "{value}");
}

fn check_shown(value: Value, expected: &str) {
    assert_eq!(Shape::parse(&value).unwrap().to_string(), expected);
}

fn nested(levels: usize, around: fn(Value) -> Value) -> Value {
    (1..levels).fold(json!("u8"), |inner, _| around(inner))
}

#[test]
fn leaves_are_read_by_name() {
    check(json!("bool"), Ok(Shape::Bool));
    check(json!("()"), Ok(Shape::Unit));
    check(json!("Text"), Ok(Shape::Text));
    check(json!("Json"), Ok(Shape::Json));
    for number in Number::ALL {
        check(json!(number.to_string()), Ok(Shape::Number(number)));
    }
}

#[test]
fn a_struct_keeps_names_defaults_and_former_names() {
    let fields = json!([
        {"name": "waitMs", "shape": "u64", "was": ["wait", "delay"]},
        {"name": "note", "shape": {"maybe": "Text"}, "default": true},
    ]);
    let field = |name: &str, shape, default, was: &[&str]| Field {
        name: name.to_owned(),
        shape,
        default,
        was: was.iter().map(|was| (*was).to_owned()).collect(),
    };
    let expected = vec![
        field("waitMs", Shape::Number(Number::Unsigned(64)), false, &["wait", "delay"]),
        field("note", Shape::Maybe(Box::new(Shape::Text)), true, &[]),
    ];
    check(
        json!({"struct": "Pause", "fields": fields}),
        Ok(Shape::Struct(Struct { name: "Pause".to_owned(), fields: expected })),
    );
}

#[test]
fn an_enum_keeps_its_tag_its_variants_and_whether_it_grows() {
    let plain = |name: &str| Variant { name: name.to_owned(), fields: Vec::new() };
    let of = |tag: Option<&str>, grows| {
        let variants = vec![plain("rate-limited"), plain("refused")];
        Ok(Shape::Enum(Enum { name: "Failure".to_owned(), tag: tag.map(str::to_owned), variants, grows }))
    };
    let variants = json!([{"name": "rate-limited"}, {"name": "refused", "fields": []}]);
    check(json!({"enum": "Failure", "variants": variants}), of(None, false));
    check(json!({"enum": "Failure", "variants": variants, "grows": true}), of(None, true));
    check(json!({"enum": "Failure", "tag": "type", "variants": variants}), of(Some("type"), false));
}

#[test]
fn keys_of_a_later_version_are_ignored() {
    let unit = Variant { name: "on".to_owned(), fields: Vec::new() };
    let of = Enum { name: "Switch".to_owned(), tag: None, variants: vec![unit], grows: false };
    check(
        json!({"enum": "Switch", "since": 3, "variants": [{"name": "on", "about": "x"}]}),
        Ok(Shape::Enum(of)),
    );
    check(json!({"list": "bool", "most": 8}), Ok(Shape::List(Box::new(Shape::Bool))));
}

#[test]
fn a_kind_of_a_later_version_is_foreign_and_kept_as_written() {
    check(json!("u128"), Ok(Shape::Foreign("u128".to_owned())));
    check(json!({"set": "Text"}), Ok(Shape::Foreign(r#"{"set":"Text"}"#.to_owned())));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let no_shape = "a shape is text or an object";
    for value in [json!(null), json!(1), json!(["u8"])] {
        check(value.clone(), Err(no_shape));
        check(json!({"list": {"maybe": value}}), Err(no_shape));
    }
    let within = |fields: Value| json!({"struct": "Outer", "fields": [{"name": "inner", "shape": {"struct": "Inner", "fields": fields}}]});
    let told = |problem: &str| format!("struct `Outer`: field `inner`: struct `Inner`: {problem}");
    for (fields, problem) in [
        (json!({}), "`fields` is not a list of objects"),
        (json!(["x"]), "`fields` is not a list of objects"),
        (json!([{"shape": "u8"}]), "`name` is missing"),
        (json!([{"name": 1, "shape": "u8"}]), "`name` is not text"),
        (json!([{"name": "x"}]), "field `x`: `shape` is missing"),
        (json!([{"name": "x", "shape": 1}]), "field `x`: a shape is text or an object"),
        (
            json!([{"name": "x", "shape": "u8", "default": 1}]),
            "field `x`: `default` is neither `true` nor `false`",
        ),
        (json!([{"name": "x", "shape": "u8", "was": "y"}]), "field `x`: `was` is not a list of names"),
        (json!([{"name": "x", "shape": "u8", "was": [1]}]), "field `x`: `was` is not a list of names"),
        (json!([{"name": "x", "shape": "u8"}, {"name": "x", "shape": "u8"}]), "field `x` is there twice"),
        (
            json!([{"name": "x", "shape": "u8"}, {"name": "y", "shape": "u8", "was": ["x"]}]),
            "field `x` is there twice",
        ),
    ] {
        check(within(fields), Err(&told(problem)));
    }
}

#[test]
fn what_is_wrong_in_an_enum_is_told_with_its_place() {
    let full = json!([{"name": "text", "fields": [{"name": "text", "shape": "Text"}]}]);
    for (value, problem) in [
        (json!({"enum": 1}), "`enum` is not text"),
        (json!({"enum": "E"}), "enum `E`: `variants` is missing"),
        (json!({"enum": "E", "variants": [1]}), "enum `E`: `variants` is not a list of objects"),
        (json!({"enum": "E", "variants": [{}]}), "enum `E`: `name` is missing"),
        (
            json!({"enum": "E", "variants": [{"name": "a"}, {"name": "a"}]}),
            "enum `E`: variant `a` is there twice",
        ),
        (json!({"enum": "E", "tag": 1, "variants": []}), "enum `E`: `tag` is not text"),
        (json!({"enum": "E", "variants": [], "grows": 1}), "enum `E`: `grows` is neither `true` nor `false`"),
        (
            json!({"enum": "E", "variants": full}),
            "enum `E`: variant `text` has fields, and nothing says which key is the tag",
        ),
        (
            json!({"enum": "E", "tag": "type", "variants": [{"name": "a", "fields": 1}]}),
            "enum `E`: variant `a`: `fields` is not a list of objects",
        ),
        (json!({"list": "u8", "map": "u8"}), "a shape is not both `list` and `map`"),
        (json!({"struct": "S"}), "struct `S`: `fields` is missing"),
    ] {
        check(value, Err(problem));
    }
}

#[test]
fn levels_are_bounded() {
    let arounds: [fn(Value) -> Value; 3] = [
        |inner| json!({"list": inner}),
        |inner| json!({"struct": "S", "fields": [{"name": "x", "shape": inner}]}),
        |inner| json!({"enum": "E", "tag": "type", "variants": [{"name": "v", "fields": [{"name": "x", "shape": inner}]}]}),
    ];
    for around in arounds {
        assert!(Shape::parse(&nested(MOST_LEVELS, around)).is_ok());
        let problem = Shape::parse(&nested(MOST_LEVELS + 1, around)).unwrap_err();
        assert!(problem.ends_with("a shape has at most 64 levels"), "{problem}");
    }
}

#[test]
fn a_shape_is_shown_as_an_author_would_write_it() {
    check_shown(json!({"list": {"maybe": {"map": {"shared": "u16"}}}}), "List<Maybe<Map<u16>>>");
    check_shown(json!({"struct": "Usage", "fields": []}), "struct Usage");
    check_shown(json!({"enum": "Chunk", "tag": "type", "variants": []}), "enum Chunk");
    for leaf in ["bool", "()", "Text", "Json", "f64", "u128"] {
        check_shown(json!(leaf), leaf);
    }
    check_shown(json!("é".repeat(41)), &format!("{}…", "é".repeat(40)));
}

#[test]
fn a_flattened_field_is_never_taken_for_one_that_is_not() {
    let field = |flat: bool| {
        let shape = serde_json::json!({"struct": "Frame", "fields": [
            {"name": "what", "shape": {"struct": "What", "fields": []}, "flat": flat}]});
        Shape::parse(&shape).expect("a shape")
    };
    assert_eq!(field(true), field(true));
    assert_ne!(field(true), field(false));
}
