//! Who is granted a slot, when, and what gives it back.

use std::time::Duration;

use transom_agent::provider::SlotState;
use transom_concurrency::Concurrency;
use transom_testkit::{Stand, both_ways_paused, json};

use crate::scene::{Asked, LATER, LONG, answered, ask, ask_often, ask_since, too_many};

async fn limited(stand: Stand, settings: serde_json::Value) -> Stand {
    let stand = stand.plugin::<Concurrency>(settings);
    stand.start().await.expect("it starts");
    stand
}

#[test]
fn without_a_limit_everything_is_granted_at_once() {
    both_ways_paused(async |stand| {
        let stand = limited(stand, json!({"limits": {"other": 1}})).await;
        let mut asked: Vec<Asked> = ask_often(&stand, "p/m", 0..50).await;
        for one in &mut asked {
            assert_eq!(one.told().await, [SlotState::Granted {}]);
        }
        drop(asked);
        stand.stop().await;
    });
}

#[test]
fn the_one_that_has_waited_longest_is_granted_first() {
    both_ways_paused(async |stand| {
        let stand = limited(stand, json!({"limits": {"p": 1}})).await;
        let mut runs = ask_since(&stand, "p/a", "c", 900).await;
        assert!(runs.is_granted().await);
        let mut young = ask_since(&stand, "p/b", "young", 300).await;
        let mut old = ask_since(&stand, "p/a/b", "old", 100).await;
        for (asked, ahead) in [(&mut young, 0), (&mut old, 0)] {
            assert_eq!(asked.told().await, [SlotState::Queued { ahead, paused_until: None.into() }]);
        }
        stand.advance(Duration::from_millis(100)).await;
        assert_eq!(young.told().await, [SlotState::Queued { ahead: 1, paused_until: None.into() }]);
        drop(runs);
        stand.advance(Duration::from_millis(349)).await;
        assert!(!old.is_granted().await, "the slot rests for 350 ms");
        stand.advance(Duration::from_millis(1)).await;
        assert!(old.is_granted().await && !young.is_granted().await);
        drop(old);
        stand.advance(Duration::from_millis(350)).await;
        assert!(young.is_granted().await);
        drop(young);
        stand.stop().await;
    });
}

#[test]
fn no_provider_waits_for_another() {
    both_ways_paused(async |stand| {
        let stand = limited(stand, json!({"limits": {"p": 1, "q": 1}})).await;
        let (mut one, mut two) = (ask(&stand, "c").await, ask(&stand, "c").await);
        assert!(one.is_granted().await && !two.is_granted().await);
        assert!(ask_since(&stand, "q/m", "c", LATER).await.is_granted().await);
        drop((one, two));
        stand.stop().await;
    });
}

#[test]
fn how_it_stands_is_told_ten_times_a_second_at_most() {
    both_ways_paused(async |stand| {
        let stand = limited(stand, json!({"limits": {"p": 1}})).await;
        let mut runs = ask_since(&stand, "p/m", "c", -1).await;
        assert!(runs.is_granted().await);
        let before: Vec<Asked> = ask_often(&stand, "p/m", 0..100).await;
        let mut last = ask_since(&stand, "p/m", "c", LATER).await;
        let mut told = last.told().await;
        assert_eq!(told, [SlotState::Queued { ahead: 100, paused_until: None.into() }]);
        for one in before {
            drop(one);
            stand.advance(Duration::from_millis(10)).await;
            told.extend(last.told().await);
        }
        stand.advance(Duration::from_millis(100)).await;
        told.extend(last.told().await);
        assert!((2..=12).contains(&told.len()), "{told:?}");
        assert_eq!(told.last(), Some(&SlotState::Queued { ahead: 0, paused_until: None.into() }));
        drop((runs, last));
        stand.stop().await;
    });
}

