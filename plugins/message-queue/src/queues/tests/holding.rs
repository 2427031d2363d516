//! When what waits is held, and when it goes on.

use super::*;

#[tokio::test]
async fn what_waits_is_held_behind_a_turn_that_did_not_end_by_itself() {
    for reason in [EndReason::Aborted, EndReason::Lost, EndReason::Error] {
        let scene = Scene::busy();
        assert!(!scene.queue("a").await.queue.held);
        scene.end(reason).await;
        assert_eq!(scene.said(), ["other"]);
        assert!(scene.list().await.held);
        assert_eq!(scene.waiting().await, ["a"]);
    }
}

#[tokio::test]
async fn what_is_held_goes_before_the_message_of_whoever_speaks_next() {
    let scene = Scene::busy();
    scene.queue("a").await;
    scene.end(EndReason::Aborted).await;
    let sent = scene.queue("b").await;
    assert!(sent.started_turn && !sent.queue.held && sent.queue.queue.is_empty());
    assert_eq!(scene.said(), ["other", "a", "b"]);
    assert!(scene.fake.world().rows.is_empty(), "nothing is left of it");
}

#[tokio::test]
async fn what_is_held_goes_behind_a_turn_that_somebody_else_began_and_that_ends_by_itself() {
    let scene = Scene::busy();
    scene.steer("a").await;
    scene.end(EndReason::Aborted).await;
    scene.fake.world().begin("more", "more");
    assert_eq!(scene.take().await, None, "it is held, and steers nobody");
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["other", "more", "a"]);
}

#[tokio::test]
async fn a_conversation_that_is_closed_stays_closed() {
    let scene = Scene::busy();
    scene.queue("a").await;
    scene.fake.world().is_closed = true;
    scene.queues.closed(&"c".into()).await;
    assert!(scene.list().await.held);
    scene.end(EndReason::Aborted).await;
    scene.wake().await;
    assert_eq!(scene.said(), ["other"]);
    assert!(scene.queue("b").await.started_turn, "somebody speaks");
    assert_eq!(scene.said(), ["other", "a", "b"]);
}

#[tokio::test]
async fn a_close_of_which_nobody_told_is_seen_before_anything_is_delivered() {
    let scene = Scene::busy();
    scene.queue("a").await;
    scene.fake.world().is_closed = true;
    scene.end(EndReason::Stop).await;
    assert_eq!(scene.said(), ["other"]);
    assert!(scene.list().await.held);
}

#[tokio::test]
async fn nothing_is_held_where_nothing_waits() {
    let scene = Scene::busy();
    scene.end(EndReason::Aborted).await;
    assert!(!scene.list().await.held);
    assert!(scene.fake.world().rows.is_empty());
    scene.fake.world().begin("more", "more");
    let sent = scene.queue("a").await;
    scene.end(EndReason::Aborted).await;
    assert!(scene.list().await.held);
    assert!(!scene.change(&sent.message_id, None).await.queue.held, "the last one was taken out");
    assert!(scene.fake.world().rows.is_empty());
}

#[tokio::test]
async fn what_a_filter_refuses_is_held_and_not_lost() {
    let scene = Scene::busy();
    scene.queue("a").await;
    scene.fake.world().starts.push_back(crate::edges::fake::Mishap::Fails(CallErrorKind::Refused));
    scene.end(EndReason::Stop).await;
    scene.wake().await;
    let list = scene.list().await;
    assert_eq!((texts(&list), list.held), (vec!["a".to_owned()], true));
    assert!(scene.change(&list.queue[0].id, Some("b")).await.found, "it is not on its way");
    scene.queue("c").await;
    assert_eq!(scene.said(), ["other", "b", "c"]);
}
