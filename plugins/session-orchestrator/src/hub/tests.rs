//! Claims and viewers.

use transom_agent::event::AgentEventKind;
use transom_plugin_api::{CallErrorKind, Maybe};

use super::*;

fn claim(hub: &Arc<Hub>, conversation: &str, turn: &str, now_ms: i64) -> Claim {
    hub.claim(&conversation.into(), turn.into(), now_ms).unwrap()
}

fn watch(hub: &Hub, conversation: &str, turn: Option<&str>) -> Result<Viewer, CallError> {
    let turn_id = turn.map(Text::from).into();
    hub.watch(&Watch { conversation_id: conversation.into(), turn_id, after: Maybe::None }, 0)
}

fn says(claim: &Claim, delta: &str) {
    claim.show(AgentEventKind::TextDelta { delta: delta.into() });
}

fn begin(claim: &mut Claim) {
    claim.begin(Places::behind(0, 0));
    claim.show(AgentEventKind::UserMessage { text: "hi".into() });
}

/// What has arrived so far, as short words.
async fn arrived(viewer: &Viewer) -> Vec<String> {
    let mut words = Vec::new();
    loop {
        let next = tokio::select! {
            biased;
            next = viewer.next() => next,
            () = std::future::ready(()) => return words,
        };
        let Some(frame) = next else {
            words.push("|".to_owned());
            return words;
        };
        words.push(match &frame.unwrap().event().what {
            AgentEventKind::UserMessage { .. } => "hi".to_owned(),
            AgentEventKind::TextDelta { delta } => delta.to_string(),
            AgentEventKind::ToolOutput { data, .. } => data.to_string(),
            AgentEventKind::Done { reason, .. } => format!("{reason:?}"),
            AgentEventKind::TurnSealed {} => "sealed".to_owned(),
            other => format!("{other:?}"),
        });
    }
}

#[test]
fn a_conversation_has_one_turn_and_is_free_again_when_that_is_sealed_or_dropped() {
    let hub = Hub::new();
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
    let hub = Hub::new();
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
async fn a_late_viewer_gets_merged_frames_then_live_ones_without_gap_or_repeat() {
    let hub = Hub::new();
    let mut turn = claim(&hub, "c", "1", 0);
    let early = turn.viewer().unwrap();
    begin(&mut turn);
    for delta in ["a", "b", "c"] {
        says(&turn, delta);
    }
    let late = watch(&hub, "c", Some("1")).unwrap();
    let all = watch(&hub, "c", None).unwrap();
    says(&turn, "d");
    turn.seal(0);
    drop(turn);
    assert_eq!(arrived(&early).await, ["hi", "a", "b", "c", "d", "sealed", "|"]);
    assert_eq!(arrived(&late).await, ["hi", "abc", "d", "sealed", "|"]);
    assert_eq!(arrived(&all).await, ["hi", "abc", "d", "sealed"]);
    assert_eq!(arrived(&watch(&hub, "c", Some("1")).unwrap()).await, ["hi", "abcd", "sealed", "|"]);
    assert_eq!(arrived(&watch(&hub, "c", None).unwrap()).await, [] as [&str; 0]);
}

#[test]
fn viewers_that_attach_at_any_moment_on_other_threads_miss_and_repeat_nothing() {
    const DELTAS: usize = 20_000;
    let hub = Hub::new();
    let mut turn = claim(&hub, "c", "1", 0);
    begin(&mut turn);
    let watch_all = |after: usize| {
        // Each thread begins to watch when the turn is somewhere else.
        let said = || watch(&hub, "c", Some("1")).unwrap();
        let mut viewer = said();
        for _ in 0..after {
            viewer = said();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut words = String::new();
            while let Some(frame) = viewer.next().await {
                if let AgentEventKind::TextDelta { delta } = &frame.unwrap().event().what {
                    words.push_str(delta);
                }
            }
            words
        })
    };
    let expected: String = (0..DELTAS).map(|number| format!("{number} ")).collect();
    std::thread::scope(|scope| {
        let viewers: Vec<_> = (0..6)
            .map(|number| {
                scope.spawn({
                    let watch_all = &watch_all;
                    move || watch_all(number * 20)
                })
            })
            .collect();
        for number in 0..DELTAS {
            says(&turn, &format!("{number} "));
        }
        turn.seal(0);
        for viewer in viewers {
            assert!(viewer.join().unwrap() == expected);
        }
    });
}

#[tokio::test]
async fn a_viewer_of_the_conversation_sees_every_later_turn() {
    let hub = Hub::new();
    let viewer = watch(&hub, "c", None).unwrap();
    for number in ["1", "2"] {
        let mut turn = claim(&hub, "c", number, 0);
        begin(&mut turn);
        turn.seal(0);
    }
    assert_eq!(arrived(&viewer).await, ["hi", "sealed", "hi", "sealed"]);
}

