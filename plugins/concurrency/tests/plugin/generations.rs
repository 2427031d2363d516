//! Slots and places over a reload.

use std::time::Duration;

use tokio::task::yield_now;
use transom_agent::provider::{AnswerEnd, SlotState};
use transom_concurrency::Concurrency;
use transom_plugin_api::CallErrorKind;
use transom_testkit::{Stand, both_ways, json};

use crate::scene::{LATER, Store, answered, ask, route, status, too_many};

/// Long enough that no call is cut off, and short enough that one is.
const PATIENT: Duration = Duration::from_secs(10);
const IMPATIENT: Duration = Duration::from_millis(50);

fn settings() -> serde_json::Value {
    json!({"limits": {"p": 1}, "cooldown_ms": 0})
}

async fn started(stand: Stand) -> (Stand, Store) {
    let (stand, store) = (stand.plugin::<Concurrency>(settings()), Store::default());
    store.put_on(&stand);
    stand.start().await.expect("it starts");
    (stand, store)
}

/// Waits until the generation that answers knows of the slot that the one before holds.
async fn until_inherited(stand: &Stand) {
    while status(stand).await["slots"][0]["inherited"] != true {
        yield_now().await;
    }
}

#[test]
fn a_reload_grants_no_more_than_the_limit_and_who_waits_is_sent_on() {
    both_ways(async |stand| {
        let (stand, _store) = started(stand).await;
        let mut held = ask(&stand, "held").await;
        held.granted().await;
        let mut waits = ask(&stand, "waits").await;
        assert!(!waits.is_granted().await);
        let reload = stand.reload::<Concurrency>(settings(), PATIENT);
        let meanwhile = async {
            let sent_on = loop {
                match waits.next().await.expect("it does not end by itself") {
                    Ok(SlotState::Queued { .. }) => {}
                    other => break other.expect_err("it is not granted"),
                }
            };
            assert_eq!(sent_on.kind, CallErrorKind::Retired);
            let mut again = ask(&stand, "waits").await;
            until_inherited(&stand).await;
            assert!(!again.is_granted().await, "the slot is held in the generation before");
            drop(held);
            again.granted().await;
            assert_eq!(status(&stand).await["inUse"], 1);
            again
        };
        let (reloaded, again) = tokio::join!(reload, meanwhile);
        reloaded.expect("nothing had to be cut off");
        drop(again);
        ask(&stand, "next").await.granted().await;
        stand.stop().await;
    });
}

// Once only: each time a second goes by until what is under way is cut off.
#[tokio::test]
async fn a_slot_whose_stream_was_cut_off_counts_until_its_request_is_answered() {
    let (stand, _store) = started(Stand::of_files()).await;
    let mut held = ask(&stand, "held").await;
    held.granted().await;
    let cut_off = stand.reload::<Concurrency>(settings(), IMPATIENT).await;
    assert!(cut_off.is_err(), "a call was under way");
    drop(held);
    let mut next = ask(&stand, "next").await;
    assert!(!next.is_granted().await, "its request still runs");
    answered(&stand, "another", 0, AnswerEnd::Finished {});
    assert!(!next.is_granted().await, "it was not that one");
    answered(&stand, "held", 0, AnswerEnd::Finished {});
    next.granted().await;
    drop(next);
    stand.stop().await;
}

#[test]
fn pauses_and_what_was_set_go_over() {
    both_ways(async |stand| {
        let (stand, store) = started(stand).await;
        route(&stand, "PUT /concurrency/limits/:provider", "p", json!({"limit": 3}))
            .await
            .expect("it is set");
        answered(&stand, "c", LATER, too_many(None));
        stand.reload::<Concurrency>(settings(), PATIENT).await.expect("it is replaced");
        while status(&stand).await["pausedUntil"].is_null() {
            yield_now().await;
        }
        assert_eq!(status(&stand).await["limit"], 2);
        assert!(!ask(&stand, "c").await.is_granted().await);
        assert_eq!(store.row("limit:p"), Some(json!({"limit": 2, "reduced": true})));
        stand.stop().await;
    });
}

// Once only: each time a second goes by until what is under way is cut off.
#[tokio::test]
async fn slots_are_counted_over_several_generations() {
    let (stand, _store) = started(Stand::new()).await;
    let mut held = ask(&stand, "held").await;
    held.granted().await;
    for _ in 0..3 {
        let _cut_off = stand.reload::<Concurrency>(settings(), IMPATIENT).await;
        until_inherited(&stand).await;
        assert!(!ask(&stand, "next").await.is_granted().await);
    }
    answered(&stand, "held", 0, AnswerEnd::BrokenOff {});
    ask(&stand, "next").await.granted().await;
    stand.stop().await;
}
