//! Streams that break: they go on behind the last frame, honour what was taken back, and end.

use serde_json::{Value, json};
use tokio::process::Command;

use super::stage::{Answer, Stage};
use super::watching::Watching;
use crate::host::support::{Manner, Outcome, Scene, within};

/// A frame of the turn `t`.
fn frame(generation: u32, position: i64, offset: u64, what: Value) -> Value {
    let mut frame = json!({
        "conversationId": "c", "turnId": "t", "generation": generation, "position": position, "offset": offset,
        "volatile": false,
    });
    frame.as_object_mut().expect("an object").extend(what.as_object().expect("an object").clone());
    frame
}

fn said(generation: u32, position: i64, offset: u64, delta: &str) -> Value {
    let text = json!({ "type": "text-delta", "delta": delta, "volatile": true });
    frame(generation, position, offset, text)
}

/// The beginning of a turn whose answer is at position 3.
fn begun() -> Vec<Value> {
    vec![
        frame(0, 1, 0, json!({ "type": "user-message", "text": "hi" })),
        frame(0, 2, 0, json!({ "type": "turn-start", "model": "a/one" })),
        said(0, 3, 0, "one "),
    ]
}

/// The end of a turn, from a position on.
fn ended(generation: u32, position: i64) -> [Value; 2] {
    [
        frame(generation, position, 0, json!({ "type": "done", "reason": "stop" })),
        frame(generation, position + 1, 0, json!({ "type": "turn-sealed" })),
    ]
}

fn then(frames: impl IntoIterator<Item = Value>, end: impl IntoIterator<Item = Value>) -> Vec<Value> {
    frames.into_iter().chain(end).collect()
}

/// What is known about the conversation.
fn conversation(runs: bool) -> Value {
    let turn = if runs { json!({ "turnId": "t", "state": "running" }) } else { Value::Null };
    json!({ "id": "c", "title": "hi", "status": "idle", "generation": 2, "latestPosition": 40, "turn": turn })
}

#[tokio::test]
async fn a_chat_whose_stream_breaks_goes_on_behind_what_it_has_shown() {
    let scene = Scene::new(Manner::Linked);
    // The second stream says a piece again, and breaks; the third ends without a seal.
    let script = vec![
        Answer::Broken(begun()),
        Answer::Broken(vec![said(0, 3, 0, "one two "), said(0, 3, 8, "three ")]),
        Answer::Ended(vec![]),
        Answer::Ended(then([said(0, 3, 14, "four")], ended(0, 4))),
    ];
    let mut stage = Stage::start(&scene, conversation(false), script).await;
    let outcome =
        scene.run(&["chat", "hi", "--conversation", "c", "--effort", "low", "--workspace", "team"]).await;
    let (line, body) = stage.request().await;
    assert_eq!(line, "POST /chat");
    assert_eq!(
        body,
        json!({ "message": "hi", "conversationId": "c", "reasoningEffort": "low", "workspaceId": "team" })
    );
    for cursor in ["0%3A3%3A4", "0%3A3%3A14", "0%3A3%3A14"] {
        let expected = format!("GET /conversations/c/events?turnId=t&after={cursor}");
        assert_eq!(stage.request().await.0, expected);
    }
    // What is on the screen already cannot be joined with what is told meanwhile.
    assert_eq!(
        (outcome.code, outcome.output.replace('\n', "").as_str()),
        (Some(0), "one two three four"),
        "{outcome:?}"
    );
    assert!(
        outcome.errors.contains("the stream broke off: ") && outcome.errors.contains("the host is there"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_program_gets_every_frame_once_however_often_the_stream_breaks() {
    let scene = Scene::new(Manner::Linked);
    let rest = then([said(0, 3, 0, "one "), said(0, 3, 4, "two")], ended(0, 4));
    let script = vec![Answer::Broken(begun()), Answer::Broken(begun()), Answer::Ended(rest)];
    let _stage = Stage::start(&scene, conversation(false), script).await;
    let outcome = scene.run(&["chat", "hi", "--conversation", "c", "--json"]).await;
    let frames: Vec<Value> =
        outcome.output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let positions: Vec<i64> = frames.iter().filter_map(|frame| frame["position"].as_i64()).collect();
    assert_eq!((outcome.code, positions), (Some(0), vec![1, 2, 3, 3, 4, 5]), "{outcome:?}");
}

#[tokio::test]
async fn a_host_that_stays_away_is_given_up() {
    let scene = Scene::new(Manner::Linked);
    let mut stage = Stage::start(&scene, conversation(false), vec![Answer::Broken(begun())]).await;
    let running = tokio::spawn(Outcome::of(scene.command(&["chat", "hi", "--conversation", "c"])));
    stage.request().await;
    drop(stage);
    let outcome = within("the chat", running).await.expect("it does not panic");
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(1), "one \n"), "{outcome:?}");
    assert!(outcome.errors.contains("the host did not come back: the host is gone"), "{outcome:?}");
    assert!(outcome.errors.contains("conversation c"), "{outcome:?}");
}

#[tokio::test]
async fn who_is_attached_gives_a_host_that_stays_away_up_when_that_was_said() {
    let scene = Scene::new(Manner::Linked);
    let known = conversation(true);
    let mut stage = Stage::start(&scene, known, vec![Answer::Broken(begun())]).await;
    let attach = scene.command(&["attach", "c", "--give-up-after", "1"]);
    let running = tokio::spawn(Outcome::of(attach));
    stage.request().await;
    drop(stage);
    let outcome = within("the end of it", running).await.expect("it does not panic");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.errors.contains("the host did not come back: the host is gone"), "{outcome:?}");
    assert_eq!(outcome.errors.matches("waiting for the host").count(), 1, "{outcome:?}");
}

