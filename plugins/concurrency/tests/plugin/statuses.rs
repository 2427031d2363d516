//! What a person sees who looks for a slot that is stuck.

use std::time::Duration;

use transom_concurrency::Concurrency;
use transom_testkit::{both_ways_paused, json};

use crate::scene::{ask, status};

#[test]
fn the_status_tells_whose_slot_it_is_how_old_and_who_waits() {
    both_ways_paused(async |stand| {
        let stand = stand.plugin::<Concurrency>(json!({"limits": {"p": 1}}));
        stand.start().await.expect("it starts");
        let mut held = ask(&stand, "stuck").await;
        held.granted().await;
        let mut waits = ask(&stand, "waits").await;
        assert!(!waits.is_granted().await);
        stand.advance(Duration::from_secs(90)).await;
        let mut told = status(&stand).await;
        assert!(told["longestWaitMs"].as_u64() > Some(90_000), "since the epoch: {told}");
        told.as_object_mut().expect("an object").remove("longestWaitMs");
        assert_eq!(
            told,
            json!({
                "provider": "p", "limit": 1, "reduced": false, "cooldownMs": 350, "inUse": 1, "resting": 0,
                "waiting": 1, "pausedUntil": null,
                "slots": [{
                    "conversationId": "stuck", "model": "p/model", "purpose": "turn", "ageMs": 90_000,
                    "inherited": false,
                }],
            })
        );
        drop(held);
        let told = status(&stand).await;
        assert_eq!((&told["inUse"], &told["resting"]), (&json!(1), &json!(1)));
        drop(waits);
        stand.stop().await;
    });
}
