//! Commands that tell, copy and delete, against a host that runs.

use serde_json::{Value, json};

use super::{complaint, document, host_with};
use crate::host::support::{Manner, Scene};

const ONE: &str = "1e1d7a90-0000-4000-8000-000000000001";
const OTHER: &str = "1e1d7a90-0001-4000-8000-000000000002";

fn ids(listed: &Value) -> Vec<&str> {
    let listed = listed["conversations"].as_array().expect("a list");
    let mut ids: Vec<&str> = listed.iter().map(|one| one["id"].as_str().expect("an id")).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn conversations_are_listed_by_how_they_begin_and_by_their_state() {
    let scene = Scene::new(Manner::Linked);
    let host = host_with(&scene, &["notes", "other"]).await;
    assert_eq!(ids(&document(&scene.run(&["list", "--json"]).await)), ["notes", "other"]);
    assert_eq!(ids(&document(&scene.run(&["list", "no", "--json"]).await)), ["notes"]);
    assert_eq!(
        ids(&document(&scene.run(&["list", "--json", "--status", "active,closed"]).await)),
        Vec::<&str>::new()
    );
    let mut hanging = host.client.chat(&json!({ "conversationId": "busy", "message": "[[hang]]" })).await;
    hanging.until("turn-start").await;
    assert_eq!(ids(&document(&scene.run(&["list", "--json", "--status", "active"]).await)), ["busy"]);
    let told = scene.run(&["list"]).await;
    let notes =
        told.output.lines().find(|line| line.starts_with("notes")).unwrap_or_else(|| panic!("{told:?}"));
    assert!(
        notes.contains(" idle ") && notes.contains(" just now ") && notes.contains("[[say: this is notes]]"),
        "{notes}"
    );
    let told = scene.run(&["list", "--workspace", "nobodys"]).await;
    assert_eq!((told.output.as_str(), told.errors.as_str()), ("", "no conversations\n"));
    let told = complaint(scene.run(&["list", "--status", "asleep"]).await, 2);
    assert!(told.contains("possible values: active, idle, closed"), "{told}");
}

#[tokio::test]
async fn a_conversation_is_shown_with_its_turns_and_its_last_words() {
    let scene = Scene::new(Manner::Linked);
    let _host = host_with(&scene, &["notes"]).await;
    let shown = document(&scene.run(&["show", "notes", "--json"]).await);
    assert_eq!((&shown["conversation"]["id"], &shown["last"]), (&json!("notes"), &json!("this is notes")));
    assert_eq!(shown["turns"][0]["reason"], "stop");
    let told = scene.run(&["show", "notes"]).await.output;
    for line in [
        "id         notes\n",
        "status     idle\n",
        "workspace  default\n",
        "turns      1 turn, ",
        "  stop ",
        ", scripted/",
    ] {
        assert!(told.contains(line), "`{line}` is missing in\n{told}");
    }
    assert!(told.ends_with("\n\nthis is notes\n"), "{told}");
}

#[tokio::test]
async fn an_id_may_be_short_and_must_be_enough() {
    let scene = Scene::new(Manner::Linked);
    let host = host_with(&scene, &[ONE, OTHER, "work", "workshop"]).await;
    let shown =
        async |id: &str| document(&scene.run(&["show", id, "--json"]).await)["conversation"]["id"].clone();
    assert_eq!(shown("1e1d7a90-0001").await, OTHER);
    assert_eq!(shown("works").await, "workshop");
    assert_eq!(shown("work").await, "work", "a whole id is itself");
    let told = complaint(scene.run(&["show", "1e1d"]).await, 2);
    assert!(
        told.contains("`1e1d` stands for 2 conversations") && told.contains(ONE) && told.contains(OTHER),
        "{told}"
    );
    for too_little in ["1e1", "nobody", &"1e1d7a90-0000-4000-8000-0000000000012"[..33]] {
        let told = complaint(scene.run(&["show", too_little]).await, 2);
        assert!(told.contains(&format!("there is no conversation `{too_little}`")), "{told}");
    }
    let listed = scene.run(&["list", "1e1d"]).await.output;
    assert!(listed.contains("1e1d7a90-0000-40  ") && listed.contains("1e1d7a90-0001-40  "), "{listed}");
    // Chat may begin a conversation whose name is how another's begins, but not one that is how a whole id begins.
    assert_eq!(scene.run(&["chat", "[[say: aye]]", "--conversation", "works"]).await.code, Some(0));
    assert_eq!(scene.run(&["chat", "[[say: aye]]", "--conversation", "1e1d7a90-0001"]).await.code, Some(0));
    let turns = async |id: &str| {
        let metrics = host.client.get(&format!("/conversations/{id}/metrics")).await;
        metrics["turns"].as_array().map(Vec::len)
    };
    assert_eq!(
        (turns("works").await, turns("workshop").await, turns(OTHER).await),
        (Some(1), Some(1), Some(2))
    );
}

#[tokio::test]
async fn a_copy_is_made_and_a_conversation_is_deleted_by_who_says_so() {
    let scene = Scene::new(Manner::Linked);
    let host = host_with(&scene, &["notes"]).await;
    let made = scene.run(&["fork", "notes", "--to", "second"]).await;
    assert_eq!((made.code, made.output.as_str()), (Some(0), "second\n"), "{made:?}");
    let beginning = document(&scene.run(&["fork", "notes", "--at", "0", "--json"]).await);
    assert!(beginning["latestSeq"].as_i64().is_some_and(|seq| seq < 3), "{beginning}");
    let told = complaint(scene.run(&["fork", "notes", "--to", "second"]).await, 2);
    assert!(told.contains("second"), "{told}");

    let told = complaint(scene.run(&["delete", "second"]).await, 2);
    assert!(told.contains("nobody is here to say") && told.contains("--yes"), "{told}");
    let gone = scene.run(&["delete", "second", "--yes"]).await;
    assert_eq!((gone.code, gone.output.as_str()), (Some(0), "second is deleted\n"), "{gone:?}");
    complaint(scene.run(&["delete", "second", "--yes"]).await, 2);
    assert_eq!(host.client.ask("/conversations/second").await.0, 404);

    let mut hanging = host.client.chat(&json!({ "conversationId": "busy", "message": "[[hang]]" })).await;
    hanging.until("turn-start").await;
    complaint(scene.run(&["delete", "busy", "--yes"]).await, 2);
    let stopped = scene.run(&["stop", "busy"]).await;
    assert_eq!(
        (stopped.code, stopped.output.as_str()),
        (Some(0), "the turn of busy is stopped\n"),
        "{stopped:?}"
    );
    host.client.idle("busy").await;
    assert_eq!(scene.run(&["stop", "busy"]).await.output, "no turn ran in busy\n");
    assert_eq!(scene.run(&["delete", "busy", "--yes"]).await.code, Some(0));
}

#[tokio::test]
async fn models_and_workspaces_are_listed() {
    let scene = Scene::new(Manner::Linked);
    let host = host_with(&scene, &["notes"]).await;
    let models = document(&scene.run(&["models", "--json"]).await);
    assert_eq!(models, host.client.get("/models").await);
    let told = scene.run(&["models"]).await.output;
    let default = models["default"].as_str().expect("a default");
    assert!(told.lines().any(|line| line.starts_with(default) && line.ends_with("(default)")), "{told}");
    let workspaces = document(&scene.run(&["workspaces", "--json"]).await);
    assert_eq!(workspaces, host.client.get("/workspaces").await);
    assert_eq!(scene.run(&["workspaces"]).await.output, "default  1 conversation\n");
}