#[tokio::test]
async fn what_the_host_refuses_is_not_asked_again() {
    let scene = Scene::new(Manner::Linked);
    let refusal = Answer::Document(400, json!({ "error": "no such cursor" }));
    let _stage = Stage::start(&scene, conversation(false), vec![Answer::Broken(begun()), refusal]).await;
    let outcome = scene.run(&["chat", "hi", "--conversation", "c"]).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.errors.contains("the answer broke off: no such cursor"), "{outcome:?}");
}

#[tokio::test]
async fn who_attaches_sees_the_turn_from_its_beginning_and_what_was_taken_back() {
    let scene = Scene::new(Manner::Linked);
    let rewind = frame(1, 3, 2, json!({ "type": "rewind" }));
    let script =
        vec![Answer::Broken(begun()), Answer::Open(then([rewind, said(1, 3, 2, "ly this")], ended(1, 4)))];
    let mut stage = Stage::start(&scene, conversation(true), script).await;
    let told = until_interrupted(scene.command(&["attach", "c"]), "ly this\n").await;
    assert_eq!(stage.request().await.0, "GET /conversations/c/events");
    assert_eq!(stage.request().await.0, "GET /conversations/c/events?after=0%3A3%3A4");
    assert_eq!(told.output, "one \nly this\n");
    for line in
        ["> hi", "the host had lost the last 2 characters shown", "detached; `transom attach c --data "]
    {
        assert!(told.errors.contains(line), "`{line}` is missing in\n{}", told.errors);
    }
}

#[tokio::test]
async fn a_rewind_that_takes_nothing_back_is_not_told() {
    let scene = Scene::new(Manner::Linked);
    let rewind = frame(1, 3, 4, json!({ "type": "rewind" }));
    let script =
        vec![Answer::Broken(begun()), Answer::Open(then([rewind, said(1, 3, 4, "more")], ended(1, 4)))];
    let _stage = Stage::start(&scene, conversation(true), script).await;
    let told = until_interrupted(scene.command(&["attach", "c"]), "more\n").await;
    assert!(!told.errors.contains("lost"), "{}", told.errors);
}

#[tokio::test]
async fn who_attaches_behind_is_told_that_nothing_runs_after_what_was_missed() {
    let scene = Scene::new(Manner::Linked);
    let missed = then([said(2, 38, 0, "missed")], ended(2, 39));
    let script = vec![Answer::Open(missed)];
    let _stage = Stage::start(&scene, conversation(false), script).await;
    let attach = scene.command(&["attach", "c", "--from", "2:37:0"]);
    // One stream for both, so that their order shows.
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec {} 2>&1", quoted(&attach))]).current_dir(scene.work()).env_clear();
    shell.envs(attach.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
    let told = until_interrupted(shell, "waiting for what comes\n").await;
    let at =
        |words: &str| told.output.find(words).unwrap_or_else(|| panic!("no `{words}` in {}", told.output));
    assert!(at("missed") < at("nothing runs in c"), "{}", told.output);
}

/// The words of a command as a shell reads them.
fn quoted(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| format!("'{}'", word.to_str().expect("text"))).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn who_attaches_where_nothing_runs_misses_nothing_before_the_first_frame() {
    let scene = Scene::new(Manner::Linked);
    let script = vec![Answer::Broken(vec![]), Answer::Open(vec![said(2, 43, 0, "aye\n")])];
    let mut stage = Stage::start(&scene, conversation(false), script).await;
    let told = until_interrupted(scene.command(&["attach", "c"]), "aye\n").await;
    for _ in 0..2 {
        assert_eq!(stage.request().await.0, "GET /conversations/c/events?after=2%3A40%3A0");
    }
    assert!(told.errors.contains("nothing runs in c"), "{}", told.errors);
}

#[tokio::test]
async fn who_is_too_far_behind_goes_on_where_the_conversation_stands() {
    let scene = Scene::new(Manner::Linked);
    let behind = frame(2, 0, 0, json!({ "type": "snapshot-required" }));
    let script = vec![Answer::Ended(vec![behind]), Answer::Open(vec![said(2, 41, 0, "now\n")])];
    let mut stage = Stage::start(&scene, conversation(true), script).await;
    let told = until_interrupted(scene.command(&["attach", "c", "--from", "0:7:0"]), "now\n").await;
    assert_eq!(stage.request().await.0, "GET /conversations/c/events?after=0%3A7%3A0");
    assert_eq!(stage.request().await.0, "GET /conversations/c/events?after=2%3A40%3A0");
    assert!(told.errors.contains("too much was missed"), "{}", told.errors);
    let refused = scene.run(&["attach", "c", "--from", "7"]).await;
    assert!(
        refused.code == Some(2) && refused.errors.contains("expected `<generation>:<position>:<offset>`"),
        "{refused:?}"
    );
}

/// Runs a command until it has printed what ends in this, then interrupts it.
async fn until_interrupted(command: Command, last: &str) -> Outcome {
    let mut watching = Watching::begin(command);
    watching.until(last).await;
    watching.interrupted().await
}
