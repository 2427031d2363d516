//! What a model is shown of the turns before, without reading the log again.

use transom_agent::compaction::Summary;
use transom_agent::conversation::Update;
use transom_agent::event::AgentEventKind;
use transom_agent::log::{Append, Entry};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::{FailureClass, FinishReason};
use transom_agent::tool::ToolOutput;
use transom_agent::turn::StartTurn;
use transom_plugin_api::{List, Maybe, Text};

use crate::edges::fake::scene::{Scene, eventually, message, rest, scene, until};
use crate::edges::fake::{Beat, calls, fails, finishes, says, thinks};

fn last_request(scene: &Scene) -> Vec<Message> {
    scene.world.requests.lock().unwrap().last().unwrap().messages.to_vec()
}

/// What the store would have told.
fn history(scene: &Scene) -> Vec<Message> {
    let of =
        transom_agent::log::HistoryOf { conversation_id: "c".into(), after_seq: 0, before_seq: None.into() };
    scene.world.store.lock().unwrap().history(&of).unwrap().messages.to_vec()
}

async fn plain(scene: &Scene, words: &str) {
    scene.world.script([says(words), finishes(FinishReason::Stop)]);
    scene.turn(words).await;
}

#[tokio::test]
async fn five_hundred_earlier_messages_are_not_read_again() {
    let scene = scene();
    for number in 0..250 {
        plain(&scene, &number.to_string()).await;
    }
    assert_eq!(scene.world.count("history"), 0);
    let request = last_request(&scene);
    assert_eq!(request.len(), 499);
    assert_eq!(request[..], history(&scene)[..499]);
}

#[tokio::test]
async fn after_a_restart_the_log_is_read_once() {
    let scene = scene();
    plain(&scene, "a").await;
    let next = Scene::in_world(scene.world, "{}");
    next.orchestrator.assume_repaired();
    plain(&next, "b").await;
    plain(&next, "c").await;
    assert_eq!(next.world.count("history"), 1);
    assert_eq!(last_request(&next)[..], history(&next)[..5]);
}

#[tokio::test]
async fn what_was_changed_between_turns_is_read_and_nothing_else() {
    let scene = scene();
    plain(&scene, "a").await;
    let model = Maybe::Some(Text::from("b/two"));
    let update = Update { conversation_id: "c".into(), model, ..Update::default() };
    scene.world.store.lock().unwrap().update(update);
    plain(&scene, "b").await;
    assert_eq!(scene.world.count("history"), 1);
    assert_eq!(last_request(&scene)[..], history(&scene)[..3]);
    plain(&scene, "c").await;
    assert_eq!(scene.world.count("history"), 1);
}

#[tokio::test]
async fn what_the_next_turn_knows_is_what_the_store_would_tell_however_a_turn_ended() {
    let scene = scene();
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("ran")) });
    plain(&scene, "a").await;
    let scripts = [
        vec![thinks("hm"), finishes(FinishReason::Length)],
        vec![says("b"), fails(FailureClass::Protocol)],
        vec![fails(FailureClass::Protocol)],
        vec![thinks("hm"), says("c"), calls("1", "x", "{}"), finishes(FinishReason::ContentFilter)],
    ];
    for script in scripts {
        scene.world.script(script);
        scene.turn("more").await;
        plain(&scene, "and").await;
        let request = last_request(&scene);
        assert_eq!(request[..], history(&scene)[..request.len()]);
    }
}

#[tokio::test]
async fn another_conversation_by_the_same_id_knows_nothing_of_the_first() {
    let scene = scene();
    plain(&scene, "a").await;
    scene.world.store.lock().unwrap().logs.clear();
    scene.world.clock.pass(10);
    plain(&scene, "b").await;
    assert_eq!(last_request(&scene).len(), 1);
}

/// Puts a summary that keeps what comes from a message on into the log, as a plugin does.
fn sum_up(scene: &Scene, id: &str, kept_from: &str) {
    let summary = Summary { text: "so far".into(), kept_from: kept_from.into(), ..Summary::default() };
    let message =
        Message { id: id.into(), role: Role::System, chunks: List::from([Chunk::Compacted { summary }]) };
    let entry = Entry { message, turn_id: Maybe::None, positions: List::new() };
    let append = Append { conversation_id: "c".into(), entries: List::from([entry]) };
    scene.world.store.lock().unwrap().append(&append, 0).unwrap();
}

fn ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

/// The ids of what persons said.
fn said(scene: &Scene) -> Vec<Text> {
    let stored = scene.world.stored();
    stored.into_iter().filter(|message| message.role == Role::User).map(|message| message.id).collect()
}

/// A conversation of two turns, and the id of what was said in the second.
async fn two_turns() -> (Scene, Text) {
    let scene = scene();
    plain(&scene, "a").await;
    plain(&scene, "b").await;
    let kept = said(&scene)[1].clone();
    (scene, kept)
}

#[tokio::test]
async fn a_summary_between_two_turns_stands_in_front_of_the_next_request() {
    let (scene, kept) = two_turns().await;
    sum_up(&scene, "summary/1", &kept);
    plain(&scene, "c").await;
    let request = last_request(&scene);
    assert_eq!(ids(&request)[..2], ["summary/1", &kept]);
    assert_eq!(request[..], history(&scene)[..request.len()]);
    plain(&scene, "d").await;
    assert_eq!(last_request(&scene)[..], history(&scene)[..last_request(&scene).len()]);
}

#[tokio::test]
async fn a_summary_in_the_middle_of_a_turn_stands_in_front_of_its_next_request() {
    let (scene, kept) = two_turns().await;
    let world = scene.world.clone();
    let waits = move |_| {
        let world = world.clone();
        async move {
            world.go_on.notified().await;
            Ok(ToolOutput::ok("ran"))
        }
    };
    scene.world.tool("wait", true, waits);
    scene.world.script([calls("1", "wait", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([says("c"), finishes(FinishReason::Stop)]);
    let viewer = scene.start("more").await;
    eventually(|| scene.world.ran.lock().unwrap().len() == 1).await;
    sum_up(&scene, "summary/1", &kept);
    scene.world.go_on.notify_one();
    rest(&viewer).await;
    let request = last_request(&scene);
    assert_eq!(ids(&request)[..2], ["summary/1", &kept]);
    assert_eq!(request[..], history(&scene)[..request.len()]);
    plain(&scene, "d").await;
    assert_eq!(last_request(&scene)[..], history(&scene)[..last_request(&scene).len()]);
}

#[tokio::test]
async fn a_summary_beside_the_last_request_of_a_turn_is_known_to_the_next_turn() {
    let (scene, kept) = two_turns().await;
    scene.world.script([says("c"), Beat::Wait, finishes(FinishReason::Stop)]);
    let viewer = scene.start("more").await;
    until(&viewer, |frame| matches!(frame, AgentEventKind::TextDelta { .. })).await;
    sum_up(&scene, "summary/1", &kept);
    scene.world.go_on.notify_one();
    rest(&viewer).await;
    plain(&scene, "d").await;
    assert_eq!(ids(&last_request(&scene))[..2], ["summary/1", &kept]);
}

#[tokio::test]
async fn what_a_turn_chose_itself_makes_nobody_read_the_log_again() {
    let scene = scene();
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("ran")) });
    scene.world.script([calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([says("c"), finishes(FinishReason::Stop)]);
    let chosen = StartTurn { model: Maybe::Some("b/two".into()), ..message("hi") };
    rest(&scene.orchestrator.start(chosen).await.unwrap().1).await;
    plain(&scene, "d").await;
    assert_eq!(scene.world.count("history"), 0);
}
