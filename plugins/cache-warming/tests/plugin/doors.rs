//! The service, the routes and the command.

use serde_json::{Value, json as value};
use transom_agent::cache::{WARM, WARMED};
use transom_agent::reach::{CLI_COMMAND, CliCall};
use transom_plugin_api::{CallErrorKind, Maybe, Text};
use transom_testkit::{NotStarted, Stand, both_ways_paused, json};

use crate::world::{Answer, World};
use crate::{CacheWarming, by_hand, choose, request, seconds, standing, started, try_to_choose};

#[test]
fn by_hand_any_conversation_is_asked_and_nothing_is_kept_of_it() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = started(stand, &world).await;
        let recorded = stand.record(WARMED);
        let told = by_hand(&stand, "c").await.expect("asked");
        assert_eq!((&told["inputTokens"], &told["cacheReadTokens"]), (&value!(1_000_000), &value!(990_000)));
        assert_eq!((&told["cacheWriteTokens"], &told["outputTokens"]), (&value!(10_000), &value!(1)));
        assert_eq!((&told["cachePct"], &told["expectedCacheRate"]), (&value!(99), &value!(99)));
        assert_eq!((&told["model"], &told["costUsd"]), (&value!("a/one"), &value!(0.334515)));
        let warmed = stand.caller(WARM).call("c".into()).await.expect("asked");
        assert_eq!((warmed.by_hand, warmed.next_at, warmed.cache_pct), (true, Maybe::None, 99));
        assert_eq!(recorded.all().len(), 2);
        stand.advance(seconds(3_600)).await;
        assert_eq!((world.times().len(), world.state().rows.len()), (2, 0));
        stand.stop().await;
    });
}

#[test]
fn what_cannot_be_done_is_refused_in_words() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = started(stand, &world).await;
        for (choice, told) in [
            (value!({"enabled": "yes"}), "field `enabled` is `\\\"yes\\\"`, expected true or false"),
            (value!({"mode": "often"}), "field `mode` is `\\\"often\\\"`, expected `interval` or `gain`"),
            (
                value!({"intervalMs": 999}),
                "field `intervalMs` is `999`, expected a whole number from 1000 to 86400000, or null",
            ),
            (
                value!({"intervalMs": 1e30}),
                "field `intervalMs` is `1e+30`, expected a whole number from 1000 to 86400000, or null",
            ),
            (
                value!({"interval": 1}),
                "field `interval` is unknown; known are `enabled`, `mode`, `intervalMs`",
            ),
            (value!([]), "the body is no object"),
        ] {
            let refused = try_to_choose(&stand, "c", choice).await.expect_err("refused");
            assert_eq!(refused, (CallErrorKind::InvalidInput, told.to_owned()));
        }
        let warm = "POST /chat/warm";
        for (body, kind) in [
            (value!({}), CallErrorKind::InvalidInput),
            (value!({"conversationId": 7}), CallErrorKind::InvalidInput),
            (value!({"conversationId": ".."}), CallErrorKind::InvalidInput),
            (value!({"conversationId": "c", "model": "x"}), CallErrorKind::InvalidInput),
            (value!({"conversationId": "nobody"}), CallErrorKind::NotFound),
        ] {
            assert_eq!(request(&stand, warm, "", body).await.expect_err("refused").0, kind);
        }
        assert_eq!(
            try_to_choose(&stand, "nobody", value!({})).await.expect_err("refused").0,
            CallErrorKind::NotFound
        );
        world.begin_turn(&stand, "c");
        assert_eq!(by_hand(&stand, "c").await.expect_err("refused").0, CallErrorKind::Conflict);
        world.end_turn(&stand, "c");
        world.close(&stand, "c");
        let told = "conversation `c` is closed; send it a message first".to_owned();
        let refused = try_to_choose(&stand, "c", value!({"enabled": true})).await;
        assert_eq!(refused, Err((CallErrorKind::Conflict, told)));
        assert!(world.times().is_empty() && world.state().rows.is_empty());
        stand.stop().await;
    });
}

#[test]
fn one_that_is_under_way_is_not_begun_twice_and_a_turn_ends_it() {
    both_ways_paused(async |stand| {
        let world = World::new();
        world.state().answers.push_back(Answer::Hangs);
        let stand = started(stand, &world).await;
        let (first, second) = tokio::join!(by_hand(&stand, "c"), async {
            stand.until(|| world.state().open == 1).await;
            let second = by_hand(&stand, "c").await;
            world.begin_turn(&stand, "c");
            second
        });
        let told = "the prompt of conversation `c` is being asked already".to_owned();
        assert_eq!(second, Err((CallErrorKind::Conflict, told)));
        assert_eq!(first, Err((CallErrorKind::Conflict, "a turn of conversation `c` has begun".to_owned())));
        assert_eq!(world.state().open, 0);
        stand.stop().await;
    });
}

