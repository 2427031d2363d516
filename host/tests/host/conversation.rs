//! Turns, from the message to the log: the same promises with all plugins linked and with all of them in files.

use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use super::support::{Manner, Scene, linked_and_dylib, text_of, types_of, within};

linked_and_dylib![
    a_turn_streams_its_frames_in_order,
    server_sent_events_carry_the_same_frames_to_who_prefers_them,
    the_second_turn_of_a_conversation_sees_the_first,
    a_tool_reads_a_file_of_the_folder_the_turn_works_in,
    a_stopped_turn_keeps_what_was_said,
    a_busy_conversation_is_a_conflict_that_names_the_turn,
    a_failure_is_told_with_its_class_and_leaves_the_conversation_usable,
    a_client_that_goes_away_does_not_stop_the_turn,
    a_skill_of_the_working_folder_is_offered_and_loaded,
    the_log_is_read_in_windows,
    conversations_are_listed_by_status_and_beginning,
    the_host_tells_about_models_plugins_and_itself,
];

async fn a_turn_streams_its_frames_in_order(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let chat = host.client.chat(&json!({ "message": "[[think: hm]] one two [[usage: 5 6]]" })).await;
    let id = chat.conversation_id.clone();
    let frames = chat.rest().await;
    let expected = [
        "user-message",
        "turn-start",
        "reasoning-delta",
        "text-delta",
        "usage",
        "step-complete",
        "done",
        "turn-sealed",
    ];
    assert_eq!(types_of(&frames), expected);
    assert_eq!(text_of(&frames).trim_end(), "one two");
    assert!(!id.is_empty() && frames.iter().all(|frame| frame["conversationId"] == *id), "{id}: {frames:#?}");
    let turn = &frames[0]["turnId"];
    assert!(turn.is_string() && frames.iter().all(|frame| frame["turnId"] == *turn), "{frames:#?}");
    let done = &frames[frames.len() - 2];
    assert_eq!(done["reason"], "stop");
    assert_eq!(done["usage"], json!({ "inputTokens": 5, "outputTokens": 6 }));
}

async fn server_sent_events_carry_the_same_frames_to_who_prefers_them(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let request = host.client.request(Method::POST, "/chat").header(ACCEPT, "text/event-stream");
    let request = request.json(&json!({ "message": "one two", "model": "scripted/echo" }));
    let response = within("the head", request.send()).await.expect("an answer");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(response.headers().contains_key("x-conversation-id"));
    let text = within("the end of the stream", response.text()).await.expect("text");
    let events = text.strip_suffix("\n\n").expect("the last event is complete").split("\n\n");
    let frames = events.map(|event| {
        let (id, data) = event.split_once('\n').expect("a line for its id, one for its data");
        assert!(id.starts_with("id: 0:"), "{event}");
        data.strip_prefix("data: ").expect("the data is one line")
    });
    let frames: Vec<Value> = frames.map(|data| serde_json::from_str(data).expect("JSON")).collect();
    let expected =
        ["user-message", "turn-start", "text-delta", "usage", "step-complete", "done", "turn-sealed"];
    assert_eq!(types_of(&frames), expected);
    assert_eq!(text_of(&frames), "one two");
}

async fn the_second_turn_of_a_conversation_sees_the_first(manner: Manner) {
    let scene = Scene::new(manner).with("session-orchestrator", "default_model = \"scripted/echo\"");
    let host = scene.start().await;
    // Where no usage is scripted, the model reports the words it was sent.
    let words_read =
        |frames: &[Value]| frames[frames.len() - 2]["usage"]["inputTokens"].as_u64().expect("a number");
    let first = words_read(&host.client.turn("c", "one two three").await);
    let second = words_read(&host.client.turn("c", "one two three").await);
    let elsewhere = words_read(&host.client.turn("d", "one two three").await);
    assert_eq!(first, elsewhere);
    assert_eq!(second - first, 6, "the first message and its echo");
}

