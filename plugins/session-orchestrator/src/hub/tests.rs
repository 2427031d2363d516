//! Claims and viewers.

use transom_agent::event::{AgentEventKind, Cursor};
use transom_plugin_api::{CallErrorKind, Maybe};

use super::stage::{arrived, nothing, stage, told, watch};
use super::*;

fn hub() -> Arc<Hub> {
    stage().hub
}

fn claim(hub: &Arc<Hub>, conversation: &str, turn: &str, now_ms: i64) -> Claim {
    hub.claim(&conversation.into(), turn.into(), now_ms).unwrap()
}

fn begin(claim: &mut Claim) {
    claim.begin(Places::behind(0, 0));
    claim.show_at(claim.fresh(), AgentEventKind::UserMessage { text: "hi".into() });
}

#[test]
fn a_conversation_has_one_turn_and_is_free_again_when_that_is_sealed_or_dropped() {
    let hub = hub();
    let mut first = claim(&hub, "c", "1", 0);
    let error = hub.claim(&"c".into(), "2".into(), 0).unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Conflict);
    assert!(
        error.message.contains("already active") && error.message.contains("turn `1`"),
        "{}",
        error.message
    );
    let _other = claim(&hub, "d", "3", 0);
    first.begin(Places::behind(0, 0));
    first.seal(0);
    drop(claim(&hub, "c", "4", 0));
    assert!(!hub.is_running("c"));
    assert!(hub.is_running("d"));
}

#[test]
fn of_many_claims_at_once_one_wins() {
    let hub = hub();
    let won: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                scope.spawn({
                    let hub = &hub;
                    move || hub.claim(&"c".into(), number.to_string().into(), 0).ok()
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(won.len(), 1);
}

#[tokio::test]
async fn a_turn_that_is_dropped_unsealed_frees_its_conversation_and_says_nothing() {
    let hub = hub();
    let mut turn = claim(&hub, "c", "1", 0);
    let viewer = turn.viewer();
    begin(&mut turn);
    drop(turn);
    let (frames, is_over) = arrived(&viewer).await;
    assert_eq!((frames.len(), is_over), (1, false));
    assert!(!hub.is_running("c"));
}

#[tokio::test]
async fn who_watches_a_turn_that_never_begins_sees_nothing_and_the_end() {
    let hub = hub();
    let refused = claim(&hub, "c", "1", 0);
    let (viewer, other) = (refused.viewer(), watch(&hub, None, None));
    drop(refused);
    assert!(nothing(&viewer).await);
    assert!(!nothing(&other).await);
}

#[test]
fn unused_conversations_are_forgotten_and_used_ones_never() {
    let hub = hub();
    let count = || hub.lock().by_conversation.len();
    let seal = |id: &str, now_ms| {
        let mut turn = claim(&hub, id, "1", now_ms);
        turn.begin(Places::behind(0, 0));
        turn.seal(now_ms);
    };
    let _watched = hub.watch(&of("watched"), None, 0).unwrap();
    let _running = claim(&hub, "running", "1", 0);
    seal("old", 0);
    seal("new", KEPT_MS);
    assert_eq!(count(), 4);
    seal("newer", KEPT_MS + BETWEEN_LOOKS_MS);
    assert!(hub.find("old").is_none() && hub.find("new").is_some());
    assert!(hub.find("watched").is_some() && hub.find("running").is_some());
    for number in 0..KEPT_CHANNELS + 10 {
        seal(&number.to_string(), KEPT_MS + BETWEEN_LOOKS_MS);
    }
    assert!(count() <= KEPT_CHANNELS + SLACK + 1, "{}", count());
    assert!(hub.find("watched").is_some() && hub.find("running").is_some());
}

#[tokio::test]
async fn closing_waits_for_running_turns_and_then_ends_viewers_and_refuses_turns() {
    let hub = hub();
    let turn = claim(&hub, "c", "1", 0);
    let viewer = watch(&hub, None, None);
    let closing = tokio::spawn({
        let hub = Arc::clone(&hub);
        async move { hub.close().await }
    });
    turn.stop().given().await;
    assert!(!closing.is_finished());
    drop(turn);
    closing.await.unwrap();
    assert!(nothing(&viewer).await);
    assert_eq!(hub.claim(&"c".into(), "2".into(), 0).unwrap_err().kind, CallErrorKind::Unavailable);
    assert_eq!(hub.watch(&of("c"), None, 0).unwrap_err().kind, CallErrorKind::Unavailable);
}

#[test]
fn only_a_running_turn_can_be_stopped() {
    let hub = hub();
    assert!(!hub.stop("c"));
    let turn = claim(&hub, "c", "1", 0);
    assert!(hub.stop("c") && hub.stop("c"));
    assert!(turn.stop().is_given());
    drop(turn);
    assert!(!hub.stop("c"));
}

#[tokio::test]
async fn everybody_is_retired_while_turns_run_and_who_comes_later_is_not() {
    let mut stage = stage();
    let waits = stage.watch(None, None);
    stage.begin();
    let (all, turn) = (stage.watch(None, None), stage.watch(Some("turn-1"), None));
    stage.hub.retire_viewers(0);
    assert_eq!(waits.next().await.unwrap().unwrap().event().at.position, 1, "what is there is given first");
    for viewer in [waits, all, turn] {
        let mut last = viewer.next().await.unwrap();
        while last.is_ok() {
            last = viewer.next().await.unwrap();
        }
        assert_eq!(last.unwrap_err().kind, CallErrorKind::Retired);
        assert!(viewer.next().await.is_none());
    }
    let later = stage.watch(Some("turn-1"), None);
    stage.say("it goes on if nobody comes after it");
    stage.seal();
    assert_eq!(told(&arrived(&later).await.0), stage.behind(Cursor::default()));
}

fn of(conversation: &str) -> Watch {
    Watch { conversation_id: conversation.into(), turn_id: Maybe::None, after: Maybe::None }
}
