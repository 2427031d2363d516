//! `transom chat`: against a host that runs, and with one of its own when none does.

use std::fs::OpenOptions;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::support::{Manner, Outcome, Scene, linked_and_dylib, text_of, within};

linked_and_dylib![
    a_running_host_is_asked,
    without_a_host_the_manifest_runs_for_one_message,
    the_run_file_of_a_killed_host_leads_nobody_astray,
    several_without_a_host_share_one_until_the_last_has_its_answer,
    who_interrupts_is_told_what_becomes_of_the_turn,
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
    assert_eq!(host.client.said("c").await.len(), 4);
    check_codes(&scene).await;
}

async fn without_a_host_the_manifest_runs_for_one_message(manner: Manner) {
    let scene = Scene::new(manner);
    let outcome = scene.run(&["chat", "[[say: aye aye]]", "--conversation", "c"]).await;
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(0), "aye aye\n"), "{outcome:?}");
    check_codes(&scene).await;
    let host = scene.start().await;
    let log = host.client.said("c").await;
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

async fn several_without_a_host_share_one_until_the_last_has_its_answer(manner: Manner) {
    let scene = Scene::new(manner);
    let words = |count: usize| vec!["aye"; count].join(" ");
    // Whichever of them runs the host, others are at it longer.
    let running: Vec<_> = [1, 20, 40, 60]
        .map(|count| {
            let outcome = scene.command(&[
                "chat",
                &format!("[[pace: 10]] {}", words(count)),
                "--model",
                "scripted/echo",
            ]);
            (count, tokio::spawn(Outcome::of(outcome)))
        })
        .into();
    for (count, chat) in running {
        let outcome = within("a chat", chat).await.expect("it does not panic");
        assert_eq!((outcome.code, outcome.output.trim()), (Some(0), words(count).as_str()), "{outcome:?}");
    }
    assert!(!scene.data().join("run.json").exists(), "the shared host is still there");
}

async fn who_interrupts_is_told_what_becomes_of_the_turn(manner: Manner) {
    let scene = Scene::new(manner);
    let chat = ["chat", "[[pace: 20]] one two three [[hang]]", "--conversation", "c"];
    let told = interrupted(scene.command(&chat)).await;
    assert!(told.contains("conversation c") && told.contains("the turn is stopped"), "{told}");

    let host = scene.start().await;
    let told = interrupted(scene.command(&chat)).await;
    let told: Vec<&str> = told.split('`').collect();
    assert!(told[1].starts_with("transom attach c") && told[3].starts_with("transom stop c"), "{told:?}");
    assert_eq!(host.client.get("/conversations/c/status").await["isActive"], true, "the turn goes on");
    let words: Vec<&str> = told[3].split_whitespace().skip(1).collect();
    let stopped = Outcome::of(scene.bare_command(&words)).await;
    assert_eq!(
        (stopped.code, stopped.output.as_str()),
        (Some(0), "the turn of c is stopped\n"),
        "{stopped:?}"
    );
    host.client.idle("c").await;
}

/// Interrupts a chat when its answer has begun; answers what it said on standard error.
async fn interrupted(mut command: Command) -> String {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut chat = command.spawn().expect("the program can be run");
    let mut out = chat.stdout.take().expect("it is piped");
    within("the first word", out.read_exact(&mut [0; 3])).await.expect("a word");
    let pid = chat.id().expect("it runs").to_string();
    let sent = Command::new("kill").args(["-s", "INT", &pid]).status().await.expect("a signal");
    assert!(sent.success());
    // Read to its end, so that the chat never waits for a full pipe.
    within("the rest", out.read_to_end(&mut Vec::new())).await.expect("it can be read");
    let ended = within("its end", chat.wait_with_output()).await.expect("it can be waited for");
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(130), "{told}");
    told
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_is_no_success() {
    let scene = Scene::new(Manner::Linked);
    let full = OpenOptions::new().write(true).open("/dev/full").expect("every Linux has it");
    let mut command = scene.command(&["chat", "[[say: aye]]"]);
    command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).kill_on_drop(true);
    let chat = command.spawn().expect("the program can be run");
    let ended = within("its end", chat.wait_with_output()).await.expect("it can be waited for");
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert_eq!(told.matches("standard output cannot be written").count(), 1, "{told}");
}
