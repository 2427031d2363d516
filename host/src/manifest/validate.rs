//! Checks a tree against a schema: every fault at its place, and the values as JSON with everything filled in.

use std::path;
use transom_plugin_api::sabotage::sabotaged;

use serde_json::{Map, Number, Value};

use super::environment::{Environment, Problem, is_filled_in};
use super::fault::Report;
use super::schema::{Additional, Kind, Schema};
use super::tree::{Content, Entry, Located};
use super::wording::{Path, Subject, listed, nearest, shown};

/// The remedy for a table of which there may be several, and which was written as if there were one.
pub(super) fn one_each(key: &str) -> String {
    format!("write `[[{key}]]`, with two brackets, a table for each one")
}

/// Checks the values of one subject.
pub(super) struct Validator<'a, 'f> {
    pub(super) subject: Subject,
    pub(super) environment: &'a Environment,
    /// What `file:` references are relative to.
    pub(super) folder: &'a path::Path,
    pub(super) report: &'a mut Report<'f>,
}

impl Validator<'_, '_> {
    /// Checks `root` against `schema`. The answer is whole only when nothing was reported.
    pub(super) fn check(&mut self, root: &Located, schema: Schema<'_>) -> Value {
        self.value(root, schema, &Path::Root)
    }

    fn value(&mut self, node: &Located, schema: Schema<'_>, path: &Path<'_>) -> Value {
        if schema.is_secret() {
            return self.secret(node, schema, path);
        }
        let value = match (schema.kind(), &node.content) {
            (None, _) => return self.free(node, path),
            (Some(Kind::Table), Content::Table(entries)) => return self.table(node, entries, schema, path),
            (Some(Kind::List), Content::List(items)) => return self.list(items, schema, path),
            (Some(Kind::Text), Content::Text(written)) => {
                self.filled_in(node, written, path).map(Value::String)
            }
            (Some(kind), Content::Text(written)) if is_filled_in(written) => {
                self.scalar_of_text(node, written, kind, schema, path)
            }
            (Some(Kind::Boolean), Content::Boolean(truth)) => Some(Value::Bool(*truth)),
            (Some(Kind::Integer | Kind::Number), Content::Integer(number)) => {
                self.integer(node, *number, schema, path)
            }
            (Some(Kind::Number), Content::Float(number)) => self.float(node, *number, schema, path),
            (Some(kind), _) => {
                self.wrong_type(node, kind, schema, path);
                None
            }
        };
        value.map_or(Value::Null, |value| self.chosen(node, value, schema, path))
    }

    fn table(&mut self, node: &Located, entries: &[Entry], schema: Schema<'_>, path: &Path<'_>) -> Value {
        let mut table = Map::new();
        let mut meant = Vec::new();
        for Entry { key, at, value } in entries {
            let inner = Path::Key(path, key);
            let value = match (schema.property(key), schema.additional()) {
                (Some(schema), _) | (None, Additional::Like(schema)) => self.value(value, schema, &inner),
                (None, Additional::Free) => self.free(value, &inner),
                (None, Additional::Refused) => {
                    let suggestion = nearest(key, schema.keys());
                    meant.extend(suggestion);
                    let help = self.help_for_unknown(suggestion, schema, path);
                    if !sabotaged("accept-unknown-keys") {
                        self.report.say(*at, self.subject.unknown(&inner), Some(help));
                    }
                    continue;
                }
            };
            table.insert(key.clone(), value);
        }
        let is_there = |key: &str| entries.iter().any(|entry| entry.key == key) || meant.contains(&key);
        for key in schema.required().filter(|key| !is_there(key)) {
            let message = format!("{} is missing", self.subject.name(&Path::Key(path, key)));
            let description = schema.property(key).and_then(Schema::description);
            let help = description.map_or_else(String::new, |description| format!(": {description}"));
            self.report.say(node.at, message, Some(format!("add `{key}`{help}")));
        }
        Value::Object(table)
    }

    fn help_for_unknown(&self, suggestion: Option<&str>, schema: Schema<'_>, path: &Path<'_>) -> String {
        if let Some(suggestion) = suggestion {
            let items = schema.property(suggestion).and_then(Schema::items).and_then(Schema::kind);
            let is_table = matches!((items, path), (Some(Kind::Table), Path::Root));
            return if is_table && matches!(self.subject, Subject::Manifest) {
                one_each(suggestion)
            } else {
                format!("did you mean `{suggestion}`?")
            };
        }
        if schema.keys().next().is_none() {
            return "remove it: there is nothing to set here".into();
        }
        let known = format!("known here: {}", listed(schema.keys()));
        match (&self.subject, path) {
            (Subject::Plugin(_), Path::Root) => {
                format!("{known}; the plugin's own go under `[plugin.settings]`")
            }
            _ => known,
        }
    }

