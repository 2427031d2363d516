//! Reads a shape from the JSON of a descriptor.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Enum, Field, MOST_LEVELS, Number, Shape, Struct, Variant};

type Object = Map<String, Value>;

/// The key that names a kind of shape; one of them stands in every object that is a shape.
const KINDS: [&str; 6] = ["list", "maybe", "map", "shared", "struct", "enum"];

pub(super) fn shape(value: &Value, levels: usize) -> Result<Shape, String> {
    let Some(levels) = levels.checked_sub(1) else {
        return Err(format!("a shape has at most {MOST_LEVELS} levels"));
    };
    match value {
        Value::String(name) => Ok(leaf(name)),
        Value::Object(object) => compound(object, levels),
        _ => Err("a shape is text or an object".to_owned()),
    }
}

fn leaf(name: &str) -> Shape {
    match name {
        "bool" => Shape::Bool,
        "()" => Shape::Unit,
        "Text" => Shape::Text,
        "Json" => Shape::Json,
        name => Number::named(name).map_or_else(|| Shape::Foreign(name.to_owned()), Shape::Number),
    }
}

fn compound(object: &Object, levels: usize) -> Result<Shape, String> {
    let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| object.contains_key(*kind)).collect();
    let kind = match kinds.as_slice() {
        [] => return Ok(Shape::Foreign(Value::Object(object.clone()).to_string())),
        [kind] => *kind,
        [first, second, ..] => return Err(format!("a shape is not both `{first}` and `{second}`")),
    };
    if kind == "struct" {
        return named("struct", object, |name| {
            Ok(Shape::Struct(Struct { name, fields: fields(required(object, "fields")?, levels)? }))
        });
    }
    if kind == "enum" {
        return named("enum", object, |name| choice(name, object, levels).map(Shape::Enum));
    }
    let inner = Box::new(shape(required(object, kind)?, levels)?);
    Ok(match kind {
        "list" => Shape::List(inner),
        "maybe" => Shape::Maybe(inner),
        "map" => Shape::Map(inner),
        _ => Shape::Shared(inner),
    })
}

fn named(
    kind: &str,
    object: &Object,
    read: impl FnOnce(String) -> Result<Shape, String>,
) -> Result<Shape, String> {
    let name = text(object, kind)?;
    read(name.clone()).map_err(|problem| format!("{kind} `{name}`: {problem}"))
}

fn fields(value: &Value, levels: usize) -> Result<Vec<Field>, String> {
    let fields = objects("fields", value)?.map(|object| field(object?, levels));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let names = fields.iter().flat_map(|field| std::iter::once(&field.name).chain(&field.was));
    distinct("field", names)?;
    Ok(fields)
}

fn field(object: &Object, levels: usize) -> Result<Field, String> {
    let name = text(object, "name")?;
    // Its own fields stand beside the others, where a field that is not flattened has one of its name: never the same.
    let name = if flag(object, "flat")? { format!("{name} (flattened)") } else { name };
    let read = || {
        Ok(Field {
            name: name.clone(),
            shape: shape(required(object, "shape")?, levels)?,
            default: flag(object, "default")?,
            was: names(object, "was")?,
        })
    };
    read().map_err(|problem: String| format!("field `{name}`: {problem}"))
}

fn choice(name: String, object: &Object, levels: usize) -> Result<Enum, String> {
    let tag = object.get("tag").map(|_| text(object, "tag")).transpose()?;
    let variants = objects("variants", required(object, "variants")?)?.map(|object| variant(object?, levels));
    let variants = variants.collect::<Result<Vec<_>, _>>()?;
    distinct("variant", variants.iter().map(|variant| &variant.name))?;
    if let Some(full) = variants.iter().find(|variant| tag.is_none() && !variant.fields.is_empty()) {
        return Err(format!("variant `{}` has fields, and nothing says which key is the tag", full.name));
    }
    Ok(Enum { name, tag, variants, grows: flag(object, "grows")? })
}

fn variant(object: &Object, levels: usize) -> Result<Variant, String> {
    let name = text(object, "name")?;
    let fields = object.get("fields").map(|value| fields(value, levels)).transpose();
    let fields = fields.map_err(|problem| format!("variant `{name}`: {problem}"))?;
    Ok(Variant { name, fields: fields.unwrap_or_default() })
}

fn distinct<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(format!("{what} `{name}` is there twice"));
        }
    }
    Ok(())
}

fn required<'a>(object: &'a Object, key: &str) -> Result<&'a Value, String> {
    object.get(key).ok_or_else(|| format!("`{key}` is missing"))
}

fn text(object: &Object, key: &str) -> Result<String, String> {
    let text = required(object, key)?.as_str().ok_or_else(|| format!("`{key}` is not text"))?;
    Ok(text.to_owned())
}

fn flag(object: &Object, key: &str) -> Result<bool, String> {
    object.get(key).map_or(Ok(false), |value| {
        value.as_bool().ok_or_else(|| format!("`{key}` is neither `true` nor `false`"))
    })
}

fn names(object: &Object, key: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("`{key}` is not a list of names");
    let Some(value) = object.get(key) else { return Ok(Vec::new()) };
    let names = value.as_array().ok_or_else(wrong)?.iter();
    names.map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

fn objects<'a>(
    key: &str,
    value: &'a Value,
) -> Result<impl Iterator<Item = Result<&'a Object, String>>, String> {
    let wrong = format!("`{key}` is not a list of objects");
    let objects = value.as_array().ok_or_else(|| wrong.clone())?.iter();
    Ok(objects.map(move |value| value.as_object().ok_or_else(|| wrong.clone())))
}
