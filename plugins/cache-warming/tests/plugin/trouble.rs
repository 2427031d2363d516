//! Models and storages that do not do what they should.

use serde_json::{Value, json as value};
use transom_agent::cache::WARMED;
use transom_agent::provider::Usage;
use transom_plugin_api::{CallError, CallErrorKind, Maybe};
use transom_testkit::{Level, both_ways_paused};

use crate::world::{Answer, World, usage};
use crate::{by_hand, opted_in, seconds, standing, started, try_to_choose};

#[test]
fn what_failed_is_tried_again_later_and_not_without_end() {
    both_ways_paused(async |stand| {
        let world = World::new();
        world.state().answers = vec![Answer::Fails; 2].into();
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        stand.advance(seconds(241)).await;
        assert_eq!(standing(&stand, "c").await["lastError"], "the model failed: no luck");
        stand.advance(seconds(254)).await;
        assert_eq!(world.times(), [240_000, 245_000, 255_000, 495_000]);
        assert_eq!(standing(&stand, "c").await["lastError"], Value::Null);
        world.state().answers = vec![Answer::Fails; 100].into();
        world.state().asked.clear();
        stand.advance(seconds(24 * 3_600)).await;
        let times = world.times();
        let pauses: Vec<u64> = times.windows(2).map(|pair| (pair[1] - pair[0]) / 1_000).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320], "and then not any more");
        let why = "8 requests failed one after the other; it begins again behind the next turn";
        assert_eq!(standing(&stand, "c").await["off"], why);
        let told = stand.log().into_iter().filter(|line| line.level == Level::WARN).count();
        assert_eq!(told, 10, "each is told");
        world.state().answers.clear();
        world.turn(&stand, "c");
        stand.advance(seconds(240)).await;
        assert_eq!(world.times().len(), 9);
        stand.stop().await;
    });
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for_without_end() {
    both_ways_paused(async |stand| {
        let world = World::new();
        world.state().answers = vec![Answer::Hangs, Answer::HangsBehindItsEnd].into();
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        stand.advance(seconds(240 + 59)).await;
        assert_eq!(world.state().open, 1);
        stand.advance(seconds(1)).await;
        assert_eq!(world.state().open, 0, "its connection is closed");
        assert_eq!(standing(&stand, "c").await["lastError"], "the model has not answered within 60 s");
        stand.advance(seconds(5)).await;
        assert_eq!(world.times(), [240_000, 305_000]);
        stand.advance(seconds(2)).await;
        assert_eq!(world.state().open, 0);
        assert_eq!(standing(&stand, "c").await["lastError"], Value::Null);
        stand.stop().await;
    });
}

#[test]
fn what_a_model_says_of_itself_harms_nothing() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        let warmed = stand.record(WARMED);
        let most = usage(u64::MAX, u64::MAX, u64::MAX);
        world.state().answers = vec![Answer::Uses(Usage { output_tokens: u64::MAX, ..most })].into();
        let told = by_hand(&stand, "c").await.expect("asked");
        assert_eq!((&told["cachePct"], &told["expectedCacheRate"]), (&value!(100), &value!(50)));
        assert_eq!((&told["inputTokens"], &told["costUsd"]), (&value!(u64::MAX), &Value::Null));
        world.state().answers = vec![Answer::Uses(Usage::default())].into();
        let told = by_hand(&stand, "c").await.expect("asked");
        assert_eq!((&told["cachePct"], &told["expectedCacheRate"]), (&value!(0), &value!(0)));
        assert_eq!(standing(&stand, "c").await["spentUsd"], 0.0);
        for (answer, kind, why) in [
            (
                Answer::SaysThingsWithoutEnd,
                CallErrorKind::Unavailable,
                "the model said 10000 things and did not come to an end",
            ),
            (Answer::EndsInTheMiddle, CallErrorKind::Unavailable, "the model's answer ended in the middle"),
            (Answer::Fails, CallErrorKind::Unavailable, "the model failed: no luck"),
            (
                Answer::Refuses(CallError::invalid_input("nothing was said")),
                CallErrorKind::InvalidInput,
                "nothing was said",
            ),
        ] {
            world.state().answers = vec![answer].into();
            assert_eq!(by_hand(&stand, "c").await, Err((kind, why.to_owned())));
            assert_eq!(world.state().open, 0);
        }
        assert_eq!(warmed.all().len(), 2);
        assert_eq!(warmed.all()[0].cost_usd, Maybe::None);
        // What was armed before is armed still.
        let asked = world.times().len();
        stand.advance(seconds(240)).await;
        assert_eq!(world.times().len(), asked + 1);
        stand.stop().await;
    });
}

#[test]
fn what_cannot_be_stored_is_refused_and_what_came_of_requests_is_stored_later() {
    both_ways_paused(async |stand| {
        let world = World::new();
        world.state().is_full = true;
        let stand = started(stand, &world).await;
        let refused = try_to_choose(&stand, "c", value!({"enabled": true})).await;
        assert_eq!(refused, Err((CallErrorKind::Unavailable, "the disk is full".to_owned())));
        world.turn(&stand, "c");
        stand.advance(seconds(1_000)).await;
        assert!(world.times().is_empty(), "it is not opted in");
        world.state().is_full = false;
        try_to_choose(&stand, "c", value!({"enabled": true})).await.expect("chosen");
        world.state().is_full = true;
        world.turn(&stand, "c");
        stand.advance(seconds(250)).await;
        assert_eq!(world.state().rows["c/c/warming"].value()["lastWarmAt"], Value::Null);
        world.state().is_full = false;
        stand.advance(seconds(60)).await;
        assert!(world.state().rows["c/c/warming"].value()["lastWarmAt"].is_i64());
        stand.stop().await;
    });
}
