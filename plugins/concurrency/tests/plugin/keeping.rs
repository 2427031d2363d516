//! What is set at run time, or follows from what a provider says, and stays.

use transom_concurrency::Concurrency;
use transom_plugin_api::CallErrorKind;
use transom_testkit::{Stand, both_ways, json};

use crate::scene::{LATER, Store, answered, ask, ask_often, route, status, too_many};

const ONE: &str = "GET /concurrency/limits/:provider";
const SET: &str = "PUT /concurrency/limits/:provider";
const BACK: &str = "DELETE /concurrency/limits/:provider";
const COOLDOWN: &str = "GET /concurrency/cooldown/:provider";
const SET_COOLDOWN: &str = "PUT /concurrency/cooldown/:provider";

async fn started(stand: Stand, store: &Store) -> Stand {
    let stand = stand.plugin::<Concurrency>(json!({"limits": {"p": 3}}));
    store.put_on(&stand);
    stand.start().await.expect("it starts");
    stand
}

#[test]
fn what_is_set_wins_over_the_settings_and_survives_a_restart() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store).await;
        let from_settings = json!({"provider": "p", "limit": 3, "source": "settings", "reduced": false});
        assert_eq!(route(&stand, ONE, "p", json!(null)).await, Ok(from_settings.clone()));
        let set = json!({"provider": "p", "limit": 5, "source": "run-time", "reduced": false});
        assert_eq!(route(&stand, SET, "p", json!({"limit": 5})).await, Ok(set.clone()));
        let other = json!({"provider": "q", "limit": 1, "source": "run-time", "reduced": false});
        assert_eq!(route(&stand, SET, "q", json!({"limit": 1})).await, Ok(other.clone()));
        let rests = json!({"provider": "p", "cooldownMs": 0});
        assert_eq!(route(&stand, SET_COOLDOWN, "p", json!({"cooldownMs": 0})).await, Ok(rests.clone()));
        let stand = started(stand.stop().await.stand(), &store).await;
        let all = route(&stand, "GET /concurrency/limits", "", json!(null)).await;
        assert_eq!(all, Ok(json!({"limits": [set, other]})));
        assert_eq!(route(&stand, COOLDOWN, "p", json!(null)).await, Ok(rests));
        assert_eq!(route(&stand, BACK, "p", json!(null)).await, Ok(from_settings));
        assert_eq!(store.row("limit:p"), None);
        stand.stop().await;
    });
}

#[test]
fn a_limit_that_was_too_much_is_lowered_for_good_until_somebody_sets_one() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store).await;
        let mut held = ask(&stand, "c").await;
        held.granted().await;
        answered(&stand, "c", LATER, too_many(Some(0)));
        stand.until(|| store.row("limit:p") == Some(json!({"limit": 2, "reduced": true}))).await;
        let lowered = json!({"provider": "p", "limit": 2, "source": "run-time", "reduced": true});
        assert_eq!(route(&stand, ONE, "p", json!(null)).await, Ok(lowered.clone()));
        drop(held);
        let stand = started(stand.stop().await.stand(), &store).await;
        assert_eq!(route(&stand, ONE, "p", json!(null)).await, Ok(lowered));
        for _ in 0..3 {
            answered(&stand, "c", LATER, too_many(Some(0)));
        }
        assert_eq!(status(&stand).await["limit"], 1, "never none");
        let set = json!({"provider": "p", "limit": 4, "source": "run-time", "reduced": false});
        assert_eq!(route(&stand, SET, "p", json!({"limit": 4})).await, Ok(set.clone()));
        let stand = started(stand.stop().await.stand(), &store).await;
        assert_eq!(route(&stand, ONE, "p", json!(null)).await, Ok(set));
        stand.stop().await;
    });
}

#[test]
fn requests_that_were_under_way_when_a_pause_began_lower_the_limit_no_further() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store).await;
        for conversation in ["a", "b", "c"] {
            answered(&stand, conversation, 1, too_many(None));
        }
        assert_eq!(status(&stand).await["limit"], 2);
        stand.stop().await;
    });
}

#[test]
fn a_limit_holds_as_soon_as_it_is_set_and_no_longer_than_that() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store).await;
        let mut held: Vec<_> = ask_often(&stand, "p/model", 0..3).await;
        for one in &mut held {
            one.granted().await;
        }
        let mut next = ask(&stand, "d").await;
        assert!(!next.is_granted().await);
        route(&stand, SET, "p", json!({"limit": 4})).await.expect("it is set");
        next.granted().await;
        drop((held, next));
        stand.stop().await;
    });
}

#[test]
fn what_cannot_be_set_is_refused_and_what_is_not_there_not_found() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store).await;
        for (path, provider, body) in [
            (SET, "p", json!({"limit": 0})),
            (SET, "p", json!({"limit": 1, "more": 1})),
            (SET, "p", json!(null)),
            (SET, "a b", json!({"limit": 1})),
            (SET_COOLDOWN, "p", json!({"cooldownMs": -1})),
            (ONE, &"x".repeat(65), json!(null)),
            (COOLDOWN, "", json!(null)),
        ] {
            let refused = route(&stand, path, provider, body).await.expect_err("it is refused");
            assert_eq!(refused.kind, CallErrorKind::InvalidInput, "{refused}");
        }
        for (path, provider) in [(ONE, "q"), (BACK, "q"), (BACK, "p")] {
            let missing = route(&stand, path, provider, json!(null)).await.expect_err("it is not there");
            assert_eq!(missing.kind, CallErrorKind::NotFound, "{missing}");
        }
        let usual = json!({"provider": "q", "cooldownMs": 350});
        assert_eq!(route(&stand, COOLDOWN, "q", json!(null)).await, Ok(usual));
        stand.stop().await;
    });
}

#[test]
fn without_a_store_settings_hold_and_nothing_can_be_set() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Concurrency>(json!({"limits": {"p": 1}}));
        stand.start().await.expect("it starts");
        let refused = route(&stand, SET, "p", json!({"limit": 2})).await.expect_err("nobody keeps it");
        assert_eq!(refused.kind, CallErrorKind::Unavailable);
        assert_eq!(status(&stand).await["limit"], 1);
        stand.stop().await;
    });
}

#[test]
fn a_name_that_is_none_keeps_the_plugin_from_starting() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Concurrency>(json!({"limits": {"p/m": 1}}));
        let refused = stand.start().await.expect_err("it is no name").to_string();
        assert!(refused.contains("`p/m` in setting `limits` is no name of a provider"), "{refused}");
        stand.stop().await;
    });
}
