//! What is in the way goes away, and then the queue goes on without being told.

use std::time::Duration;

use super::*;
use crate::edges::fake::Mishap;

#[tokio::test]
async fn a_turn_in_the_way_that_never_began_is_not_waited_for() {
    let scene = Scene::new();
    scene.fake.world().is_claimed = true;
    assert!(!scene.queue("a").await.started_turn);
    assert_eq!(scene.wake().await, [Duration::from_millis(250)]);
    scene.fake.world().is_claimed = false;
    assert_eq!(scene.wake().await, [Duration::from_millis(500)]);
    assert_eq!(scene.said(), ["a"]);
    assert!(scene.wake().await.is_empty());
}

#[tokio::test]
async fn where_a_turn_runs_nobody_asks_again_before_its_end() {
    let scene = Scene::busy();
    scene.queue("a").await;
    scene.wake().await;
    assert!(scene.wake().await.is_empty());
    assert_eq!(scene.fake.world().asked.len(), 1);
}

#[tokio::test]
async fn pauses_grow_to_a_minute() {
    let scene = Scene::new();
    scene.fake.world().is_claimed = true;
    scene.queue("a").await;
    let mut pauses = Vec::new();
    for _ in 0..12 {
        pauses.extend(scene.wake().await);
    }
    assert_eq!(pauses[..3], [250, 500, 1_000].map(Duration::from_millis));
    assert_eq!(pauses[10..], [Duration::from_secs(60); 2]);
}

#[tokio::test]
async fn a_conversation_that_is_deleted_during_a_pause_is_not_begun_anew() {
    let scene = Scene::new();
    scene.fake.world().is_claimed = true;
    scene.queue("a").await;
    {
        let mut world = scene.fake.world();
        world.rows.clear();
        world.is_claimed = false;
    }
    assert_eq!(scene.wake().await, [Duration::from_millis(250)]);
    assert_eq!(scene.said(), [""; 0]);
    assert_eq!(scene.fake.world().asked.len(), 1);
}

#[tokio::test]
async fn an_orchestrator_that_is_away_gets_what_waits_when_it_is_back() {
    let scene = Scene::busy();
    scene.queue("a").await;
    let away = [CallErrorKind::NoProvider, CallErrorKind::Unavailable, CallErrorKind::Retired];
    scene.fake.world().starts.extend(away.map(Mishap::Fails));
    scene.end(EndReason::Stop).await;
    for _ in away {
        assert_eq!(scene.said(), ["other"]);
        assert_eq!(scene.waiting().await, ["a"]);
        scene.wake().await;
    }
    assert_eq!(scene.said(), ["other", "a"]);
    assert_eq!(scene.waiting().await, [""; 0]);
}

#[tokio::test]
async fn a_start_without_an_answer_that_is_in_the_log_has_begun() {
    for kind in [CallErrorKind::Deadline, CallErrorKind::Retired, CallErrorKind::Failed] {
        let scene = Scene::new();
        scene.fake.world().starts.push_back(Mishap::LosesAnswer(kind));
        let sent = scene.queue("a").await;
        assert_eq!((sent.started_turn, sent.turn_id.as_deref()), (true, Some("turn-2")));
        assert_eq!(scene.said(), ["a"]);
    }
}

#[tokio::test]
async fn a_start_without_an_answer_that_is_not_in_the_log_is_kept_under_its_id() {
    let scene = Scene::new();
    scene.fake.world().starts.push_back(Mishap::ComesLate(CallErrorKind::Deadline));
    let sent = scene.queue("a").await;
    assert!(!sent.started_turn);
    assert_eq!(texts(&sent.queue), ["a"]);
    assert!(!scene.change(&sent.message_id, None).await.found, "it may be on its way");
    scene.fake.world().let_the_late_come();
    scene.wake().await;
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["a"]);
    assert_eq!(scene.waiting().await, [""; 0]);
}

#[tokio::test]
async fn a_start_that_finds_the_one_before_it_in_its_way_was_that_one() {
    let scene = Scene::new();
    scene.fake.world().starts.push_back(Mishap::ComesLate(CallErrorKind::Deadline));
    scene.queue("a").await;
    scene.wake().await;
    assert_eq!(scene.fake.world().asked.len(), 2, "it was not in the log, and asked for again");
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["a"]);
    assert_eq!(scene.waiting().await, [""; 0]);
}

#[tokio::test]
async fn what_may_be_on_its_way_is_not_overtaken_by_what_steers() {
    let scene = Scene::new();
    scene.fake.world().starts.push_back(Mishap::Fails(CallErrorKind::Deadline));
    scene.steer("a").await;
    scene.fake.world().begin("other", "other");
    scene.steer("b").await;
    assert_eq!(scene.take().await, None);
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["other", "a"], "it goes alone, under its id");
    assert_eq!(scene.take().await.unwrap().text, "b");
}

#[tokio::test]
async fn a_turn_that_ends_before_its_start_was_answered_is_followed_by_what_came_meanwhile() {
    let scene = Scene::busy();
    scene.queue("a").await;
    scene.fake.world().starts.push_back(Mishap::AnswersWhenTold);
    scene.end(EndReason::Stop).await;
    scene.queue("b").await;
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["other", "a"]);
    scene.fake.answer();
    scene.quiet().await;
    assert_eq!(scene.said(), ["other", "a", "b"]);
}

#[tokio::test]
async fn a_storage_that_fails_is_told_and_nothing_is_acknowledged() {
    let scene = Scene::busy();
    scene.fake.world().writes.push_back(Mishap::Fails(CallErrorKind::Unavailable));
    assert_eq!(scene.send("a", Delivery::Queue).await.unwrap_err().kind, CallErrorKind::Unavailable);
    assert_eq!(scene.waiting().await, [""; 0]);
    scene.queue("b").await;
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["other", "b"]);
}

#[tokio::test]
async fn what_has_begun_but_could_not_be_taken_out_is_not_delivered_again() {
    let scene = Scene::busy();
    scene.queue("a").await;
    // That it goes is stored without an answer, and then that it has arrived is not stored.
    scene
        .fake
        .world()
        .writes
        .extend([Mishap::LosesAnswer(CallErrorKind::Failed), Mishap::Fails(CallErrorKind::Failed)]);
    scene.end(EndReason::Stop).await;
    for _ in 0..3 {
        scene.wake().await;
    }
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["other", "a"]);
    assert_eq!(scene.waiting().await, [""; 0]);
}