    fn list(&mut self, items: &[Located], schema: Schema<'_>, path: &Path<'_>) -> Value {
        let check = |(index, item): (usize, &Located)| {
            let inner = Path::Item(path, index);
            match schema.items() {
                Some(schema) => self.value(item, schema, &inner),
                None => self.free(item, &inner),
            }
        };
        items.iter().enumerate().map(check).collect()
    }

    /// A value about which the schema says nothing.
    fn free(&mut self, node: &Located, path: &Path<'_>) -> Value {
        let free = &Value::Bool(true);
        let value = match &node.content {
            Content::Boolean(truth) => Some(Value::Bool(*truth)),
            Content::Integer(number) => self.integer(node, *number, Schema(free), path),
            Content::Float(number) => self.float(node, *number, Schema(free), path),
            Content::Text(written) => self.filled_in(node, written, path).map(Value::String),
            Content::List(items) => Some(self.list(items, Schema(free), path)),
            Content::Table(entries) => Some(self.table(node, entries, Schema(free), path)),
            Content::Moment => {
                let message =
                    format!("{} is a date or time, which JSON does not have", self.subject.name(path));
                self.report.say(node.at, message, Some("put it in quotes".into()));
                None
            }
        };
        value.unwrap_or_default()
    }

    fn integer(
        &mut self,
        node: &Located,
        number: i128,
        schema: Schema<'_>,
        path: &Path<'_>,
    ) -> Option<Value> {
        // Unless the schema refuses negative numbers, its type is a signed one.
        let is_signed = schema.kind() == Some(Kind::Integer)
            && schema.minimum().is_none_or(|minimum| minimum.as_i64().is_some_and(|minimum| minimum < 0));
        let greatest = if is_signed { i128::from(i64::MAX) } else { i128::from(u64::MAX) };
        let fits = (i128::from(i64::MIN)..=greatest).contains(&number);
        if let Some(json) = Number::from_i128(number).filter(|_| fits) {
            return self.bounded(node, json, schema, path);
        }
        let least = schema.minimum().map_or_else(|| i64::MIN.to_string(), Number::to_string);
        let greatest = schema.maximum().map_or_else(|| greatest.to_string(), Number::to_string);
        self.out_of_bounds(node, &number.to_string(), &format!("{least} to {greatest}"), schema, path);
        None
    }

    fn float(&mut self, node: &Located, number: f64, schema: Schema<'_>, path: &Path<'_>) -> Option<Value> {
        if let Some(json) = Number::from_f64(number) {
            return self.bounded(node, json, schema, path);
        }
        self.out_of_bounds(node, &number.to_string(), "a finite number", schema, path);
        None
    }

    fn bounded(
        &mut self,
        node: &Located,
        number: Number,
        schema: Schema<'_>,
        path: &Path<'_>,
    ) -> Option<Value> {
        let (minimum, maximum) = (schema.minimum(), schema.maximum());
        let is_low = minimum.is_some_and(|minimum| is_less(&number, minimum));
        let is_high = maximum.is_some_and(|maximum| is_less(maximum, &number));
        if !is_low && !is_high {
            return Some(Value::Number(number));
        }
        let range = match (minimum, maximum) {
            (Some(minimum), Some(maximum)) => format!("{minimum} to {maximum}"),
            (Some(minimum), None) => format!("at least {minimum}"),
            (None, Some(maximum)) => format!("at most {maximum}"),
            (None, None) => return Some(Value::Number(number)),
        };
        self.out_of_bounds(node, &number.to_string(), &range, schema, path);
        None
    }

    fn out_of_bounds(
        &mut self,
        node: &Located,
        found: &str,
        range: &str,
        schema: Schema<'_>,
        path: &Path<'_>,
    ) {
        let message = format!("{} is {found}, expected {range}", self.subject.name(path));
        self.report.say(node.at, message, described(schema, path));
    }

    /// A number or a truth that is taken from the environment, where everything is text.
    fn scalar_of_text(
        &mut self,
        node: &Located,
        written: &str,
        kind: Kind,
        schema: Schema<'_>,
        path: &Path<'_>,
    ) -> Option<Value> {
        let text = self.filled_in(node, written, path)?;
        let text = text.trim();
        let scalar = match kind {
            Kind::Boolean => text.parse().ok().map(Content::Boolean),
            Kind::Integer => text.parse().ok().map(Content::Integer),
            Kind::Number => text.parse().ok().map(Content::Float),
            Kind::Text | Kind::List | Kind::Table => None,
        };
        match scalar {
            Some(Content::Boolean(truth)) => Some(Value::Bool(truth)),
            Some(Content::Integer(number)) => self.integer(node, number, schema, path),
            Some(Content::Float(number)) => self.float(node, number, schema, path),
            _ => {
                let (name, expected) = (self.subject.name(path), kind.expected());
                let message = format!("{name} is {}, which is not {expected} when filled in", shown(written));
                self.report.say(node.at, message, described(schema, path));
                None
            }
        }
    }