#[test]
fn a_slot_is_given_back_by_whoever_drops_its_stream_or_panics_with_it() {
    both_ways_paused(async |stand| {
        let stand = limited(stand, json!({"limits": {"p": 1}, "cooldown_ms": 0})).await;
        let mut one = ask(&stand, "c").await;
        one.granted().await;
        let (mut two, mut three) = (ask(&stand, "c").await, ask(&stand, "c").await);
        assert!(!two.is_granted().await && !three.is_granted().await);
        drop(one);
        assert!(two.is_granted().await, "its stream was dropped");
        let panicked = tokio::spawn(async move {
            let _held = two;
            panic!("the request failed in a strange way");
        });
        assert!(panicked.await.is_err());
        assert!(three.is_granted().await, "who held it panicked");
        let held = tokio::spawn(async move {
            let _held = three;
            std::future::pending::<()>().await;
        });
        let mut four = ask(&stand, "c").await;
        assert!(!four.is_granted().await);
        held.abort();
        assert!(held.await.is_err());
        assert!(four.is_granted().await, "who held it was ended");
        drop(four);
        stand.stop().await;
    });
}

#[test]
fn a_place_that_is_given_up_holds_nobody_up() {
    both_ways_paused(async |stand| {
        let stand = limited(stand, json!({"limits": {"p": 1}, "cooldown_ms": 0})).await;
        let mut one = ask(&stand, "c").await;
        one.granted().await;
        let (mut gone, mut next) = (ask(&stand, "c").await, ask(&stand, "c").await);
        assert!(!gone.is_granted().await && !next.is_granted().await);
        drop(gone);
        assert!(!next.is_granted().await);
        drop(one);
        assert!(next.is_granted().await);
        drop(next);
        stand.stop().await;
    });
}

#[test]
fn a_provider_that_had_too_many_is_left_alone_for_as_long_as_it_asks_or_half_a_minute() {
    both_ways_paused(async |stand| {
        let stand = limited(stand, json!({})).await;
        for (retry_after_ms, pause) in [(None, 30_000), (Some(7_000), 7_000)] {
            answered(&stand, "c", LATER, too_many(retry_after_ms));
            let mut waits = ask(&stand, "c").await;
            let told = waits.told().await;
            let [SlotState::Queued { ahead: 0, paused_until }] = told.as_slice() else { panic!("{told:?}") };
            assert!(paused_until.is_some());
            stand.advance(Duration::from_millis(pause - 1)).await;
            assert!(!waits.is_granted().await, "the pause of {pause} ms is not over");
            stand.advance(Duration::from_millis(1)).await;
            assert!(waits.is_granted().await, "the pause of {pause} ms is over");
        }
        stand.stop().await;
    });
}

#[test]
fn a_thousand_that_wait_are_granted_one_behind_the_other() {
    both_ways_paused(async |stand| {
        let stand = limited(stand, json!({"limits": {"p": 2}, "cooldown_ms": 0})).await;
        let waiting: Vec<Asked> = ask_often(&stand, "p/m", 0..1_000).await;
        let mut last = ask_since(&stand, "p/m", "c", LATER).await;
        assert!(!last.is_granted().await);
        // Each gives its slot back as soon as it has it.
        for mut one in waiting {
            one.granted().await;
        }
        last.granted().await;
        drop(last);
        stand.stop().await;
    });
}

#[test]
fn a_thousand_are_all_granted_while_they_come_and_go() {
    both_ways_paused(async |stand| {
        let stand = limited(stand, json!({"limits": {"p": 40}})).await;
        let asked = ask_often(&stand, "p/m", 0..1_000).await;
        let granted = asked.into_iter().map(|mut one| tokio::spawn(async move { one.granted().await }));
        let all: Vec<_> = granted.collect();
        for _ in 0..2 {
            stand.advance(LONG).await;
        }
        for one in all {
            assert!(one.is_finished(), "350 ms for each forty of them");
            one.await.expect("it was granted");
        }
        stand.stop().await;
    });
}
