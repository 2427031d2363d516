//! `transom chat`: against a host that runs, and with one of its own when none does.

use serde_json::{Value, json};

use super::support::{Manner, Scene, linked_and_dylib, text_of};

linked_and_dylib![
    a_running_host_is_asked,
    without_a_host_the_manifest_runs_for_one_message,
    the_run_file_of_a_killed_host_leads_nobody_astray,
];

async fn a_running_host_is_asked(manner: Manner) {
    let scene = Scene::new(manner);
    scene.file("log.txt", "day 3: west wind\n");
    let host = scene.start().await;
    let message = r#"[[tool: read_file {"path":"log.txt"}]] It says: [[results]]"#;
    let outcome = scene.run(&["chat", message, "--conversation", "c"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.output.starts_with("It says: ") && outcome.output.contains("west wind"), "{outcome:?}");
    assert!(outcome.errors.contains(r#"[read_file] {"path":"log.txt"}"#), "{}", outcome.errors);
    assert!(outcome.errors.contains("conversation c"), "{}", outcome.errors);
    assert_eq!(host.client.log("c").await.len(), 4);
    check_codes(&scene).await;
}

async fn without_a_host_the_manifest_runs_for_one_message(manner: Manner) {
    let scene = Scene::new(manner);
    let outcome = scene.run(&["chat", "[[say: aye aye]]", "--conversation", "c"]).await;
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(0), "aye aye\n"), "{outcome:?}");
    check_codes(&scene).await;
    let host = scene.start().await;
    let log = host.client.log("c").await;
    assert_eq!(log[1]["chunk"], json!({ "type": "text", "text": "aye aye" }));
}

/// 0 for an answer, 1 for a turn that failed, 2 for a message that was refused.
async fn check_codes(scene: &Scene) {
    let outcome = scene.run(&["chat", "--json", "[[say: aye]]"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let frames: Vec<Value> =
        outcome.output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        (text_of(&frames).as_str(), &frames[frames.len() - 1]["type"]),
        ("aye", &json!("turn-sealed"))
    );
    let outcome = scene.run(&["chat", "so far [[fail: overloaded]]"]).await;
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(1), "so far \n"), "{outcome:?}");
    assert!(
        outcome.errors.contains("error: ") && outcome.errors.contains("the turn ended: error"),
        "{outcome:?}"
    );
    let outcome = scene.run(&["chat", "hello", "--cwd", "/"]).await;
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(2), ""), "{outcome:?}");
    assert!(outcome.errors.contains("`cwd`"), "{}", outcome.errors);
    let outcome = scene.run(&["chat", "hello", "--model", "nobody/knows"]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.errors.contains("`model`"), "{}", outcome.errors);
}

async fn the_run_file_of_a_killed_host_leads_nobody_astray(manner: Manner) {
    let scene = Scene::new(manner);
    scene.start().await.kill().await;
    assert!(scene.data().join("run.json").is_file(), "a killed host cannot remove it");
    let outcome = scene.run(&["chat", "[[say: aye]]"]).await;
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(0), "aye\n"), "{outcome:?}");
}