#[test]
fn what_is_chosen_is_told() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = started(stand, &world).await;
        let told = choose(&stand, "c", value!({"mode": "gain"})).await;
        assert_eq!((&told["enabled"], &told["mode"]), (&value!(false), &value!("gain")));
        let told = choose(&stand, "c", value!({"enabled": true})).await;
        assert_eq!(told["off"], "no turn was heard yet; it begins again behind the next turn");
        let told = choose(&stand, "c", value!({"mode": "interval", "intervalMs": 5_000})).await;
        assert_eq!((&told["intervalMs"], told["nextWarmAt"].is_i64()), (&value!(5_000), true));
        let told = choose(&stand, "c", value!({"intervalMs": null})).await;
        assert_eq!(told["intervalMs"], 240_000);
        assert_eq!(choose(&stand, "c", Value::Null).await, standing(&stand, "c").await);
        let told = choose(&stand, "c", value!({"enabled": false})).await;
        assert_eq!((&told["nextWarmAt"], &told["enabled"]), (&Value::Null, &value!(false)));
        stand.stop().await;
    });
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    both_ways_paused(async |stand| {
        let told = async |stand: Stand, settings: Value| -> NotStarted {
            let stand = stand.plugin::<CacheWarming>(settings);
            World::new().put_on(&stand);
            stand.start().await.expect_err("refused")
        };
        let refused = told(stand, json!({"chance": 1.5})).await;
        assert!(refused.to_string().contains("`chance`"), "{refused}");
    });
}

#[test]
fn from_a_terminal_it_is_the_same_in_words() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = started(stand, &world).await;
        let run = async |words: &[&str], json| {
            let arguments = words.iter().map(|word| Text::from(*word)).collect();
            let call = CliCall { arguments, json, ..CliCall::default() };
            let told = stand.caller(CLI_COMMAND).call_named("warm", call).await.expect("it answers");
            (told.output.to_string(), told.complaint.to_string(), told.code)
        };
        let done = |words: &str| (words.to_owned(), String::new(), 0);
        let told = "99 percent of 1000000 tokens came from the cache, for $0.3345\n";
        assert_eq!(run(&["c"], false).await, done(told));
        let (told, _, _) = run(&["c"], true).await;
        let told: Value = serde_json::from_str(&told).expect("one document");
        assert_eq!(told["cachePct"], 99);
        let (told, _, code) = run(&["c", "--on", "--interval", "60"], false).await;
        assert!(
            told.starts_with("it is kept in its provider's cache; its prompt is asked again in ")
                && code == 0,
            "{told}"
        );
        assert_eq!(standing(&stand, "c").await["intervalMs"], 60_000);
        let told = "it is to be kept in its provider's cache, but not now: no turn was heard yet; it begins again behind the next turn\n";
        assert_eq!(run(&["d", "--on", "--gain"], false).await, done(told));
        assert_eq!(
            run(&["c", "--off"], false).await,
            done("it is not kept in its provider's cache any more\n")
        );
        for (words, told) in [
            (&["c", "--on", "--off"][..], "error: `--on` and `--off` contradict each other"),
            (
                &["c", "--on", "--gain", "--interval", "5"],
                "error: `--interval` and `--gain` contradict each other",
            ),
            (&["c", "--gain"], "error: `--interval` and `--gain` need `--on`"),
            (&["c", "--off", "--interval", "5"], "error: `--interval` and `--gain` need `--on`"),
            (&["c", "--on", "--interval", "0"], "error: `--interval` is 0 s, expected 1 to 86400 s"),
            (&["x"], "error: there is no conversation whose id begins with `x`"),
        ] {
            assert_eq!(run(words, false).await, (String::new(), told.to_owned(), 2));
        }
        assert!(run(&["--help"], false).await.0.contains("Example:\n  transom warm"));
        world.state().answers.push_back(Answer::Fails);
        assert_eq!(
            run(&["c"], false).await,
            (String::new(), "error: the model failed: no luck".to_owned(), 1)
        );
        stand.stop().await;
    });
}
