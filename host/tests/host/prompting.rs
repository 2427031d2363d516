//! What models are told before a conversation, over the real store: it stays, and nothing of a working folder is in it before the
//! operator says so.

use serde_json::{Value, json};

use super::support::{Host, Manner, Outcome, Scene, linked_and_dylib};

linked_and_dylib![
    what_stands_in_a_working_folder_is_told_from_the_turn_on_behind_which_it_is_trusted,
    what_a_model_is_told_stays_over_turns_and_a_kill,
];

fn scene(manner: Manner, template: &str) -> Scene {
    Scene::new(manner).with("system-prompt", template).with("trust", "")
}

async fn told(host: &Host) -> Value {
    host.client.get("/conversations/c/system-prompt").await
}

/// A turn, and the words that its model is told before the conversation.
async fn words_at_a_turn(host: &Host) -> String {
    host.client.turn("c", "hello").await;
    told(host).await["text"].as_str().expect("it is told something").to_owned()
}

fn read(outcome: &Outcome) -> Value {
    assert_eq!((outcome.code, outcome.errors.as_str()), (Some(0), ""), "{outcome:?}");
    serde_json::from_str(&outcome.output).expect("JSON")
}

async fn what_stands_in_a_working_folder_is_told_from_the_turn_on_behind_which_it_is_trusted(manner: Manner) {
    let scene = scene(manner, "");
    scene.file("AGENTS.md", "Speak like a pirate.\n");
    let host = scene.start().await;
    assert!(!words_at_a_turn(&host).await.contains("pirate"));
    let listed = read(&scene.run(&["trust", "--json"]).await);
    let waiting = &listed["waiting"][0];
    let folder = scene.work().canonicalize().expect("it is there").display().to_string();
    assert_eq!((&waiting["folder"], &waiting["name"]), (&json!(folder), &json!("AGENTS.md")));
    let sha256 = waiting["sha256"].as_str().expect("a digest");
    let for_people = scene.run(&["trust"]).await.output;
    assert!(for_people.contains("AGENTS.md") && for_people.contains(&sha256[..12]), "{for_people}");

    scene.file("AGENTS.md", "Speak like a captain.\n");
    assert!(!words_at_a_turn(&host).await.contains("Speak"));
    let refused = scene.run(&["trust", &folder]).await;
    assert_eq!(refused.code, Some(2), "nobody was shown what it says now: {refused:?}");
    assert!(!words_at_a_turn(&host).await.contains("Speak"));
    assert_eq!(scene.run(&["trust", &folder]).await.code, Some(0));
    assert!(words_at_a_turn(&host).await.contains("\n\nSpeak like a captain.\n\n"));
    let shown = scene.run(&["system-prompt", "c", "--json"]).await;
    assert_eq!(read(&shown), told(&host).await);

    host.stop().await;
    let host = scene.start().await;
    assert!(words_at_a_turn(&host).await.contains("captain"), "the answer is kept");
    scene.file("AGENTS.md", "Speak like a mutineer.\n");
    assert!(!words_at_a_turn(&host).await.contains("Speak"));
    host.stop().await;
}

async fn what_a_model_is_told_stays_over_turns_and_a_kill(manner: Manner) {
    let scene =
        scene(manner, "template = \"[system:date] [system:time] [prompt:model] [prompt:workspace_id]\"");
    let host = scene.start().await;
    words_at_a_turn(&host).await;
    let first = told(&host).await;
    words_at_a_turn(&host).await;
    assert_eq!(told(&host).await, first);
    host.kill().await;
    let host = scene.start().await;
    words_at_a_turn(&host).await;
    assert_eq!(told(&host).await, first, "nor is it built again");
    host.stop().await;
}
