//! The mode `gain`, and what is told of money.

use serde_json::{Value, json as value};
use transom_agent::cache::WARMED;
use transom_agent::compaction::{COMPACTED, Compacted, Summary};
use transom_agent::provider::ModelFacts;
use transom_plugin_api::Maybe;
use transom_testkit::{Level, both_ways_paused};

use crate::world::{World, facts, usage};
use crate::{by_hand, choose, opted_in, seconds, standing};

fn gain() -> Value {
    value!({"enabled": true, "mode": "gain"})
}

#[test]
fn a_prompt_is_asked_shortly_before_its_cache_ends_until_nobody_is_expected_any_more() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, gain()).await;
        stand.advance(seconds(7_200)).await;
        // Nine tenths of five minutes, as often as that fits into half an hour.
        let expected: Vec<u64> = (1..=6).map(|number| number * 270_000).collect();
        assert_eq!(world.times(), expected);
        let told = standing(&stand, "c").await;
        let why = "the last turn is 1890 s ago by then; it begins again behind the next turn";
        assert_eq!((&told["off"], &told["nextWarmAt"]), (&value!(why), &value!(null)));
        world.turn(&stand, "c");
        stand.advance(seconds(270)).await;
        assert_eq!(world.times()[6..], [7_200_000 + 270_000]);
        stand.stop().await;
    });
}

#[test]
fn what_is_not_worth_it_is_not_asked() {
    both_ways_paused(async |stand| {
        let world = World::new();
        world.state().usage = usage(1_000, 990, 10);
        let stand = opted_in(stand, &world, gain()).await;
        stand.advance(seconds(3_600)).await;
        assert!(world.times().is_empty());
        let off = standing(&stand, "c").await["off"].as_str().expect("told").to_owned();
        assert!(off.starts_with("$0.0002 are expected of asking again, less than $0.0500"), "{off}");
        stand.stop().await;
    });
}

#[test]
fn without_known_prices_the_mode_gain_is_off_and_says_so() {
    both_ways_paused(async |stand| {
        let world = World::new();
        world.state().facts = ModelFacts { prices: Maybe::None, ..facts() };
        let stand = opted_in(stand, &world, gain()).await;
        stand.advance(seconds(1_000)).await;
        world.turn(&stand, "c");
        stand.advance(seconds(1_000)).await;
        assert!(world.times().is_empty());
        let why = "nobody knows the prices of `a/one`; set it in the settings of the model catalogue, or choose the mode `interval`";
        assert_eq!(standing(&stand, "c").await["off"], why);
        let told = stand.log().into_iter().filter(|line| line.level == Level::WARN).count();
        assert_eq!(told, 1, "{:#?}", stand.log());
        // As soon as they are known it goes on.
        world.state().facts = facts();
        world.turn(&stand, "c");
        stand.advance(seconds(270)).await;
        assert_eq!(world.times().len(), 1);
        assert_eq!(standing(&stand, "c").await["off"], Value::Null);
        stand.stop().await;
    });
}

#[test]
fn behind_a_summary_nothing_is_asked_before_the_next_turn() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, gain()).await;
        stand.advance(seconds(100)).await;
        let summary = Summary::default();
        let compacted = Compacted { conversation_id: "c".into(), seq: 9, summary };
        stand.emitter(COMPACTED).emit(&compacted);
        stand.advance(seconds(1_000)).await;
        assert!(world.times().is_empty());
        stand.stop().await;
    });
}

#[test]
fn what_it_cost_and_saved_is_told_and_kept() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        let warmed = stand.record(WARMED);
        // Two requests: at 240 s, and at 480 s, when without the first one the cache would be gone.
        stand.advance(seconds(500)).await;
        let cost = 0.99 * 0.3 + 0.01 * 3.75 + 0.000_015;
        for told in warmed.all() {
            let told = told.cost_usd.into_option().expect("the prices are known");
            assert!((told - cost).abs() < 1e-9, "{told}");
        }
        let told = standing(&stand, "c").await;
        assert_eq!((&told["spentUsd"], &told["savedUsd"]), (&value!(0.66903), &value!(0.0)));
        world.turn(&stand, "c");
        // 990,000 tokens that were read and not written.
        let saved = value!(3.4155);
        assert_eq!(standing(&stand, "c").await["savedUsd"], saved);
        // Another turn soon behind it would have found the cache in any case.
        stand.advance(seconds(10)).await;
        world.turn(&stand, "c");
        stand.advance(seconds(1)).await;
        assert_eq!(standing(&stand, "c").await["savedUsd"], saved);
        let row = world.state().rows["c/c/warming"].value();
        assert!((row["savedUsd"].as_f64().expect("kept") - 3.4155).abs() < 1e-9, "{row}");
        stand.stop().await;
    });
}

#[test]
fn what_a_person_chooses_begins_at_once() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        stand.advance(seconds(100)).await;
        let told = choose(&stand, "c", gain()).await;
        let at = told["nextWarmAt"].as_i64().expect("armed");
        stand.advance(seconds(170)).await;
        assert_eq!(world.times(), [270_000]);
        assert_eq!(standing(&stand, "c").await["lastWarmAt"], at);
        let told = by_hand(&stand, "c").await.expect("asked");
        assert_eq!(told["nextWarmAt"].as_i64(), Some(at + 270_000));
        stand.stop().await;
    });
}