async fn a_tool_reads_a_file_of_the_folder_the_turn_works_in(manner: Manner) {
    let scene = Scene::new(manner);
    scene.file("hold/cargo.txt", "forty barrels of tar\n");
    let host = scene.start().await;
    let message = r#"Look: [[tool: read_file {"path":"cargo.txt"}]] It says: [[results]]"#;
    let body = json!({ "conversationId": "c", "message": message, "cwd": scene.work().join("hold") });
    let frames = host.client.chat(&body).await.rest().await;
    let call = frames.iter().find(|frame| frame["type"] == "tool-call").expect("a call");
    assert_eq!((&call["toolName"], &call["input"]), (&json!("read_file"), &json!({ "path": "cargo.txt" })));
    let result = frames.iter().find(|frame| frame["type"] == "tool-result").expect("a result");
    assert_eq!((&result["toolCallId"], &result["isError"]), (&call["toolCallId"], &json!(false)));
    let said = text_of(&frames);
    assert!(said.starts_with("Look: It says: ") && said.contains("forty barrels of tar"), "{said}");
    let log = host.client.said("c").await;
    let kinds: Vec<&str> = log.iter().filter_map(|entry| entry["chunk"]["type"].as_str()).collect();
    assert_eq!(kinds, ["text", "text", "tool-call", "tool-result", "text"]);
}

async fn a_stopped_turn_keeps_what_was_said(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let mut chat = host.client.chat(&json!({ "conversationId": "c", "message": "so far [[hang]]" })).await;
    let said = chat.until_said("so far").await;
    assert_eq!(host.client.get("/conversations/c/status").await["status"], "active");
    let (status, stopped) = host.client.post("/conversations/c/stop", &json!({})).await;
    assert_eq!((status, &stopped["abortedTurn"]), (200, &json!(true)));
    let rest = chat.rest().await;
    assert_eq!(types_of(&rest[rest.len() - 2..]), ["done", "turn-sealed"]);
    assert_eq!(rest[rest.len() - 2]["reason"], "aborted");
    let log = host.client.said("c").await;
    assert_eq!((&log[1]["role"], &log[1]["chunk"]["text"]), (&json!("assistant"), &json!(said)));
    assert_eq!(host.client.get("/conversations/c/status").await["status"], "idle");
    let (_, again) = host.client.post("/conversations/c/stop", &json!({})).await;
    assert_eq!(again["abortedTurn"], false);
}

async fn a_busy_conversation_is_a_conflict_that_names_the_turn(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let first = host.client.chat(&json!({ "conversationId": "c", "message": "[[hang]]" })).await;
    let (status, refusal) =
        host.client.post("/chat", &json!({ "conversationId": "c", "message": "hello" })).await;
    assert_eq!((status, refusal["turnId"].is_string()), (409, true), "{refusal}");
    assert!(refusal["error"].as_str().is_some_and(|error| error.contains("already active")), "{refusal}");
    assert_eq!(host.client.said("c").await.len(), 1, "the second message left no trace");
    host.client.post("/conversations/c/stop", &json!({})).await;
    let ended = first.rest().await;
    assert_eq!(ended[ended.len() - 2]["reason"], "aborted");
}

async fn a_failure_is_told_with_its_class_and_leaves_the_conversation_usable(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let frames = host.client.turn("c", "[[fail: context-length]]").await;
    let expected = ["user-message", "turn-start", "error", "step-complete", "done", "turn-sealed"];
    assert_eq!(types_of(&frames), expected);
    assert_eq!(frames[2]["code"], "context-length");
    assert_eq!(frames[4]["reason"], "error");
    let log = host.client.said("c").await;
    assert_eq!(log[1]["chunk"]["type"], "error");
    let frames = host.client.turn("c", "[[say: better]]").await;
    assert_eq!(text_of(&frames), "better");
}

async fn a_client_that_goes_away_does_not_stop_the_turn(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    // Long enough to be cut off by who leaves, if anything were.
    let words = vec!["aye"; 40].join(" ");
    let message = format!("[[pace: 25]] {words}");
    let mut chat = host.client.chat(&json!({ "conversationId": "c", "message": message })).await;
    chat.until("text-delta").await;
    drop(chat);
    host.client.idle("c").await;
    let log = host.client.said("c").await;
    assert_eq!(log[1]["chunk"]["text"].as_str().map(str::trim_end), Some(words.as_str()));
}

