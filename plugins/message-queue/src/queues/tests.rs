//! What becomes of messages, in order and each once, whatever happens around them.

mod crashes;
mod holding;
mod retries;
mod sequences;

use transom_agent::queue::{Delivery, Queue};
use transom_agent::turn::EndReason;
use transom_plugin_api::{CallErrorKind, Text};

use super::scene::{Scene, message, texts};
use super::*;
use crate::line::{MOST_BYTES, MOST_MESSAGES};

#[tokio::test]
async fn a_message_for_an_idle_conversation_begins_a_turn_under_its_own_id() {
    let scene = Scene::new();
    let sent = scene.queue("hello").await;
    assert!(sent.started_turn && sent.turn_id.is_some());
    assert_eq!(sent.queue, Queue { conversation_id: "c".into(), queue: [].into(), held: false });
    assert_eq!(scene.fake.world().log[0].0, sent.message_id);
    assert!(scene.fake.world().rows.is_empty(), "nothing waits");
}

#[tokio::test]
async fn a_message_for_a_busy_conversation_waits_and_goes_when_the_turn_has_ended() {
    let scene = Scene::busy();
    let sent = scene.queue("a").await;
    assert!(!sent.started_turn && sent.turn_id.is_none());
    assert_eq!(texts(&sent.queue), ["a"]);
    assert_eq!(sent.queue.queue[0].id, sent.message_id);
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["other", "a"]);
    assert_eq!(scene.fake.world().log[1].0, sent.message_id, "one that goes alone keeps its id");
    assert_eq!(scene.waiting().await, [""; 0]);
    assert!(scene.fake.world().rows.is_empty(), "nothing is left of it");
}

#[tokio::test]
async fn several_go_together_joined_by_a_blank_line_in_their_order() {
    let scene = Scene::busy();
    for text in ["a", "b", "c"] {
        scene.queue(text).await;
    }
    scene.end(EndReason::MaxSteps).await;
    assert_eq!(scene.fake.world().log[1].1, "a\n\nb\n\nc");
    assert_eq!(scene.fake.world().log.len(), 2);
}

#[tokio::test]
async fn what_steers_is_given_to_the_turn_until_it_has_arrived() {
    let scene = Scene::busy();
    scene.queue("behind").await;
    scene.steer("left").await;
    scene.steer("right").await;
    let given = scene.take().await.unwrap();
    assert_eq!(given.text, "left\n\nright");
    scene.steer("up").await;
    assert_eq!(scene.take().await, Some(given.clone()), "nobody said that it has arrived");
    scene.fake.world().steer(&given.message_id, &given.text);
    assert_eq!(texts(&scene.delivered(&given.message_id).await), ["behind", "up"]);
    assert_eq!(scene.take().await.unwrap().text, "up");
    assert_eq!(texts(&scene.delivered(&given.message_id).await), ["behind", "up"], "told twice is told once");
}

#[tokio::test]
async fn what_arrived_is_not_given_again_although_nobody_said_so() {
    let scene = Scene::busy();
    scene.steer("left").await;
    let given = scene.take().await.unwrap();
    scene.fake.world().steer(&given.message_id, &given.text);
    assert_eq!(scene.take().await, None);
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["other", "left"]);
}

#[tokio::test]
async fn what_found_no_place_between_two_steps_goes_behind_the_turn_with_the_others_in_order() {
    let scene = Scene::busy();
    for (text, delivery) in [("a", Delivery::Queue), ("b", Delivery::Steer), ("c", Delivery::Queue)] {
        scene.send(text, delivery).await.unwrap();
    }
    scene.take().await.expect("it is given out, and the turn ends before it is taken in");
    scene.end(EndReason::Length).await;
    assert_eq!(scene.said(), ["other", "a", "b", "c"]);
}

#[tokio::test]
async fn only_what_still_waits_can_be_changed_or_taken_out() {
    let scene = Scene::busy();
    let [a, b, c] = [scene.queue("a").await, scene.steer("b").await, scene.queue("c").await];
    scene.take().await.unwrap();
    assert!(!scene.change(&b.message_id, None).await.found, "it is on its way");
    assert!(!scene.change("nobody", None).await.found);
    assert_eq!(texts(&scene.change(&a.message_id, Some("A")).await.queue), ["A", "b", "c"]);
    assert_eq!(texts(&scene.change(&c.message_id, None).await.queue), ["A", "b"]);
    assert!(!scene.change(&c.message_id, None).await.found);
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["other", "A", "b"]);
    assert!(!scene.change(&a.message_id, Some("x")).await.found, "it has gone");
}

