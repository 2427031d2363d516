//! What a model is shown of the turns before, without reading the log again.

use transom_agent::conversation::Update;
use transom_agent::message::Message;
use transom_agent::provider::{FailureClass, FinishReason};
use transom_agent::tool::ToolOutput;
use transom_plugin_api::{Maybe, Text};

use crate::edges::fake::scene::{Scene, scene};
use crate::edges::fake::{calls, fails, finishes, says, thinks};

fn last_request(scene: &Scene) -> Vec<Message> {
    scene.world.requests.lock().unwrap().last().unwrap().messages.to_vec()
}

/// What the store would have told.
fn history(scene: &Scene) -> Vec<Message> {
    let of =
        transom_agent::log::HistoryOf { conversation_id: "c".into(), after_seq: 0, before_seq: None.into() };
    scene.world.store.lock().unwrap().history(&of).messages.to_vec()
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
