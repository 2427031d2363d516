//! What is served describes itself, and the description follows what comes and goes.

use serde_json::Value;

use super::Served;
use crate::routes::Routes;
use crate::table::{Found, Table};

/// Every operation of the document, as `METHOD /path`.
fn operations(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |item: &Value| item.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let named = paths.iter().flat_map(|(path, item)| {
        methods(item).into_iter().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    named.collect()
}

#[tokio::test]
async fn every_route_that_is_served_is_described_and_nothing_else() {
    let served = Served::open();
    let answer = served.get("/openapi.json").await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "application/json"));
    let described = operations(&answer.json());
    let (table, _) = Table::of(served.fake.offers(), None);
    assert_eq!(described.len(), table.served().len());
    assert_eq!(described.len(), served.fake.offers().len() + 4);
    for name in described {
        let (method, path) = name.split_once(' ').unwrap();
        assert!(matches!(table.find(method, &path.replace(['{', '}'], "")), Found::Route(..)), "{name}");
    }
}

#[tokio::test]
async fn the_description_changes_when_a_plugin_comes() {
    let served = Served::open();
    let before = served.get("/openapi.json").await.json();
    served.fake.add("GET /x/late/:page");
    let after = served.get("/openapi.json").await.json();
    let mut expected = operations(&before);
    expected.push("GET /x/late/{page}".to_owned());
    expected.sort();
    let mut described = operations(&after);
    described.sort();
    assert_eq!(described, expected);
    assert_eq!(after["paths"]["/x/late/{page}"]["get"]["parameters"][0]["name"], "page");
}
