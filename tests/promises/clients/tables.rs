//! The tables of the guide for clients, compared with the contracts and with what is served.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use transom_agent::conversation::Conversation;
use transom_agent::event::AgentEventKind;
use transom_agent::message::Chunk;
use transom_plugin_api::Contract;
use transom_plugin_api::describe::text_of;

use super::page::{quoted, table};
use super::shell::Asked;
use super::stage::Stage;
use super::wire::Answer;

const PAGE: &str = "docs/guide/clients.md";

/// Names of fields, each with whether it may be absent.
type Fields = BTreeSet<(String, bool)>;

fn shape_of<T: Contract>() -> Value {
    serde_json::from_str(&text_of(T::SHAPE)).expect("a shape is JSON")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn fields(of: &Value) -> Fields {
    let is_optional = |field: &Value| field["shape"].get("maybe").is_some();
    let name = |field: &Value| field["name"].as_str().unwrap_or_default().to_owned();
    list(&of["fields"]).map(|field| (name(field), is_optional(field))).collect()
}

/// The variants of an enum by name.
fn variants<T: Contract>() -> BTreeMap<String, Fields> {
    let shape = shape_of::<T>();
    let name = |variant: &Value| variant["name"].as_str().unwrap_or_default().to_owned();
    list(&shape["variants"]).map(|variant| (name(variant), fields(variant))).collect()
}

/// A table of types, each with its fields.
fn types(heading: &str) -> BTreeMap<String, Fields> {
    let mut types = BTreeMap::new();
    for row in table(PAGE, heading) {
        for (name, _) in quoted(&row[0]) {
            types.insert(name, quoted(&row[1]).into_iter().collect());
        }
    }
    types
}

#[test]
fn every_frame_is_in_the_guide_with_its_fields() {
    assert_eq!(types("### Types"), variants::<AgentEventKind>());
}

#[test]
fn every_chunk_is_in_the_guide_with_its_fields() {
    assert_eq!(types("## Reading the log"), variants::<Chunk>());
}

#[test]
fn everything_that_is_known_about_a_conversation_is_in_the_guide() {
    let told: Fields = table(PAGE, "## Conversations").iter().flat_map(|row| quoted(&row[0])).collect();
    assert_eq!(told, fields(&shape_of::<Conversation>()));
}

async fn description(stage: &Stage) -> Value {
    let variables = [("H", "http://host".to_owned())].into_iter().collect();
    let asked = Asked::read("curl $H/openapi.json", &variables).expect("it is a line");
    let answer = Answer::to(&asked, &stage.address("http").await).await;
    assert_eq!(answer.status, 200);
    serde_json::from_str(&answer.text().await).expect("it is JSON")
}

/// Routes as OpenAPI has them, as they are registered.
fn served(description: &Value) -> BTreeMap<String, &Value> {
    let paths = description["paths"].as_object().expect("paths");
    let mut routes = BTreeMap::new();
    for (path, item) in paths {
        let path = path.replace('{', ":").replace('}', "");
        for (method, operation) in item.as_object().into_iter().flatten() {
            routes.insert(format!("{} {path}", method.to_uppercase()), operation);
        }
    }
    routes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_and_every_status_is_in_the_guide() {
    let stage = Stage::new().await;
    let description = description(&stage).await;
    let routes = served(&description);
    let rows = table(PAGE, "## Routes");
    let told: BTreeSet<_> = rows.iter().flat_map(|row| quoted(&row[0])).map(|(name, _)| name).collect();
    // What lies below `/x` is of plugins that only play a part in an example.
    let there: BTreeSet<_> = routes.keys().filter(|route| !route.contains(" /x/")).cloned().collect();
    assert_eq!(told, there);

    let statuses = routes.values().flat_map(|operation| operation["responses"].as_object());
    let statuses: BTreeSet<_> = statuses.flat_map(|all| all.keys().cloned()).collect();
    let rows = table(PAGE, "## Errors");
    let told: BTreeSet<_> = rows.iter().flat_map(|row| row[0].split(", ")).collect();
    let untold: Vec<_> =
        statuses.iter().filter(|status| *status != "200" && !told.contains(status.as_str())).collect();
    assert!(untold.is_empty(), "the guide does not tell of {untold:?}");
    stage.stop().await;
}
