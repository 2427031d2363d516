//! Commands that follow a turn, against a host that runs, is killed and starts again.

use serde_json::json;

use super::watching::Watching;
use super::{complaint, document, host_with};
use crate::host::support::{Manner, Scene, eventually};

const ENDLESS: &str = "[[pace: 20]] one two three [[hang]]";

#[tokio::test]
async fn a_chat_whose_host_is_killed_learns_from_the_next_one_how_its_turn_ended() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    let mut chat = Watching::begin(scene.command(&["chat", ENDLESS, "--conversation", "c"]));
    chat.until("three ").await;
    host.kill().await;
    let _host = scene.start().await;
    let outcome = chat.ended().await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    for line in ["the stream broke off", "the host is there", "the turn ended: lost", "conversation c"] {
        assert!(outcome.errors.contains(line), "`{line}` is missing in\n{}", outcome.errors);
    }
    assert_eq!(outcome.output.replace('\n', ""), "one two three ", "{outcome:?}");
}

/// Asks a person, since it would change a file.
const ASKS: &str =
    r#"[[say: well]] [[tool: write_file {"path":"a.txt","content":"hi"}]] [[step]] [[say: done]]"#;

fn asking() -> Scene {
    Scene::new(Manner::Linked).with("permissions", "").with("tools-fs", "write = true")
}

/// Waits until the host that runs knows a question.
async fn asked(scene: &Scene) {
    let listed = async || scene.run(&["answer"]).await.output;
    eventually("a question", listed, |listed| listed.contains("May `write_file`")).await;
}

#[tokio::test]
async fn a_chat_leaves_a_turn_that_waits_to_the_next_host_and_no_other_chat_waits_for_it() {
    let scene = asking();
    let mut chat = Watching::begin(scene.command(&["chat", ASKS, "--conversation", "c"]));
    chat.until("well").await;
    asked(&scene).await;
    let left = chat.interrupted().await;
    assert!(left.errors.contains("the turn waits for its answer"), "{left:?}");
    let said = scene.run(&["chat", "[[say: aye]]", "--conversation", "other"]).await;
    assert_eq!((said.code, said.output.as_str()), (Some(0), "aye\n"), "{said:?}");
    let host = scene.start().await;
    let answered = scene.run(&["answer", "c", "1"]).await;
    assert_eq!(answered.output, "Allow once: the turn goes on\n", "{answered:?}");
    host.client.idle("c").await;
    assert!(scene.work().join("a.txt").exists());
}

#[tokio::test]
async fn who_attaches_to_a_turn_that_waits_is_shown_what_it_asks_also_after_a_restart() {
    let scene = asking();
    let host = scene.start().await;
    let mut turn = host.client.chat(&json!({ "conversationId": "waits", "message": ASKS })).await;
    turn.until("question").await;
    let mut before = Watching::begin(scene.command(&["attach", "waits"]));
    before.until("well").await;
    host.stop().await;
    let host = scene.start().await;
    let mut after = Watching::begin(scene.command(&["attach", "waits"]));
    after.until("well").await;
    assert_eq!(scene.run(&["answer", "waits", "deny"]).await.code, Some(0));
    for mut attached in [before, after] {
        attached.until("done").await;
        let outcome = attached.interrupted().await;
        assert!(outcome.errors.contains("May `write_file` write `a.txt`"), "{outcome:?}");
    }
    drop(host);
}

#[tokio::test]
async fn who_is_attached_sees_the_turns_of_every_host_there_is() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    let mut turn = host.client.chat(&json!({ "conversationId": "attached", "message": ENDLESS })).await;
    turn.until("text-delta").await;
    let mut attached = Watching::begin(scene.command(&["attach", "atta"]));
    attached.until("one two three ").await;
    host.kill().await;
    let host = scene.start().await;
    host.client.idle("attached").await;
    host.client.turn("attached", "[[say: aye aye]]").await;
    attached.until("aye aye").await;
    let outcome = attached.interrupted().await;
    for line in [
        &format!("> {ENDLESS}"),
        "the turn ended: lost",
        "> [[say: aye aye]]",
        "transom attach attached --data",
    ] {
        assert!(outcome.errors.contains(line), "`{line}` is missing in\n{}", outcome.errors);
    }

    // Everything once more, for a program.
    let all = scene.command(&["attach", "attached", "--from", "0:0:0", "--json"]);
    let mut all = Watching::begin(all);
    all.until("\"turn-sealed\"}\n").await;
    let printed = all.interrupted().await.output;
    assert!(printed.starts_with("{") && printed.contains("\"lost\""), "{printed}");
}

#[tokio::test]
async fn the_last_answer_is_waited_for() {
    let scene = Scene::new(Manner::Linked);
    let host = host_with(&scene, &["c"]).await;
    let words = vec!["aye"; 20].join(" ");
    let sent = scene.run(&["send", "c", &format!("[[pace: 20]] [[say: {words}]]")]).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let read = scene.run(&["read", "c"]).await;
    assert_eq!((read.code, read.output), (Some(0), format!("{words}\n")));
    assert_eq!(
        document(&scene.run(&["read", "c", "--json"]).await),
        host.client.get("/conversations/c/last").await
    );
}

#[tokio::test]
async fn a_closed_conversation_is_listed_only_by_who_asks_for_all() {
    let scene = Scene::new(Manner::Linked);
    let host = host_with(&scene, &["notes"]).await;
    let mut turn = host.client.chat(&json!({ "conversationId": "busy", "message": ENDLESS })).await;
    turn.until("turn-start").await;
    let told = complaint(scene.run(&["chat", "hello", "--conversation", "busy"]).await, 2);
    assert!(told.contains("busy") && told.contains("--queue"), "{told}");
    assert_eq!(scene.run(&["close", "notes"]).await.output, "notes is closed\n");
    assert_eq!(scene.run(&["close", "busy"]).await.output, "busy is closed, and its turn is stopped\n");
    assert_eq!(scene.run(&["open", "notes"]).await.code, Some(0));
    turn.until("turn-sealed").await;
    assert_eq!(scene.run(&["list"]).await.errors, "no conversations\n");
    let listed = scene.run(&["list", "--all"]).await.output;
    assert!(listed.lines().count() == 2 && listed.contains("notes  closed "), "{listed}");
    assert_eq!(scene.run(&["answer", "notes"]).await.output, "nothing waits for an answer\n");
    let told = complaint(scene.run(&["answer", "notes", "yes"]).await, 2);
    assert!(told.contains("`notes` asks anything"), "{told}");
}

#[tokio::test]
async fn a_new_conversation_belongs_to_the_workspace_that_is_named() {
    let scene = Scene::new(Manner::Linked);
    let _host = scene.start().await;
    let said = scene.run(&["chat", "[[say: aye]]", "--conversation", "c", "--workspace", "team"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let listed = document(&scene.run(&["list", "--workspace", "team", "--json"]).await);
    assert_eq!(listed["conversations"][0]["id"], "c");
    let told = scene.run(&["workspaces"]).await.output;
    assert!(told.contains("team     1 conversation\n"), "{told}");
}
