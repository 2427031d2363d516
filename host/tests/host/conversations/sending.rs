//! Messages that are sent without waiting for the answer, against a host that runs.

use serde_json::json;

use super::{complaint, document, host_with};
use crate::host::support::{Manner, Scene, eventually};

#[tokio::test]
async fn a_message_is_sent_and_its_turn_goes_on_alone() {
    let scene = Scene::new(Manner::Linked);
    let host = host_with(&scene, &["notes"]).await;
    let sent = document(&scene.run(&["send", "notes", "[[say: later]]", "--json"]).await);
    assert_eq!((&sent["conversationId"], &sent["startedTurn"]), (&json!("notes"), &json!(true)));
    assert!(sent["turnId"].as_str().is_some_and(|id| !id.is_empty()), "{sent}");
    host.client.idle("notes").await;
    assert_eq!(document(&scene.run(&["show", "notes", "--json"]).await)["last"], "later");
    let told = complaint(scene.run(&["send", "nobody", "hello"]).await, 2);
    assert!(told.contains("there is no conversation `nobody`"), "{told}");
    complaint(scene.run(&["send", "notes"]).await, 2);
    complaint(scene.run(&["send", "notes", "x", "--queue", "--steer"]).await, 2);
    complaint(scene.run(&["send", "notes", "x", "--queue", "--model", "a"]).await, 2);
}

#[tokio::test]
async fn a_file_is_a_message_too() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    scene.file("more.txt", "[[say: from the file]]");
    let said = scene.run(&["chat", "[[say: so and]]", "--file", "more.txt", "--conversation", "c"]).await;
    assert_eq!((said.code, said.output.as_str()), (Some(0), "so andfrom the file\n"), "{said:?}");
    assert_eq!(host.client.log("c").await[0]["chunk"]["text"], "[[say: so and]]\n\n[[say: from the file]]");
    let said = scene.run(&["chat", "--file", "more.txt", "--effort", "low"]).await;
    assert_eq!((said.code, said.output.as_str()), (Some(0), "from the file\n"), "{said:?}");

    std::fs::write(scene.work().join("no-text"), b"a\xff").expect("a file");
    let long = std::fs::File::create(scene.work().join("long")).expect("a file");
    long.set_len((8 << 20) + 1).expect("a hole");
    for (file, problem) in [
        ("nowhere", "`nowhere` after `--file` cannot be read"),
        ("no-text", "byte 1 is not UTF-8"),
        ("long", "expected at most 8388608 bytes"),
    ] {
        let told = complaint(scene.run(&["chat", "--file", file]).await, 2);
        assert!(told.contains(problem), "{told}");
    }
}

#[tokio::test]
async fn messages_wait_for_a_busy_conversation_and_are_listed_and_taken_out() {
    let scene = Scene::new(Manner::Linked);
    let host = host_with(&scene, &[]).await;
    let mut hanging = host.client.chat(&json!({ "conversationId": "busy", "message": "[[hang]]" })).await;
    hanging.until("turn-start").await;
    let told = complaint(scene.run(&["send", "busy", "hello"]).await, 2);
    assert!(told.contains("busy") && told.contains("--queue"), "{told}");

    assert_eq!(scene.run(&["queue", "busy"]).await.errors, "no messages wait\n");
    let first = document(&scene.run(&["send", "busy", "[[say: first]]", "--queue", "--json"]).await);
    assert_eq!((&first["startedTurn"], first["queue"].as_array().map(Vec::len)), (&json!(false), Some(1)));
    let told = scene.run(&["send", "busy", "second", "--steer"]).await.output;
    assert!(told.starts_with("message ") && told.contains("; 2 messages in all"), "{told}");
    let queue = document(&scene.run(&["queue", "busy", "--json"]).await);
    assert_eq!(queue["queue"][1]["delivery"], "steer");
    let second = queue["queue"][1]["id"].as_str().expect("an id").to_owned();
    let told = scene.run(&["queue", "busy"]).await.output;
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.contains("queue    just now  [[say: first]]") && told.contains(&second), "{told}");

    let gone = scene.run(&["queue", "busy", "--cancel", &second]).await;
    assert!(
        gone.code == Some(0) && gone.output.starts_with(&format!("message {second} is out\n")),
        "{gone:?}"
    );
    let told = complaint(scene.run(&["queue", "busy", "--cancel", &second]).await, 1);
    assert!(told.contains("does not wait"), "{told}");

    // Held behind a stop, it goes on with the next message.
    assert_eq!(scene.run(&["stop", "busy"]).await.code, Some(0));
    host.client.idle("busy").await;
    let queue = async || host.client.get("/conversations/busy/queue").await;
    eventually("the queue to be held", queue, |queue| queue["held"] == true).await;
    assert!(scene.run(&["queue", "busy"]).await.errors.contains("held"));
    assert_eq!(scene.run(&["send", "busy", "[[say: third]]", "--queue"]).await.code, Some(0));
    let last = async || document(&scene.run(&["show", "busy", "--json"]).await)["last"].clone();
    eventually("the answer to both", last, |last| last.as_str().is_some_and(|last| last.contains("third")))
        .await;
}