    fn chosen(&mut self, node: &Located, value: Value, schema: Schema<'_>, path: &Path<'_>) -> Value {
        let Some(choices) = schema.choices().filter(|choices| !choices.contains(&value)) else {
            return value;
        };
        // What was written is shown, not what was filled in.
        let found = node.text().map_or_else(|| format!("`{value}`"), shown);
        let words: Vec<_> =
            choices.iter().map(|choice| choice.as_str().map_or(choice.to_string(), str::to_owned)).collect();
        let words = || words.iter().map(String::as_str);
        let message = format!("{} is {found}, expected one of {}", self.subject.name(path), listed(words()));
        let meant = node.text().and_then(|text| nearest(text, words()));
        let help = meant.map(|word| format!("did you mean `{word}`?")).or_else(|| described(schema, path));
        self.report.say(node.at, message, help);
        Value::Null
    }

    fn filled_in(&mut self, node: &Located, written: &str, path: &Path<'_>) -> Option<String> {
        let filled_in = self.environment.fill_in(written);
        self.or_report(node, filled_in, path)
    }

    fn secret(&mut self, node: &Located, schema: Schema<'_>, path: &Path<'_>) -> Value {
        let Some(written) = node.text() else {
            self.wrong_type(node, Kind::Text, schema, path);
            return Value::Null;
        };
        let secret = self.environment.secret(written, self.folder);
        self.or_report(node, secret, path).map_or(Value::Null, Value::String)
    }

    fn or_report<T>(&mut self, node: &Located, outcome: Result<T, Problem>, path: &Path<'_>) -> Option<T> {
        let problem = match outcome {
            Ok(value) => return Some(value),
            Err(problem) => problem,
        };
        self.report.say(node.at, format!("{} needs {problem}", self.subject.name(path)), problem.help());
        None
    }

    fn wrong_type(&mut self, node: &Located, expected: Kind, schema: Schema<'_>, path: &Path<'_>) {
        let (name, expected_words) = (self.subject.name(path), expected.expected());
        let message = format!("{name} is {}, expected {expected_words}", node.content.kind());
        let is_reference = matches!(node.content, Content::Table(_) | Content::List(_)) && schema.is_secret();
        let reference =
            || is_reference.then(|| "write `\"env:NAME\"`, `\"file:PATH\"` or `\"keyring:NAME\"`".to_owned());
        let help = remedy(node, expected, path).or_else(reference).or_else(|| described(schema, path));
        self.report.say(node.at, message, help);
    }
}

/// The remedy for the usual mistakes with types.
fn remedy(node: &Located, expected: Kind, path: &Path<'_>) -> Option<String> {
    match (&node.content, expected, path) {
        (Content::Text(text), Kind::Integer, _) if text.parse::<i128>().is_ok() => {
            Some("remove the quotes".into())
        }
        (Content::Text(text), Kind::Number, _) if text.parse::<f64>().is_ok() => {
            Some("remove the quotes".into())
        }
        (Content::Text(text), Kind::Boolean, _) if text.parse::<bool>().is_ok() => {
            Some("remove the quotes".into())
        }
        (Content::Boolean(_) | Content::Integer(_) | Content::Float(_) | Content::Moment, Kind::Text, _) => {
            Some("put it in quotes".into())
        }
        (Content::Table(_), Kind::List, Path::Key(Path::Root, key)) => Some(one_each(key)),
        (Content::Boolean(_) | Content::Integer(_) | Content::Float(_) | Content::Text(_), Kind::List, _) => {
            Some("put it in brackets: `[…]`".into())
        }
        _ => None,
    }
}

/// The description of a value as a remedy.
fn described(schema: Schema<'_>, path: &Path<'_>) -> Option<String> {
    let description = schema.description()?;
    match path {
        Path::Key(_, key) => Some(format!("`{key}`: {description}")),
        Path::Root | Path::Item(..) => Some(description.to_owned()),
    }
}

fn is_less(one: &Number, other: &Number) -> bool {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => one < other,
        _ => one.as_f64() < other.as_f64(),
    }
}
