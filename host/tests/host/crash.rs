//! Hosts that end, in order or not, and what is there when the next one starts on the same data.

use std::process::ExitStatus;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::{Host, Manner, Scene, eventually, linked_and_dylib, text_of};

linked_and_dylib![
    a_sealed_turn_is_there_after_a_kill,
    what_was_told_of_a_turn_is_there_after_a_kill_in_its_middle,
    a_signal_seals_the_running_turn,
    a_second_signal_ends_at_once,
    a_second_host_on_the_same_data_is_refused_with_the_first_one_s_process,
];

/// How long a host may take to stop, by its own promise.
const STOP: Duration = Duration::from_secs(10);

async fn a_sealed_turn_is_there_after_a_kill(manner: Manner) {
    let scene = Scene::new(manner);
    scene.file("log.txt", "day 3: west wind\n");
    let host = scene.start().await;
    let mut told = Vec::new();
    for message in
        [r#"[[think: hm]] Look: [[tool: read_file {"path":"log.txt"}]] [[results]]"#, "[[say: and on]]"]
    {
        let mut chat = host.client.chat(&json!({ "conversationId": "c", "message": message })).await;
        chat.until("turn-sealed").await;
        told = host.client.log("c").await;
    }
    let listed = host.client.get("/conversations").await;
    // The latest seal is no older than the kill.
    let mut chat =
        host.client.chat(&json!({ "conversationId": "c", "message": "[[say: the last words]]" })).await;
    chat.until("turn-sealed").await;
    host.kill().await;

    let host = scene.start().await;
    let found = host.client.log("c").await;
    assert_eq!(found[..told.len()], told);
    assert_eq!(texts(&found[told.len()..]), ["[[say: the last words]]", "the last words"]);
    check_usable(&host).await;
    assert_eq!(listed["conversations"].as_array().map(Vec::len), Some(1));
    let one = |listing: &Value, field: &str| listing["conversations"][0][field].clone();
    let again = host.client.get("/conversations").await;
    for field in ["id", "createdAt", "title"] {
        assert_eq!(one(&again, field), one(&listed, field), "{field}");
    }
}

async fn what_was_told_of_a_turn_is_there_after_a_kill_in_its_middle(manner: Manner) {
    let scene = Scene::new(manner);
    scene.file("log.txt", "day 3: west wind\n");
    let host = scene.start().await;
    let message = r#"[[tool: read_file {"path":"log.txt"}]] Then [[hang]]"#;
    let mut chat = host.client.chat(&json!({ "conversationId": "c", "message": message })).await;
    // Words of the second step: the first one is complete.
    chat.until("text-delta").await;
    let told = host.client.log("c").await;
    host.kill().await;

    let host = scene.start().await;
    // Answered as soon as what was left is repaired.
    assert_eq!(host.client.get("/conversations/c/status").await["status"], "idle");
    let found = host.client.log("c").await;
    assert_eq!(found[..told.len()], told);
    let said = host.client.said("c").await;
    let kinds: Vec<&str> = said.iter().filter_map(|entry| entry["chunk"]["type"].as_str()).collect();
    assert_eq!(kinds[..3], ["text", "tool-call", "tool-result"]);
    let end = &found.last().expect("it has ended")["chunk"];
    assert_eq!((&end["type"], &end["record"]["reason"]), (&json!("turn-end"), &json!("lost")));
    check_usable(&host).await;
}

/// Nothing runs in the conversation `c`, and its next turn goes well.
async fn check_usable(host: &Host) {
    assert_eq!(host.client.get("/conversations/c/status").await["status"], "idle");
    assert_eq!(host.client.get("/conversations").await["conversations"][0]["status"], "idle");
    let frames = host.client.turn("c", "[[say: all well]]").await;
    assert_eq!(
        (text_of(&frames).as_str(), &frames[frames.len() - 2]["reason"]),
        ("all well", &json!("stop"))
    );
    let log = host.client.log("c").await;
    let seqs: Vec<_> = log.iter().map(|entry| entry["seq"].as_u64().expect("a number")).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

fn texts(log: &[Value]) -> Vec<&str> {
    log.iter().filter_map(|entry| entry["chunk"]["text"].as_str()).collect()
}

async fn a_signal_seals_the_running_turn(manner: Manner) {
    let scene = Scene::new(manner);
    for (signal, is_watched) in [("TERM", true), ("INT", false)] {
        let host = scene.start().await;
        let body = json!({ "conversationId": signal, "message": "so far [[hang]]" });
        let mut chat = host.client.chat(&body).await;
        chat.until_said("so far").await;
        let viewer = is_watched.then_some(chat);
        host.signal(signal).await;
        if let Some(mut viewer) = viewer {
            assert_eq!(viewer.until("done").await["reason"], "aborted", "who watches sees the end");
            viewer.until("turn-sealed").await;
        }
        let (status, errors) = ended_in_time(host).await;
        assert_eq!(status.code(), Some(0), "SIG{signal}: {errors}");

        let host = scene.start().await;
        let log = host.client.said(signal).await;
        assert_eq!(texts(&log), ["so far [[hang]]", "so far "], "what was said is kept by the seal only");
        let status = host.client.get(&format!("/conversations/{signal}/status")).await;
        assert_eq!(status["status"], "idle");
        host.stop().await;
    }
}

async fn ended_in_time(host: Host) -> (ExitStatus, String) {
    let ended = tokio::time::timeout(STOP, host.ended()).await;
    ended.unwrap_or_else(|_| panic!("the host did not stop within {} s", STOP.as_secs()))
}

async fn a_second_signal_ends_at_once(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    // A request whose body never comes: the transport gives it its time before it stops.
    let address = host.client.address.strip_prefix("http://").expect("an address");
    let mut client = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST /chat HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\
         Expect: 100-continue\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.expect("the host reads");
    // The host asks for the body when it has begun to answer.
    client.readable().await.expect("the host answers");
    host.signal("INT").await;
    let errors = async || host.errors();
    eventually("the word that it stops", errors, |errors| errors.contains("once more ends at once")).await;
    host.signal("INT").await;
    let (status, errors) = host.ended().await;
    assert_eq!(status.code(), Some(130), "{errors}");
}

async fn a_second_host_on_the_same_data_is_refused_with_the_first_one_s_process(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let outcome = scene.run(&["up", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.errors.contains(&format!("process {}", host.pid())), "{}", outcome.errors);
    assert!(outcome.errors.contains("help: "), "{}", outcome.errors);
    assert_eq!(text_of(&host.client.turn("c", "[[say: still here]]").await), "still here");
}
