//! The commands over conversations: against a host that runs, and against a stage where a host would break off.

mod listing;
mod living;
mod sending;
mod specified;
mod stage;
mod streams;
mod watching;

use serde_json::Value;

use super::support::{Host, Manner, Outcome, Scene};

/// The document that a command printed.
#[track_caller]
fn document(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    serde_json::from_str(&outcome.output).unwrap_or_else(|_| panic!("not JSON: {outcome:?}"))
}

/// What was refused or failed, with this code.
#[track_caller]
fn complaint(outcome: Outcome, code: i32) -> String {
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(code), ""), "{outcome:?}");
    outcome.errors
}

/// A host in which these conversations had one turn each.
async fn host_with(scene: &Scene, ids: &[&str]) -> Host {
    let host = scene.start().await;
    for id in ids {
        host.client.turn(id, &format!("[[say: this is {id}]]")).await;
    }
    host
}

#[tokio::test]
async fn without_a_host_there_is_nothing_to_ask() {
    let scene = Scene::new(Manner::Linked);
    for arguments in [
        vec!["models"],
        vec!["list"],
        vec!["workspaces"],
        vec!["show", "c"],
        vec!["attach", "c"],
        vec!["send", "c", "x"],
    ] {
        let told = complaint(scene.run(&arguments).await, 1);
        assert!(told.contains("no host runs on the data folder") && told.contains("transom up"), "{told}");
    }
    let mut json = vec!["list", "--json"];
    let told = scene.run(&json).await;
    let answer: Value = serde_json::from_str(&told.output).expect("JSON");
    assert_eq!((told.code, &answer["ok"]), (Some(1), &Value::Bool(false)));
    json.push("--nonsense");
    assert_eq!(scene.run(&json).await.code, Some(2));
}

#[tokio::test]
async fn what_is_no_id_is_refused_before_anybody_is_asked() {
    let scene = Scene::new(Manner::Linked);
    for command in ["show", "read", "attach", "queue", "open", "stop", "close", "delete", "fork"] {
        let told = complaint(scene.run(&[command, "a/../b"]).await, 2);
        assert!(told.contains("expected 1 to 128 of"), "{told}");
    }
}
