//! Random small shapes, shapes that differ from them in one thing, and random values. The same ones in every run.

use serde_json::{Map, Value, json};

use crate::bridge::shape::{Enum, Field, Number, Shape, Struct, Variant};

/// SplitMix64: a few lines, and good enough to meet every branch.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const FIELDS: [&str; 5] = ["id", "waitMs", "note", "cost", "turns"];
const VARIANTS: [&str; 3] = ["text", "tool-call", "end"];

/// A shape of at most `levels` levels.
pub(super) fn shape(chance: &mut Chance, levels: usize) -> Shape {
    let inner = |chance: &mut Chance| Box::new(shape(chance, levels - 1));
    match chance.below(if levels > 1 { 11 } else { 5 }) {
        0 => Shape::Bool,
        1 => Shape::Text,
        2 => Shape::Json,
        3 | 4 => Shape::Number(*chance.pick(&Number::ALL)),
        5 => Shape::List(inner(chance)),
        6 => Shape::Maybe(inner(chance)),
        7 => Shape::Map(inner(chance)),
        8 => Shape::Shared(inner(chance)),
        9 => Shape::Struct(Struct { name: "Sample".to_owned(), fields: fields(chance, levels - 1) }),
        _ => Shape::Enum(choice(chance, levels - 1)),
    }
}

fn fields(chance: &mut Chance, levels: usize) -> Vec<Field> {
    let names: Vec<&str> = FIELDS.into_iter().filter(|_| chance.one_in(2)).collect();
    names.into_iter().map(|name| field(chance, name, levels)).collect()
}

fn field(chance: &mut Chance, name: &str, levels: usize) -> Field {
    let shape = shape(chance, levels);
    let default = chance.one_in(2) || matches!(shape, Shape::Maybe(_));
    Field { name: name.to_owned(), shape, default, was: Vec::new() }
}

fn choice(chance: &mut Chance, levels: usize) -> Enum {
    let tag = chance.one_in(2).then(|| "type".to_owned());
    let names = &VARIANTS[..1 + chance.below(VARIANTS.len())];
    let variants = names.iter().map(|name| Variant {
        name: (*name).to_owned(),
        fields: if tag.is_some() { fields(chance, levels) } else { Vec::new() },
    });
    let variants = variants.collect();
    Enum { name: "Choice".to_owned(), tag, variants, grows: chance.one_in(2) }
}

/// The shape with one thing changed somewhere in it.
pub(super) fn changed(chance: &mut Chance, of: &Shape) -> Shape {
    let stays = chance.one_in(4);
    match of {
        Shape::List(inner) if !stays => Shape::List(Box::new(changed(chance, inner))),
        Shape::Maybe(inner) if !stays => Shape::Maybe(Box::new(changed(chance, inner))),
        Shape::Map(inner) if !stays => Shape::Map(Box::new(changed(chance, inner))),
        Shape::Shared(inner) if !stays => Shape::Shared(Box::new(changed(chance, inner))),
        Shape::Struct(of) if !stays => {
            let mut of = of.clone();
            change_fields(chance, &mut of.fields);
            Shape::Struct(of)
        }
        Shape::Enum(of) if !stays => Shape::Enum(changed_choice(chance, of)),
        of => match chance.below(4) {
            0 => Shape::Maybe(Box::new(of.clone())),
            1 => Shape::Shared(Box::new(of.clone())),
            2 if matches!(of, Shape::Number(_)) => Shape::Number(*chance.pick(&Number::ALL)),
            2 => of.clone(),
            _ => shape(chance, 1),
        },
    }
}

fn change_fields(chance: &mut Chance, fields: &mut Vec<Field>) {
    if fields.is_empty() || chance.one_in(5) {
        fields.push(field(chance, "added", 2));
        return;
    }
    let at = chance.below(fields.len());
    let shape = changed(chance, &fields[at].shape);
    let field = &mut fields[at];
    match chance.below(6) {
        0 => drop(fields.remove(at)),
        1 => field.name = "renamed".to_owned(),
        2 => field.was = vec!["renamed".to_owned(), std::mem::replace(&mut field.name, "other".to_owned())],
        3 => field.default = !field.default || matches!(field.shape, Shape::Maybe(_)),
        _ => {
            field.default |= matches!(shape, Shape::Maybe(_));
            field.shape = shape;
        }
    }
}

fn changed_choice(chance: &mut Chance, of: &Enum) -> Enum {
    let mut of = of.clone();
    match chance.below(5) {
        0 => of.grows = !of.grows,
        1 => of.variants.push(Variant { name: "added".to_owned(), fields: Vec::new() }),
        2 if of.variants.len() > 1 => drop(of.variants.pop()),
        _ => {
            let at = chance.below(of.variants.len());
            if of.tag.is_some() {
                change_fields(chance, &mut of.variants[at].fields);
            }
        }
    }
    of
}

/// The encoding of some value of that shape.
pub(super) fn value(chance: &mut Chance, of: &Shape) -> Value {
    match of {
        Shape::Bool => json!(chance.one_in(2)),
        Shape::Unit => Value::Null,
        Shape::Text => json!(*chance.pick(&["", "calm", "text"])),
        Shape::Json => chance.pick(&[json!(null), json!(-1.5), json!("x"), json!([{"id": true}])]).clone(),
        Shape::Number(of) => number(chance, *of),
        Shape::List(inner) => (0..chance.below(3)).map(|_| value(chance, inner)).collect(),
        Shape::Map(inner) => {
            (0..chance.below(3)).map(|key| (key.to_string(), value(chance, inner))).collect()
        }
        Shape::Maybe(inner) => {
            if chance.one_in(2) {
                Value::Null
            } else {
                value(chance, inner)
            }
        }
        Shape::Shared(inner) => value(chance, inner),
        Shape::Struct(of) => Value::Object(entries(chance, &of.fields)),
        Shape::Enum(of) => variant(chance, of),
        Shape::Foreign(_) => unreachable!("none is generated"),
    }
}

fn entries(chance: &mut Chance, fields: &[Field]) -> Map<String, Value> {
    let mut entries = Map::new();
    for field in fields {
        let left_out = field.unless_left_out().is_some();
        let value = value(chance, &field.shape);
        if !(left_out && value.is_null()) {
            entries.insert(field.name.clone(), value);
        }
    }
    entries
}

fn variant(chance: &mut Chance, of: &Enum) -> Value {
    let unheard = Variant { name: "unheard".to_owned(), fields: Vec::new() };
    let is_unheard = of.grows && (of.variants.is_empty() || chance.one_in(4));
    let variant = if is_unheard { &unheard } else { chance.pick(&of.variants) };
    let Some(tag) = &of.tag else { return json!(variant.name) };
    let mut entries = entries(chance, &variant.fields);
    entries.insert(tag.clone(), json!(variant.name));
    Value::Object(entries)
}

fn number(chance: &mut Chance, of: Number) -> Value {
    let is_least = chance.one_in(2);
    match of {
        Number::Unsigned(bits) => json!(if is_least { 0 } else { u64::MAX >> (64 - bits) }),
        Number::Signed(bits) => json!(if is_least { i64::MIN } else { i64::MAX } >> (64 - bits)),
        Number::Float(32) => json!(if is_least { f64::from(f32::MIN) } else { 0.5 }),
        Number::Float(_) => json!(if is_least { f64::MIN } else { 0.1 }),
    }
}
