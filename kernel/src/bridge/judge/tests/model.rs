//! How a decoder reads: a value at a time, as serde does it. The judge must know beforehand what this finds out.

use serde_json::{Map, Value};

use crate::bridge::shape::{Enum, Field, Number, Shape};

/// Whether this value is read as that shape.
pub(super) fn reads(of: &Shape, value: &Value) -> bool {
    match of {
        Shape::Bool => value.is_boolean(),
        Shape::Unit => value.is_null(),
        Shape::Text => value.is_string(),
        Shape::Json => true,
        Shape::Number(of) => is_exact(*of, value),
        Shape::List(inner) => value.as_array().is_some_and(|all| all.iter().all(|value| reads(inner, value))),
        Shape::Map(inner) => {
            value.as_object().is_some_and(|all| all.values().all(|value| reads(inner, value)))
        }
        Shape::Maybe(inner) => value.is_null() || reads(inner, value),
        Shape::Shared(inner) => reads(inner, value),
        Shape::Struct(of) => value.as_object().is_some_and(|entries| reads_fields(&of.fields, entries)),
        Shape::Enum(of) => reads_variant(of, value),
        Shape::Foreign(_) => unreachable!("none is generated"),
    }
}

fn reads_fields(fields: &[Field], entries: &Map<String, Value>) -> bool {
    fields.iter().all(|field| {
        let names = std::iter::once(&field.name).chain(&field.was);
        let written: Vec<&Value> = names.filter_map(|name| entries.get(name)).collect();
        match written.as_slice() {
            [] => {
                field.default
                    || reads(&field.shape, &Value::Null) && !matches!(field.shape.encoded(), Shape::Json)
            }
            [value] => reads(&field.shape, value),
            _ => false,
        }
    })
}

fn reads_variant(of: &Enum, value: &Value) -> bool {
    let name = match &of.tag {
        Some(tag) => value.get(tag).and_then(Value::as_str),
        None => value.as_str(),
    };
    let Some(name) = name else { return false };
    match (of.variant(name), value) {
        (Some(variant), Value::Object(entries)) => reads_fields(&variant.fields, entries),
        (Some(_), _) => true,
        (None, _) => of.grows,
    }
}

fn is_exact(of: Number, value: &Value) -> bool {
    let integer = value.as_u64().map(i128::from).or(value.as_i64().map(i128::from));
    match (of, integer, value.as_f64()) {
        (Number::Unsigned(bits), Some(integer), _) => (0..1 << bits).contains(&integer),
        (Number::Signed(bits), Some(integer), _) => (-(1 << (bits - 1))..1 << (bits - 1)).contains(&integer),
        (Number::Float(32), Some(integer), _) => (integer as f32) as i128 == integer,
        (Number::Float(_), Some(integer), _) => (integer as f64) as i128 == integer,
        (Number::Float(32), None, Some(float)) => f64::from(float as f32) == float,
        (Number::Float(_), None, Some(_)) => true,
        _ => false,
    }
}