#[tokio::test]
async fn a_turn_that_asks_before_its_start_was_answered_does_not_wait() {
    let scene = Scene::busy();
    scene.queue("a").await;
    scene.fake.world().starts.push_back(crate::edges::fake::Mishap::Hangs);
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["other", "a"], "the turn runs, and its start is not answered");
    let sent = scene.steer("b").await;
    assert!(!sent.started_turn);
    assert_eq!(scene.take().await.unwrap().text, "b");
}

#[tokio::test]
async fn a_full_queue_refuses_and_loses_nothing() {
    let scene = Scene::busy();
    let mut last = scene.queue("0").await;
    for number in 1..MOST_MESSAGES {
        last = scene.queue(&number.to_string()).await;
    }
    let refused = scene.send("x", Delivery::Queue).await.unwrap_err();
    assert_eq!(refused.kind, CallErrorKind::Conflict);
    assert!(refused.message.starts_with("1000 messages wait"), "{}", refused.message);
    assert_eq!(scene.waiting().await.len(), MOST_MESSAGES);
    scene.change(&last.message_id, None).await;
    scene.queue("y").await;
    assert_eq!(scene.waiting().await[MOST_MESSAGES - 1], "y");
}

#[tokio::test]
async fn texts_have_room_for_a_mebibyte_in_all() {
    let scene = Scene::busy();
    let half = "x".repeat(MOST_BYTES / 2);
    let first = scene.queue(&half).await;
    scene.queue(&half).await;
    let refused = scene.send("y", Delivery::Queue).await.unwrap_err();
    assert_eq!(refused.kind, CallErrorKind::Conflict);
    assert!(refused.message.starts_with("1048576 bytes of text wait"), "{}", refused.message);
    let change = |text: String| Requeue {
        conversation_id: "c".into(),
        message_id: first.message_id.clone(),
        text: Text::from(text).into(),
    };
    assert!(scene.queues.change(change(format!("{half}y"))).await.is_err());
    assert!(scene.queues.change(change("y".to_owned())).await.unwrap().found);
    scene.queue("z").await;
    let refused = scene.send(&"x".repeat(MOST_BYTES + 1), Delivery::Queue).await.unwrap_err();
    assert_eq!(refused.kind, CallErrorKind::InvalidInput);
    assert_eq!(refused.message, "`text` has 1048577 bytes, expected at most 1048576");
}

#[tokio::test]
async fn what_is_no_message_is_refused_by_the_name_of_its_field() {
    let scene = Scene::new();
    for (conversation_id, text, field) in
        [("c", " \n", "`text`"), ("a/b", "x", "`conversationId`"), ("", "x", "`conversationId`")]
    {
        let wrong = Enqueue { conversation_id: conversation_id.into(), ..message(text, Delivery::Queue) };
        let error = Arc::clone(&scene.queues).enqueue(wrong).await.unwrap_err();
        assert_eq!(error.kind, CallErrorKind::InvalidInput);
        assert!(error.message.starts_with(field), "{}", error.message);
    }
    let from_a_later_revision = transom_plugin_api::Json::parse(r#""by-pigeon""#).unwrap().read().unwrap();
    let error = scene.send("x", from_a_later_revision).await.unwrap_err();
    assert_eq!(error.message, "`delivery` is `by-pigeon`, expected `queue` or `steer`");
    assert!(scene.said().is_empty());
}

#[tokio::test]
async fn what_the_orchestrator_refuses_is_told_and_does_not_wait() {
    let scene = Scene::new();
    for kind in [
        CallErrorKind::Refused,
        CallErrorKind::InvalidInput,
        CallErrorKind::Unavailable,
        CallErrorKind::NoProvider,
    ] {
        scene.fake.world().starts.push_back(crate::edges::fake::Mishap::Fails(kind));
        assert_eq!(scene.send("x", Delivery::Queue).await.unwrap_err().kind, kind);
        let list = scene.queues.list("c".into()).await;
        assert_eq!(list.unwrap_err().kind, CallErrorKind::NotFound, "nothing has come of it");
    }
}

#[tokio::test]
async fn the_workspace_of_a_message_goes_with_it() {
    let scene = Scene::busy();
    scene.queue("a").await;
    let sent = Enqueue { workspace_id: "mine".into(), ..message("b", Delivery::Queue) };
    Arc::clone(&scene.queues).enqueue(sent).await.unwrap();
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.fake.world().asked.last().unwrap().workspace_id, Some(Text::from("mine")));
}

#[tokio::test]
async fn nothing_is_kept_in_memory_of_a_conversation_where_nobody_is() {
    let scene = Scene::busy();
    scene.queue("a").await;
    scene.wake().await;
    assert_eq!(scene.queues.desks.count(), 0, "it waits in the storage");
    assert_eq!(scene.waiting().await, ["a"]);
}
