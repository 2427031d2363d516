//! When prompts are asked again, and when they are not.

use serde_json::json as value;
use transom_agent::cache::WARMED;
use transom_agent::message::Role;
use transom_cache_warming::CacheWarming;
use transom_plugin_api::Maybe;
use transom_testkit::{both_ways_paused, json};

use crate::world::{Answer, World};
use crate::{by_hand, choose, opted_in, seconds, standing, started};

#[test]
fn over_a_day_a_prompt_is_asked_again_at_each_interval_and_at_no_other_time() {
    both_ways_paused(async |stand| {
        let world = World::new();
        // A model that takes its time must not put off what comes next.
        world.state().takes = seconds(3);
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        let warmed = stand.record(WARMED);
        stand.advance(seconds(24 * 3_600 + 10)).await;
        let expected: Vec<u64> = (1..=360).map(|number| number * 240_000).collect();
        assert_eq!(world.times(), expected);
        let told = warmed.all();
        assert_eq!(told.len(), 360);
        for warmed in &told {
            let next_at = Maybe::Some(warmed.at + 240_000);
            assert_eq!((warmed.by_hand, warmed.next_at), (false, next_at), "it is armed before it is told");
        }
        let standing = standing(&stand, "c").await;
        assert_eq!((&standing["lastPct"], &standing["lastExpectedPct"]), (&value!(99), &value!(99)));
        assert_eq!(standing["lastWarmAt"], told[359].at);
        stand.stop().await;
    });
}

#[test]
fn what_is_asked_is_the_next_request_with_a_probe_behind_it_for_one_token() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, value!({"enabled": true, "intervalMs": 1_000})).await;
        stand.advance(seconds(1)).await;
        let (_, ask) = world.state().asked.pop().expect("asked");
        assert_eq!(
            (ask.purpose.as_str(), ask.max_tokens, ask.before_seq),
            ("warming", Maybe::Some(1), Maybe::None)
        );
        assert!(ask.only_when_idle);
        assert_eq!((ask.behind.len(), ask.behind[0].role), (1, Role::User));
        stand.stop().await;
    });
}

#[test]
fn nobody_is_kept_warm_who_is_not_opted_in() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = started(stand, &world).await;
        world.turn(&stand, "c");
        stand.advance(seconds(3_600)).await;
        assert!(world.times().is_empty() && world.state().rows.is_empty());
        let standing = standing(&stand, "c").await;
        assert_eq!((&standing["enabled"], &standing["nextWarmAt"]), (&value!(false), &value!(null)));
        stand.stop().await;
    });
}

#[test]
fn nothing_is_asked_beside_a_turn() {
    both_ways_paused(async |stand| {
        let world = World::new();
        world.state().answers.push_back(Answer::Hangs);
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        let warmed = stand.record(WARMED);
        stand.advance(seconds(241)).await;
        assert_eq!((world.times().len(), world.state().open), (1, 1));
        // A turn begins while the answer is under way: the connection is closed, and nothing comes of it.
        world.begin_turn(&stand, "c");
        stand.advance(seconds(1)).await;
        assert_eq!(world.state().open, 0, "it is let go of");
        stand.advance(seconds(3_600)).await;
        assert_eq!(world.times().len(), 1, "none in an hour of a turn");
        assert_eq!(standing(&stand, "c").await["active"], true);
        let usage = world.state().usage;
        world.ask_in_turn(&stand, "c", usage);
        world.end_turn(&stand, "c");
        stand.advance(seconds(240)).await;
        assert_eq!(
            world.times()[1..],
            [(242 + 3_600 + 240) * 1_000],
            "it counts from the turn's last request"
        );
        assert_eq!(warmed.all().len(), 1);
        stand.stop().await;
    });
}

#[test]
fn what_is_closed_is_asked_no_more_and_stays_off() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        world.close(&stand, "c");
        stand.advance(seconds(3_600)).await;
        assert!(world.times().is_empty());
        assert_eq!(standing(&stand, "c").await["enabled"], false);
        let row = world.state().rows["c/c/warming"].value();
        assert_eq!(row["enabled"], false, "durably");
        // Its next turn opens it again, and it is off still.
        world.turn(&stand, "c");
        stand.advance(seconds(3_600)).await;
        assert!(world.times().is_empty());
        stand.stop().await;
    });
}

