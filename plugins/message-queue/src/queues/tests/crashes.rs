//! A host that crashes and starts again.

use std::time::Duration;

use super::*;
use crate::edges::fake::Mishap;

#[tokio::test]
async fn a_message_that_was_acknowledged_is_there_after_a_crash() {
    let mut scene = Scene::busy();
    let [a, b] = [scene.queue("a").await, scene.steer("b").await];
    let before = scene.list().await;
    scene.crash().await;
    assert_eq!(scene.list().await, before);
    assert_eq!([&before.queue[0].id, &before.queue[1].id], [&a.message_id, &b.message_id]);
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["other", "a", "b"]);
}

#[tokio::test]
async fn what_waits_in_an_idle_conversation_goes_after_a_start() {
    let mut scene = Scene::busy();
    scene.queue("a").await;
    scene.fake.world().running = None;
    scene.fake.world().ends.push(EndReason::Stop);
    scene.crash().await;
    assert_eq!(scene.said(), ["other", "a"]);
}

#[tokio::test]
async fn what_waits_behind_a_turn_that_was_lost_is_held_after_a_start() {
    let mut scene = Scene::busy();
    scene.queue("a").await;
    scene.fake.world().running = None;
    scene.fake.world().ends.push(EndReason::Lost);
    scene.crash().await;
    assert_eq!(scene.said(), ["other"]);
    assert!(scene.list().await.held);
}

#[tokio::test]
async fn what_is_held_is_held_after_a_start() {
    let mut scene = Scene::busy();
    scene.queue("a").await;
    scene.end(EndReason::Error).await;
    scene.fake.world().ends.push(EndReason::Stop);
    scene.crash().await;
    assert!(scene.list().await.held);
    assert_eq!(scene.said(), ["other"]);
}

#[tokio::test]
async fn a_batch_that_arrived_before_the_crash_is_not_delivered_again() {
    let mut scene = Scene::busy();
    scene.queue("a").await;
    scene.queue("b").await;
    scene.fake.world().starts.push_back(Mishap::Hangs);
    scene.end(EndReason::Stop).await;
    scene.fake.world().running = None;
    scene.crash().await;
    assert_eq!(scene.said(), ["other", "a", "b"]);
    assert_eq!(scene.waiting().await, [""; 0]);
}

#[tokio::test]
async fn a_batch_that_did_not_arrive_before_the_crash_is_delivered_under_its_id() {
    let mut scene = Scene::busy();
    scene.queue("a").await;
    scene.queue("b").await;
    scene.fake.world().starts.push_back(Mishap::HangsBefore);
    scene.end(EndReason::Stop).await;
    let asked = scene.fake.world().asked.last().cloned();
    scene.crash().await;
    assert_eq!(scene.said(), ["other", "a", "b"]);
    assert_eq!(scene.fake.world().asked.last().cloned(), asked);
}

#[tokio::test]
async fn what_was_given_to_a_turn_that_goes_on_after_a_reload_is_the_same_as_before() {
    let mut scene = Scene::busy();
    scene.steer("a").await;
    scene.steer("b").await;
    let given = scene.take().await;
    scene.crash().await;
    scene.steer("c").await;
    assert_eq!(scene.take().await, given);
}

#[tokio::test]
async fn what_steered_before_the_crash_and_is_in_the_log_has_arrived() {
    let mut scene = Scene::busy();
    scene.steer("a").await;
    let given = scene.take().await.unwrap();
    scene.fake.world().steer(&given.message_id, &given.text);
    scene.fake.world().running = None;
    scene.crash().await;
    assert_eq!(scene.said(), ["other", "a"]);
    assert_eq!(scene.waiting().await, [""; 0]);
}

#[tokio::test]
async fn a_turn_that_is_ended_as_lost_only_after_the_start_keeps_nobody_waiting() {
    let mut scene = Scene::busy();
    scene.steer("a").await;
    let given = scene.take().await.unwrap();
    scene.fake.world().steer(&given.message_id, &given.text);
    scene.crash().await;
    scene.wake().await;
    assert_eq!(scene.waiting().await, ["a"], "the turn runs by the log");
    scene.fake.world().running = None;
    scene.fake.world().ends.push(EndReason::Lost);
    assert_eq!(scene.wake().await, [Duration::from_millis(500)]);
    assert_eq!(scene.waiting().await, [""; 0]);
    assert_eq!(scene.said(), ["other", "a"]);
}

#[tokio::test]
async fn after_a_start_every_conversation_is_looked_at() {
    let mut scene = Scene::new();
    for number in 0..20 {
        let write = |key: String, value: &str| (key, transom_plugin_api::Json::parse(value).unwrap());
        let id = format!("c{}", number % 4 * 5).repeat(number % 3 + 1);
        let message = format!(r#"{{"id":"{number}","text":"{number}","delivery":"queue","queuedAt":1}}"#);
        let key = format!("c/{id}/message/{number:020}");
        scene.fake.world().rows.extend([write(key, &message), write("c/damaged".to_owned(), "1")]);
    }
    scene.fake.world().is_claimed = true;
    scene.crash().await;
    let mut asked: Vec<_> =
        scene.fake.world().asked.iter().map(|start| start.conversation_id.to_string()).collect();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 12);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let scene = Scene::new();
    let damaged = transom_plugin_api::Json::parse(r#"{"id":"x"}"#).unwrap();
    let key = "c/c/message/00000000000000000001";
    scene.fake.world().rows.insert(key.to_owned(), damaged);
    let error = scene.send("a", Delivery::Queue).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Failed);
    assert!(
        error.message.starts_with(&format!("row `{key}` of the queue cannot be read: ")),
        "{}",
        error.message
    );
}