#[tokio::test]
async fn the_frames_of_a_turn_go_when_the_next_begins_and_not_when_one_is_refused() {
    let hub = Hub::new();
    let mut first = claim(&hub, "c", "1", 0);
    begin(&mut first);
    first.seal(0);
    drop(first);
    let refused = claim(&hub, "c", "2", 0);
    let viewer = refused.viewer().unwrap();
    drop(refused);
    assert_eq!(arrived(&viewer).await, ["|"]);
    assert!(watch(&hub, "c", Some("1")).is_ok());
    claim(&hub, "c", "3", 0).begin(Places::behind(0, 0));
    assert_eq!(watch(&hub, "c", Some("1")).unwrap_err().kind, CallErrorKind::NotFound);
    assert_eq!(watch(&hub, "d", Some("1")).unwrap_err().kind, CallErrorKind::NotFound);
}

#[tokio::test]
async fn a_turn_that_is_dropped_unsealed_frees_its_conversation_and_says_nothing() {
    let hub = Hub::new();
    let mut turn = claim(&hub, "c", "1", 0);
    let viewer = turn.viewer().unwrap();
    begin(&mut turn);
    drop(turn);
    assert_eq!(arrived(&viewer).await, ["hi"]);
    assert!(!hub.is_running("c"));
}

#[tokio::test]
async fn prints_are_shown_while_their_tool_is_at_work_and_never_else() {
    let hub = Hub::new();
    let mut turn = claim(&hub, "c", "1", 0);
    let viewer = turn.viewer().unwrap();
    turn.begin(Places::behind(0, 0));
    let print = |call: &str, data: &str| {
        hub.printed(&ToolPrinted {
            conversation_id: "c".into(),
            tool_call_id: call.into(),
            data: data.into(),
            stream: "stdout".into(),
        });
    };
    print("x", "early");
    turn.tool_began(&"x".into(), 3);
    print("x", "shown");
    print("y", "another's");
    turn.tool_ended(&"x".into());
    print("x", "late");
    assert_eq!(arrived(&viewer).await, ["shown"]);
    drop(turn);
    print("x", "after the turn");
}

#[test]
fn unused_conversations_are_forgotten_and_used_ones_never() {
    let hub = Hub::new();
    let count = || hub.lock().by_conversation.len();
    let seal = |id: &str, now_ms| {
        let mut turn = claim(&hub, id, "1", now_ms);
        turn.begin(Places::behind(0, 0));
        turn.seal(now_ms);
    };
    let _watched = watch(&hub, "watched", None).unwrap();
    let _running = claim(&hub, "running", "1", 0);
    seal("old", 0);
    seal("new", KEPT_MS);
    assert_eq!(count(), 4);
    seal("newer", KEPT_MS + 1);
    assert!(hub.find("old").is_none() && hub.find("new").is_some());
    assert!(hub.find("watched").is_some() && hub.find("running").is_some());
    for number in 0..KEPT_CHANNELS + 10 {
        seal(&number.to_string(), KEPT_MS + 2);
    }
    assert!(count() <= KEPT_CHANNELS + 1, "{}", count());
    assert!(hub.find("watched").is_some() && hub.find("running").is_some());
}

#[tokio::test]
async fn closing_waits_for_running_turns_and_then_ends_viewers_and_refuses_turns() {
    let hub = Hub::new();
    let turn = claim(&hub, "c", "1", 0);
    let viewer = watch(&hub, "c", None).unwrap();
    let closing = tokio::spawn({
        let hub = Arc::clone(&hub);
        async move { hub.close().await }
    });
    turn.stop().given().await;
    assert!(!closing.is_finished());
    drop(turn);
    closing.await.unwrap();
    assert_eq!(arrived(&viewer).await, ["|"]);
    assert_eq!(hub.claim(&"c".into(), "2".into(), 0).unwrap_err().kind, CallErrorKind::Unavailable);
    assert_eq!(watch(&hub, "c", None).unwrap_err().kind, CallErrorKind::Unavailable);
}

#[test]
fn only_a_running_turn_can_be_stopped() {
    let hub = Hub::new();
    assert!(!hub.stop("c"));
    let turn = claim(&hub, "c", "1", 0);
    assert!(hub.stop("c") && hub.stop("c"));
    assert!(turn.stop().is_given());
    drop(turn);
    assert!(!hub.stop("c"));
}

#[tokio::test]
async fn who_watches_is_retired_while_turns_run() {
    let hub = Hub::new();
    let viewer = watch(&hub, "c", None).unwrap();
    let _turn = claim(&hub, "d", "1", 0);
    hub.retire_viewers();
    assert_eq!(viewer.next().await.unwrap().unwrap_err().kind, CallErrorKind::Retired);
    assert!(viewer.next().await.is_none());
    assert!(hub.claim(&"c".into(), "2".into(), 0).is_ok(), "it goes on if nobody comes after it");
}
