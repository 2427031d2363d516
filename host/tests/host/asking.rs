//! Turns that ask a person before a tool runs: answered from anywhere, over restarts, kills and all.
//!
//! `TRANSOM_KILLS` says how often the host is killed between question and answer, and as often behind the answer.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Client, Host, Manner, Outcome, Scene, eventually, linked_and_dylib, types_of};

linked_and_dylib![
    what_is_asked_in_one_terminal_is_answered_from_another,
    a_question_outlasts_a_restart_and_what_nobody_answers_in_time_is_denied,
    what_a_person_wants_remembered_is_asked_once,
    a_conversation_that_is_deleted_while_it_asks_asks_nothing_any_more,
];

/// A scene in which models may change files, when a person lets them.
fn scene(manner: Manner, settings: &str) -> Scene {
    Scene::new(manner).with("permissions", settings).with("tools-fs", "write = true")
}

fn writes(path: &str) -> String {
    format!(r#"[[tool: write_file {{"path":"{path}","content":"hi"}}]] [[step]] Done."#)
}

async fn open(client: &Client) -> Vec<Value> {
    client.get("/questions").await["questions"].as_array().expect("a list").clone()
}

/// Waits until a conversation asks something.
async fn question(client: &Client, id: &str) -> Value {
    let path = format!("/questions?conversationId={id}");
    let asked = async || client.get(&path).await["questions"].clone();
    eventually("a question", asked, |asked| asked[0].is_object()).await[0].clone()
}

async fn answer(client: &Client, question: &Value, choice: &str) -> (u16, Value) {
    let path = format!("/conversations/{}/answer", question["conversationId"].as_str().expect("an id"));
    client.post(&path, &json!({ "questionId": question["questionId"], "choice": choice })).await
}

/// Waits until the turn of a conversation is over.
async fn over(client: &Client, id: &str) {
    let path = format!("/conversations/{id}/status");
    let status = async || client.get(&path).await;
    eventually("the end of the turn", status, |status| status["status"] == "idle").await;
}

async fn result(client: &Client, id: &str) -> Value {
    let said = client.said(id).await;
    let results: Vec<&Value> =
        said.iter().map(|entry| &entry["chunk"]).filter(|chunk| chunk["type"] == "tool-result").collect();
    assert_eq!(results.len(), 1, "each call is answered once: {said:?}");
    results[0].clone()
}

async fn what_is_asked_in_one_terminal_is_answered_from_another(manner: Manner) {
    let scene = scene(manner, "");
    let host = scene.start().await;
    let mut chat = host.client.chat(&json!({ "conversationId": "one", "message": writes("a.txt") })).await;
    let asked = chat.until("question").await;
    assert_eq!((&asked["choices"][0], &asked["choices"][3]), (&json!("Allow once"), &json!("Deny")));
    assert!(!scene.work().join("a.txt").exists(), "nothing runs before the answer");
    let listed = Outcome::of(scene.command(&["answer"])).await;
    assert!(listed.output.starts_with("one  May `write_file` write `a.txt`, in `"), "{listed:?}");
    let unclear = Outcome::of(scene.command(&["answer", "one", "allow"])).await;
    assert_eq!(unclear.code, Some(2), "{unclear:?}");
    let answered = Outcome::of(scene.command(&["answer", "one", "1"])).await;
    assert_eq!(answered.output, "Allow once: the turn goes on\n", "{answered:?}");
    let frames = chat.rest().await;
    assert_eq!(types_of(&frames)[..2], ["answer", "tool-result"], "{frames:?}");
    assert_eq!(frames[1]["isError"], false, "{frames:?}");
    assert!(scene.work().join("a.txt").exists());
    assert!(open(&host.client).await.is_empty());
    let nothing = Outcome::of(scene.command(&["answer"])).await;
    assert_eq!(nothing.output, "nothing waits for an answer\n");
    host.stop().await;
}

async fn a_conversation_that_is_deleted_while_it_asks_asks_nothing_any_more(manner: Manner) {
    let scene = scene(manner, "");
    let host = scene.start().await;
    let mut chat = host.client.chat(&json!({ "conversationId": "one", "message": writes("a.txt") })).await;
    chat.until("question").await;
    let asked = question(&host.client, "one").await;
    let deleted = host.client.request(Method::DELETE, "/conversations/one").send().await;
    assert_eq!(deleted.expect("an answer").status(), 200);
    assert!(open(&host.client).await.is_empty());
    assert_eq!(answer(&host.client, &asked, "Allow once").await.0, 404);

    let mut chat = host.client.chat(&json!({ "conversationId": "one", "message": writes("b.txt") })).await;
    chat.until("question").await;
    assert_eq!(answer(&host.client, &asked, "Allow once").await.0, 404, "it is another conversation");
    let answered = Outcome::of(scene.command(&["answer", "one", "1"])).await;
    assert_eq!(answered.output, "Allow once: the turn goes on\n", "{answered:?}");
    chat.rest().await;
    over(&host.client, "one").await;
    assert!(scene.work().join("b.txt").exists() && !scene.work().join("a.txt").exists());
    host.stop().await;
}

async fn a_question_outlasts_a_restart_and_what_nobody_answers_in_time_is_denied(manner: Manner) {
    let scene = scene(manner, "answer_within_s = 3");
    let host = scene.start().await;
    for id in ["late", "stopped"] {
        let mut chat = host.client.chat(&json!({ "conversationId": id, "message": writes(id) })).await;
        chat.until("question").await;
    }
    host.stop().await;
    let host = scene.start().await;
    let busy = host.client.post("/chat", &json!({ "conversationId": "late", "message": "hello?" })).await;
    assert!(busy.0 == 409 || busy.0 == 200, "it waits, or is over by now: {busy:?}");
    over(&host.client, "late").await;
    let late = host.client.said("late").await;
    let denied = late.iter().find(|entry| entry["chunk"]["type"] == "tool-result").expect("an answer");
    assert_eq!(denied["chunk"]["content"], "nobody has answered in time whether this may run");
    assert!(!scene.work().join("late").exists());
    host.stop().await;
}

async fn what_a_person_wants_remembered_is_asked_once(manner: Manner) {
    let scene = scene(manner, "deny = [\"write_file(secret/**)\"]");
    let host = scene.start().await;
    let mut chat = host.client.chat(&json!({ "conversationId": "a", "message": writes("1") })).await;
    chat.until("question").await;
    let asked = question(&host.client, "a").await;
    let folder = asked["choices"][2].as_str().expect("a choice").to_owned();
    assert_eq!(answer(&host.client, &asked, &folder).await.0, 200);
    chat.rest().await;
    host.stop().await;
    let host = scene.start().await;
    let frames = host.client.turn("b", &writes("2")).await;
    assert!(!types_of(&frames).contains(&"question"), "{frames:?}");
    assert!(scene.work().join("2").exists());
    let frames = host.client.turn("b", &writes("secret/3")).await;
    let denied = frames.iter().find(|frame| frame["type"] == "tool-result").expect("an answer");
    assert!(denied["content"].as_str().is_some_and(|why| why.contains("`write_file(secret/**)` forbids it")));
    host.stop().await;
}

#[tokio::test]
async fn of_two_answers_at_once_the_first_counts() {
    let scene = scene(Manner::Linked, "");
    let host = scene.start().await;
    for round in 0..4 {
        let id = format!("c{round}");
        let mut chat = host.client.chat(&json!({ "conversationId": id, "message": writes(&id) })).await;
        chat.until("question").await;
        let asked = question(&host.client, &id).await;
        let both =
            tokio::join!(answer(&host.client, &asked, "Allow once"), answer(&host.client, &asked, "Deny"));
        let mut codes = [both.0.0, both.1.0];
        codes.sort_unstable();
        assert_eq!(codes, [200, 409], "{both:?}");
        chat.rest().await;
        assert_eq!(scene.work().join(&id).exists(), both.0.0 == 200);
    }
    host.stop().await;
}

#[tokio::test]
async fn a_conversation_that_waits_for_a_person_can_be_stopped_and_talked_to_again() {
    let scene = scene(Manner::Linked, "");
    let host = scene.start().await;
    let mut chat = host.client.chat(&json!({ "conversationId": "c", "message": writes("x") })).await;
    chat.until("question").await;
    let (status, stopped) = host.client.post("/conversations/c/stop", &json!({})).await;
    assert_eq!((status, &stopped["abortedTurn"]), (200, &json!(true)));
    assert!(open(&host.client).await.is_empty() && !scene.work().join("x").exists());
    over(&host.client, "c").await;
    let frames = host.client.turn("c", "[[say: fine]]").await;
    assert_eq!(types_of(&frames).last(), Some(&"turn-sealed"));
    host.stop().await;
}

fn kills() -> u64 {
    std::env::var("TRANSOM_KILLS").map_or(3, |kills| kills.parse().expect("`TRANSOM_KILLS` is a number"))
}

/// How often a call has run: each run adds a mark.
fn runs(scene: &Scene, name: &str) -> usize {
    let text = std::fs::read_to_string(scene.work().join(name)).expect("a file");
    text.matches("ran ").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_question_answer_and_run_loses_no_turn_and_runs_nothing_twice() {
    let scene = scene(Manner::Linked, "");
    let (mut ran, mut unknown) = (0, 0);
    let mut host = scene.start().await;
    for kill in 0..kills() {
        let id = format!("c{kill}");
        scene.file(&id, "END\n");
        let edit = format!(r#"{{"path":"{id}","oldString":"END","newString":"ran END"}}"#);
        let message = format!("[[tool: edit_file {edit}]] [[step]] Done.");
        let mut chat = host.client.chat(&json!({ "conversationId": id, "message": message })).await;
        chat.until("question").await;
        host.kill().await;
        host = scene.start().await;
        let asked = question(&host.client, &id).await;
        assert_eq!(runs(&scene, &id), 0, "nothing runs before the answer");
        let (status, answered) = answer(&host.client, &asked, "Allow once").await;
        assert_eq!((status, answered), (200, json!({ "open": 0 })));
        // A little later each time, so that it falls before, into and behind the run.
        tokio::time::sleep(Duration::from_micros(400 * (kill % 12))).await;
        host.kill().await;
        host = scene.start().await;
        over(&host.client, &id).await;
        let result = result(&host.client, &id).await;
        match (runs(&scene, &id), result["isError"].as_bool()) {
            (1, Some(false)) => ran += 1,
            (0 | 1, Some(true)) => {
                let content = result["content"].as_str().unwrap_or_default();
                assert!(content.contains("interrupted") || content.contains("may have"), "{result}");
                unknown += 1;
            }
            (times, _) => panic!("it ran {times} times: {result}"),
        }
        check_end(&host, &id).await;
    }
    eprintln!("{ran} ran and were answered, {unknown} were interrupted and said so");
    host.stop().await;
    scene.assert_well().await;
}

/// The turn has gone on to its own end.
async fn check_end(host: &Host, id: &str) {
    let log = host.client.log(id).await;
    let end = &log.last().expect("an end")["chunk"];
    assert_eq!((&end["type"], &end["record"]["reason"]), (&json!("turn-end"), &json!("stop")), "{log:?}");
    let answers = log.iter().filter(|entry| entry["chunk"]["type"] == "answer").count();
    assert_eq!(answers, 1);
}