async fn a_skill_of_the_working_folder_is_offered_and_loaded(manner: Manner) {
    let scene = Scene::new(manner).with("trust", "");
    let host = scene.start().await;
    // A model that asks for a tool it was not offered is told which it was.
    let offered = async |id: &str| text_of(&host.client.turn(id, "[[tool: ask]] [[results]]").await);
    let before = offered("before").await;
    assert!(before.contains("`read_file`") && !before.contains("load_skill"), "{before}");
    scene.file(".skills/knots.md", "When something is to be tied\n---\nOver, under and through.\n");
    let untrusted = offered("untrusted").await;
    assert!(!untrusted.contains("load_skill"), "{untrusted}");
    let work = scene.work().display().to_string();
    let trusted = scene.run(&["trust", &work, "--file", ".skills"]).await;
    assert_eq!(trusted.code, Some(0), "{trusted:?}");
    let after = offered("after").await;
    assert!(after.contains("`load_skill`"), "{after}");
    let frames = host.client.turn("c", r#"[[tool: load_skill {"name":"knots"}]] [[results]]"#).await;
    assert!(text_of(&frames).contains("Over, under and through."), "{frames:#?}");
}

async fn the_log_is_read_in_windows(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    for message in ["[[say: a]]", "[[say: b]]", "[[say: c]]"] {
        host.client.turn("c", message).await;
    }
    let seqs = async |query: &str| {
        let document = host.client.get(&format!("/conversations/c{query}")).await;
        assert_eq!(document["latestSeq"], 18);
        let chunks = document["chunks"].as_array().expect("a list");
        chunks.iter().map(|chunk| chunk["seq"].as_i64().expect("a number")).collect::<Vec<_>>()
    };
    // Of each turn two messages and four facts: how it began, what it used, how long that took, how it ended.
    assert_eq!(seqs("").await, (1..=18).collect::<Vec<_>>());
    assert_eq!(seqs("?sinceSeq=16").await, [17, 18]);
    assert_eq!(seqs("?beforeSeq=3").await, [1, 2]);
    assert_eq!(seqs("?limit=2").await, [17, 18]);
    assert_eq!(seqs("?sinceSeq=1&beforeSeq=6&limit=3").await, [3, 4, 5]);
    assert_eq!(seqs("?sinceSeq=4&limit=2&oldest=true").await, [5, 6]);
    let (status, refusal) = host.client.ask("/conversations/c?limit=none").await;
    assert_eq!(status, 400);
    assert!(refusal["error"].as_str().is_some_and(|error| error.contains("`limit`")), "{refusal}");
    assert_eq!(host.client.ask("/conversations/nobody").await.0, 404);
    assert_eq!(host.client.ask("/conversations/nobody/status").await.0, 404);
    assert_eq!(host.client.post("/conversations/nobody/stop", &json!({})).await.0, 404);
}

async fn conversations_are_listed_by_status_and_beginning(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    host.client.turn("ship-log", "[[say: aye]]").await;
    host.client.turn("ship-plan", "[[say: aye]]").await;
    let hanging = host.client.chat(&json!({ "conversationId": "crew", "message": "[[hang]]" })).await;
    let listed = async |query: &str| {
        let document = host.client.get(&format!("/conversations{query}")).await;
        let conversations = document["conversations"].as_array().expect("a list").iter();
        conversations.map(|one| one["id"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, ["crew", "ship-plan", "ship-log"], "the latest comes first");
    assert_eq!(listed("?status=idle").await, ["ship-plan", "ship-log"]);
    assert_eq!(listed("?status=active").await, ["crew"]);
    assert_eq!(listed("?q=ship-l").await, ["ship-log"]);
    let document = host.client.get("/conversations?q=ship-l").await;
    let one = &document["conversations"][0];
    assert_eq!((&one["title"], &one["latestSeq"]), (&json!("[[say: aye]]"), &json!(6)));
    drop(hanging);
}

async fn the_host_tells_about_models_plugins_and_itself(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let models = host.client.get("/models").await;
    assert_eq!(models["models"], json!(["scripted/demo", "scripted/echo"]));
    assert_eq!(
        (&models["default"], &host.ready["model"]),
        (&json!("scripted/demo"), &json!("scripted/demo"))
    );
    assert_eq!(host.client.get("/health").await, json!({ "ok": true, "degraded": [] }));
    assert_eq!(host.client.get("/ready").await, json!({ "ready": true }));
    let plugins = host.client.get("/plugins").await;
    let plugins = plugins["plugins"].as_array().expect("a list");
    assert_eq!(plugins.len(), scene.plugins().count());
    for plugin in plugins {
        assert_eq!(plugin["state"], "running");
        assert_eq!(plugin["attach"], manner.attach(plugin["id"].as_str().expect("text")), "{plugin}");
    }
    assert_eq!((&host.ready["plugins"], &host.ready["disabled"]), (&json!(plugins.len()), &json!([])));
}
