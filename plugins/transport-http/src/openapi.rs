//! What is served at the moment, written as OpenAPI 3.1.
//!
//! Everything in it comes from the table of routes and from what each of them says of itself, so that a plugin's routes
//! are in it while it runs. It describes; nobody checks requests by it.

#[cfg(test)]
mod check;
mod embedded;
mod operation;
mod refusals;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};
use transom_plugin_api::sabotage::sabotaged;

use crate::table::{Served, Target};

const ABOUT: &str = "The routes of every plugin that runs at the moment. `HEAD` works wherever `GET` does, and `OPTIONS` everywhere.";

/// The name of the one way to say who asks.
const TOKEN: &str = "token";

/// Describes these routes, and the token where clients need one.
pub(crate) fn document(served: &[Served], needs_token: bool) -> Value {
    let mut document = json!({
        "openapi": "3.1.0",
        "info": { "title": "Transom", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT },
        "tags": tags(served),
        "paths": paths(served, needs_token),
        "components": refusals::components(),
    });
    if needs_token {
        document["components"]["securitySchemes"] = json!({ TOKEN: { "type": "http", "scheme": "bearer" } });
        document["security"] = json!([{ TOKEN: [] }]);
    }
    document
}

/// Routes are sorted by the plugins that answer.
fn tags(served: &[Served]) -> Vec<Value> {
    let plugins: BTreeSet<&str> = served.iter().map(|one| one.route.plugin.as_str()).collect();
    plugins.into_iter().map(|plugin| json!({ "name": plugin })).collect()
}

fn paths(served: &[Served], needs_token: bool) -> Map<String, Value> {
    let mut paths = Map::new();
    let mut written: HashMap<&str, &str> = HashMap::new();
    let mut names = Names::default();
    for one in served.iter().filter(|one| is_described(one)) {
        // Routes that differ only in what they call their parameters have to be one path here.
        let path = *written.entry(&one.pattern.shape).or_insert(&one.pattern.path);
        let method = one.pattern.method.to_ascii_lowercase();
        let operation = operation::Operation { served: one, path, method: &method, needs_token };
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[&method] = operation.written(names.free(&method, path));
    }
    paths
}

fn is_described(one: &Served) -> bool {
    !(sabotaged("describe-only-its-own") && matches!(one.route.target, Target::Offered(_)))
}

/// Names of operations, as generated clients call them.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    /// A name like `getConversationsByIdStatus` that no other operation has.
    fn free(&mut self, method: &str, path: &str) -> String {
        let words = path.split('/').map(|part| {
            match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(parameter) => format!("By{}", joined(parameter)),
                None => joined(part),
            }
        });
        let name = words.fold(method.to_owned(), |name, word| name + &word);
        let numbered = (2_u64..).map(|number| format!("{name}{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !self.0.contains(name));
        let free = free.expect("there are more numbers than operations");
        self.0.insert(free.clone());
        free
    }
}

/// `default-cwd` as `DefaultCwd`.
fn joined(words: &str) -> String {
    let words = words.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.fold(String::new(), |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name + letters.as_str()
    })
}
