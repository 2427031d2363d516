//! Documents of routes that are made up, and what is wrong with documents that are broken on purpose.

use serde_json::{Value, json};
use transom_agent::reach::HttpRoute;

use super::check::faults;
use super::document;
use crate::failure;
use crate::routes::{Offer, Way};
use crate::table::Table;

fn offer(name: &str, about: HttpRoute) -> Offer {
    Offer { name: name.to_owned(), plugin: "some".to_owned(), way: Way::Whole, about }
}

fn plain(name: &str) -> Offer {
    offer(name, HttpRoute::new("Plays a part"))
}

/// The document of these routes, which has no fault.
fn described(offers: Vec<Offer>, needs_token: bool) -> Value {
    let (table, problems) = Table::of(offers, None);
    assert_eq!(problems, []);
    let document = document(table.served(), needs_token);
    assert_eq!(faults(&document), [""; 0], "{document:#}");
    document
}

/// A few routes of every kind.
fn several() -> Vec<Offer> {
    let about = HttpRoute {
        input:
            json!({ "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] })
                .into(),
        output: json!({ "$ref": "#/$defs/b~1c d", "$defs": { "b/c d": { "type": "object" } } }).into(),
        query: json!({ "properties": { "limit": { "type": "integer", "description": "The most." } } }).into(),
        ..HttpRoute::new("Makes a part")
    };
    vec![
        plain("GET /chats/:id"),
        offer("POST /chats/:chat", about.clone()),
        plain("DELETE /chats/:chat/parts/:part-id"),
        Offer { way: Way::Streamed, ..offer("GET /chats/:id/end", about) },
    ]
}

#[test]
fn what_a_route_says_of_itself_is_in_the_document() {
    let document = described(several(), false);
    let made = &document["paths"]["/chats/{id}"]["post"];
    assert_eq!((&made["summary"], &made["tags"]), (&json!("Makes a part"), &json!(["some"])));
    assert_eq!(made["operationId"], "postChatsById");
    assert_eq!(made["requestBody"]["required"], true);
    let body = &made["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["properties"]["text"]["type"], "string");
    let expected = json!([
        { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
        { "name": "limit", "in": "query", "required": false, "schema": { "type": "integer" }, "description": "The most." },
    ]);
    assert_eq!(made["parameters"], expected);
    let statuses: Vec<_> = made["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["200", "400", "403", "404", "408", "409", "413", "415", "500", "503", "504"]);
}

#[test]
fn a_stream_is_lines_or_events_and_can_be_asked_for_the_rest() {
    let document = described(several(), false);
    let stream = &document["paths"]["/chats/{id}/end"]["get"];
    let types: Vec<_> = stream["responses"]["200"]["content"].as_object().unwrap().keys().collect();
    assert_eq!(types, ["application/x-ndjson", "text/event-stream"]);
    assert_eq!(stream["parameters"][2]["name"], "Last-Event-ID");
    assert_eq!(stream["requestBody"], json!(null), "the body of a `GET` is not read");
}

#[test]
fn the_transport_s_own_routes_are_described() {
    let document = described(Vec::new(), false);
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/health", "/ready", "/plugins", "/openapi.json"]);
    assert!(document["paths"]["/health"]["get"]["responses"]["503"]["content"].is_object());
}

#[test]
fn a_token_is_asked_for_where_there_is_one() {
    let without = described(several(), false);
    assert_eq!(without["security"], json!(null));
    let with = described(several(), true);
    assert_eq!(with["security"], json!([{ "token": [] }]));
    assert_eq!(with["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let open = &with["paths"]["/health"]["get"];
    assert_eq!((&open["security"], open["responses"].get("401")), (&json!([]), None));
    assert!(with["paths"]["/ready"]["get"]["responses"].get("401").is_some());
}

#[test]
fn routes_with_alike_names_have_names_of_their_own() {
    let document = described(
        vec![plain("GET /a/by-b"), plain("GET /a/:b"), plain("GET /a.by.b"), plain("GET /")],
        false,
    );
    let name = |path: &str| document["paths"][path]["get"]["operationId"].as_str().unwrap().to_owned();
    let names = ["/", "/a.by.b", "/a/by-b", "/a/{b}"].map(name);
    assert_eq!(names, ["get", "getAByB", "getAByB3", "getAByB2"]);
}

#[test]
fn schemas_that_make_no_sense_here_leave_the_document_right() {
    let strange = [
        json!(7),
        json!([]),
        json!(true),
        json!({ "$ref": "#/nowhere" }),
        json!({ "$ref": "https://elsewhere.example/schema" }),
        json!({ "$id": "https://elsewhere.example/", "$ref": "#/$defs/a", "$defs": { "a": {} } }),
        json!({ "properties": { "$ref": { "type": "string" } }, "const": { "$ref": "#/nowhere" } }),
        json!({ "items": { "allOf": [{ "$ref": "#%" }] }, "properties": { "properties": { "$ref": "#" } } }),
    ];
    for schema in strange {
        let about = HttpRoute {
            input: schema.clone().into(),
            output: schema.clone().into(),
            query: json!({ "properties": { "a": schema, "$ref": schema } }).into(),
            ..HttpRoute::new("")
        };
        let document = described(vec![offer("POST /x/:y", about)], false);
        let body = &document["paths"]["/x/{y}"]["post"]["requestBody"];
        assert!(schema.is_object() || !body["content"]["application/json"]["schema"].is_array());
    }
}

#[test]
fn every_status_that_a_failed_call_has_is_described() {
    let document = described(several(), false);
    let responses = &document["paths"]["/chats/{id}"]["get"]["responses"];
    for status in failure::EVERY_KIND.map(failure::status_of) {
        assert!(responses.get(status.as_str()).is_some(), "{status}");
    }
}

/// What is done to a document.
type Harm = fn(&mut Value);

#[test]
fn a_document_that_is_broken_is_found_out() {
    let document = described(several(), true);
    let broken: [(&str, Harm); 10] = [
        ("is not 3.1", |all| all["openapi"] = "3.0.0".into()),
        ("has no `title`", |all| all["info"]["title"] = json!(null)),
        ("leads nowhere", |all| all["components"]["responses"] = json!({})),
        ("its path has", |all| all["paths"]["/chats/{id}"]["get"]["parameters"] = json!([])),
        ("is not required", |all| {
            all["paths"]["/chats/{id}"]["get"]["parameters"][0]["required"] = false.into()
        }),
        ("the name of another", |all| {
            all["paths"]["/chats/{id}"]["get"]["operationId"] = "postChatsById".into()
        }),
        ("never answers", |all| all["paths"]["/ready"]["get"]["responses"] = json!({})),
        ("the same as another", |all| all["paths"]["/chats/{chat}"] = all["paths"]["/chats/{id}"].clone()),
        ("no way to say who", |all| all["components"]["securitySchemes"] = json!({})),
        ("is no type", |all| all["components"]["schemas"]["Refusal"]["type"] = "text".into()),
    ];
    for (fault, harm) in broken {
        let mut harmed = document.clone();
        harm(&mut harmed);
        let found = faults(&harmed);
        assert!(found.iter().any(|one| one.contains(fault)), "{fault}: {found:?}");
    }
}