#[test]
fn a_superseded_timer_does_nothing() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        stand.advance(seconds(100)).await;
        by_hand(&stand, "c").await.expect("asked");
        stand.advance(seconds(200)).await;
        assert_eq!(world.times(), [100_000], "the first timer would have come at 240 s");
        world.turn(&stand, "c");
        stand.advance(seconds(200)).await;
        assert_eq!(world.times(), [100_000], "the second at 340 s");
        choose(&stand, "c", value!({"intervalMs": 210_000})).await;
        stand.advance(seconds(30)).await;
        assert_eq!(world.times(), [100_000, 510_000], "and what was armed at 540 s came before that");
        choose(&stand, "c", value!({"enabled": false})).await;
        stand.advance(seconds(3_600)).await;
        assert_eq!(world.times(), [100_000, 510_000]);
        stand.stop().await;
    });
}

#[test]
fn who_is_opted_in_is_so_behind_a_restart() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = started(stand, &world).await;
        choose(&stand, "c", value!({"enabled": true, "intervalMs": 10_000})).await;
        choose(&stand, "d", value!({"enabled": true, "mode": "interval", "intervalMs": 20_000})).await;
        let before = [standing(&stand, "c").await, standing(&stand, "d").await];
        let stand = started(stand.stop().await.stand(), &world).await;
        world.state().asked.clear();
        stand.advance(seconds(20)).await;
        let asked =
            |id: &str| world.state().asked.iter().filter(|(_, ask)| ask.conversation_id == id).count();
        assert_eq!((asked("c"), asked("d")), (2, 1), "each by its own interval");
        let after = [standing(&stand, "c").await, standing(&stand, "d").await];
        for (before, after) in before.iter().zip(&after) {
            for field in ["enabled", "mode", "intervalMs"] {
                assert_eq!(before[field], after[field]);
            }
            // Both count from the conversation's last activity, which was long ago.
            let (before, after) = (&before["nextWarmAt"], &after["nextWarmAt"]);
            let behind = after.as_i64().expect("armed") - before.as_i64().expect("armed");
            assert_eq!(behind % 10_000, 0, "{before} {after}");
        }
        stand.stop().await;
    });
}

#[test]
fn who_is_opted_in_is_so_behind_a_reload() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        stand.advance(seconds(100)).await;
        let before = standing(&stand, "c").await;
        stand.reload::<CacheWarming>(json!({}), seconds(1)).await.expect("reloaded");
        stand.advance(seconds(1)).await;
        assert_eq!(standing(&stand, "c").await["nextWarmAt"], before["nextWarmAt"]);
        stand.advance(seconds(500)).await;
        assert_eq!(world.times(), [240_000, 480_000]);
        stand.stop().await;
    });
}

#[test]
fn a_turn_that_was_lost_in_a_crash_does_not_keep_it_from_being_asked() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        world.begin_turn(&stand, "c");
        let stand = started(stand.stop().await.stand(), &world).await;
        stand.advance(seconds(1)).await;
        assert_eq!(standing(&stand, "c").await["active"], true);
        // The store ends it, and nobody says that it settled.
        world.change(&stand, "c", |conversation| conversation.turn = Maybe::None);
        world.state().asked.clear();
        stand.advance(seconds(240)).await;
        assert_eq!(world.times().len(), 1);
        stand.stop().await;
    });
}

#[test]
fn a_conversation_that_is_gone_is_forgotten() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        {
            let mut state = world.state();
            state.conversations.remove("c");
            // The store takes out what belonged to it.
            state.rows.clear();
        }
        stand.advance(seconds(241)).await;
        assert!(world.times().is_empty());
        stand.advance(seconds(3_600)).await;
        // Another one by its id is another one.
        let other = transom_agent::conversation::Conversation::new("c", 8);
        world.state().conversations.insert("c".to_owned(), other);
        world.turn(&stand, "c");
        stand.advance(seconds(3_600)).await;
        assert!(world.times().is_empty() && world.state().rows.is_empty());
        assert_eq!(standing(&stand, "c").await["enabled"], false);
        stand.stop().await;
    });
}

#[test]
fn another_conversation_of_the_same_id_is_not_opted_in() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = opted_in(stand, &world, value!({"enabled": true})).await;
        world.change(&stand, "c", |conversation| conversation.created_at = 8);
        stand.advance(seconds(3_600)).await;
        assert!(world.times().is_empty());
        assert_eq!(standing(&stand, "c").await["enabled"], false);
        stand.stop().await;
    });
}
