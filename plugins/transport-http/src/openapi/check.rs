//! What is wrong with a document that is to be OpenAPI 3.1, as far as a client would stumble over it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::decode;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const PLACES: [&str; 4] = ["path", "query", "header", "cookie"];
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];

/// Each fault, as a place and what is wrong there; none when the document is right.
pub(super) fn faults(document: &Value) -> Vec<String> {
    let mut check = Check { document, faults: Vec::new(), operations: BTreeSet::new() };
    check.document();
    check.references("#", document);
    check.faults
}

struct Check<'a> {
    document: &'a Value,
    faults: Vec<String>,
    operations: BTreeSet<String>,
}

impl Check<'_> {
    fn expect(&mut self, is_so: bool, place: &str, fault: &str) {
        if !is_so {
            self.faults.push(format!("{place}: {fault}"));
        }
    }

    fn document(&mut self) {
        let document = self.document;
        let version = document["openapi"].as_str().unwrap_or_default();
        self.expect(version.starts_with("3.1."), "openapi", "is not 3.1");
        for field in ["title", "version"] {
            self.expect(document["info"][field].is_string(), "info", &format!("has no `{field}`"));
        }
        self.security("#", &document["security"]);
        let mut shapes = BTreeSet::new();
        for (path, item) in fields(&document["paths"]) {
            self.expect(path.starts_with('/'), path, "does not begin with `/`");
            self.expect(shapes.insert(shape_of(path)), path, "answers the same as another path");
            for (method, operation) in fields(item) {
                let place = format!("{method} {path}");
                self.expect(METHODS.contains(&method.as_str()), &place, "is no method");
                self.operation(&place, path, operation);
            }
        }
        for (kind, named) in fields(&document["components"]) {
            for (name, part) in fields(named) {
                let is_plain =
                    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
                self.expect(is_plain, name, "is no name for a component");
                match kind.as_str() {
                    "schemas" => self.schema(name, part),
                    "responses" => self.response(name, part),
                    _ => {}
                }
            }
        }
    }

    fn operation(&mut self, place: &str, path: &str, operation: &Value) {
        let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        self.expect(is_plain, place, "has no plain name");
        let is_free = self.operations.insert(name);
        self.expect(is_free, place, "has the name of another operation");
        self.expect(operation["summary"].is_string(), place, "has no summary");
        self.security(place, &operation["security"]);
        self.parameters(place, path, &operation["parameters"]);
        if let Some(body) = operation.get("requestBody") {
            self.content(place, &body["content"]);
        }
        let responses = fields(&operation["responses"]);
        self.expect(responses.iter().any(|(status, _)| status.starts_with('2')), place, "never answers");
        for (status, response) in responses {
            let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
            self.expect(is_status, place, &format!("`{status}` is no status"));
            self.response(&format!("{place} {status}"), response);
        }
    }

    fn parameters(&mut self, place: &str, path: &str, parameters: &Value) {
        let mut declared = BTreeSet::new();
        let mut in_path = BTreeSet::new();
        for parameter in parameters.as_array().into_iter().flatten() {
            let [name, stands] = ["name", "in"].map(|field| parameter[field].as_str().unwrap_or_default());
            self.expect(!name.is_empty() && PLACES.contains(&stands), place, "has a parameter that is none");
            self.expect(declared.insert((stands, name)), place, &format!("declares `{name}` twice"));
            self.schema(place, &parameter["schema"]);
            if stands == "path" {
                self.expect(parameter["required"] == true, place, &format!("`{name}` is not required"));
                in_path.insert(name);
            }
        }
        let expected: BTreeSet<_> = parameters_in(path).collect();
        self.expect(expected == in_path, place, &format!("declares {in_path:?}, its path has {expected:?}"));
    }

    fn response(&mut self, place: &str, response: &Value) {
        if response.get("$ref").is_none() {
            self.expect(response["description"].is_string(), place, "has a response without description");
            self.content(place, &response["content"]);
        }
    }

    fn content(&mut self, place: &str, content: &Value) {
        let types = fields(content);
        self.expect(!types.is_empty(), place, "has no content");
        for (media_type, content) in types {
            self.expect(media_type.contains('/'), place, &format!("`{media_type}` is no media type"));
            self.schema(place, &content["schema"]);
        }
    }

    fn schema(&mut self, place: &str, schema: &Value) {
        let types = schema.get("type").map(|types| types.as_array().cloned().unwrap_or(vec![types.clone()]));
        for name in types.into_iter().flatten() {
            let is_type = name.as_str().is_some_and(|name| TYPES.contains(&name));
            self.expect(is_type, place, &format!("{name} is no type"));
        }
        self.expect(schema.is_object() || schema.is_boolean(), place, "has a schema that is none");
        for (_, property) in fields(&schema["properties"]) {
            self.schema(place, property);
        }
        if let Some(items) = schema.get("items") {
            self.schema(place, items);
        }
    }

    fn security(&mut self, place: &str, wanted: &Value) {
        for scheme in wanted.as_array().into_iter().flatten().flat_map(fields) {
            let known = self.document["components"]["securitySchemes"].get(scheme.0.as_str());
            self.expect(known.is_some(), place, &format!("`{}` is no way to say who asks", scheme.0));
        }
    }

    fn references(&mut self, place: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields.iter().filter(|(key, _)| !DATA.contains(&key.as_str())) {
                    match value {
                        Value::String(target) if key == "$ref" => {
                            self.expect(
                                self.leads_somewhere(target),
                                place,
                                &format!("`{target}` leads nowhere"),
                            );
                        }
                        value => self.references(&format!("{place}/{key}"), value),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.references(place, item)),
            _ => {}
        }
    }

    fn leads_somewhere(&self, target: &str) -> bool {
        let pointer = target.strip_prefix('#').and_then(|pointer| decode::path_part(pointer).ok());
        pointer.is_some_and(|pointer| self.document.pointer(&pointer).is_some())
    }
}

fn fields(value: &Value) -> Vec<(&String, &Value)> {
    value.as_object().map(Map::iter).into_iter().flatten().collect()
}

fn parameters_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

fn shape_of(path: &str) -> String {
    parameters_in(path).fold(path.to_owned(), |shape, name| shape.replacen(&format!("{{{name}}}"), "{}", 1))
}
