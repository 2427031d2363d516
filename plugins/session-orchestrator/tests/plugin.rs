//! The plugin from outside, between a store and a model that the test plays.

use transom_agent::conversation::{Conversation, FIND, UPDATE};
use transom_agent::log::{
    APPEND, Append, Appended, DRAFT, Drafted, HISTORY, History, LOCATE, READ, REPAIR, Repaired,
};
use transom_agent::provider::{FinishReason, MODEL, ModelInfo, ProviderEvent};
use transom_agent::turn::{EndReason, INPUT, SETTLED, START, STARTED, StartTurn};
use transom_plugin_api::{CallError, CallErrorKind, List, Maybe, Refusal, Shared};
use transom_session_orchestrator::SessionOrchestrator;
use transom_testkit::{Stand, both_ways, contract_check, fault, json};

fn conversation() -> Conversation {
    Conversation::new("c", 0)
}

/// A store that forgets, so that every conversation is new.
fn serve_store(stand: &Stand) {
    stand.serve(APPEND, |_: Append, _| async {
        Ok(Appended { first_seq: 1, last_seq: 1, conversation: conversation() })
    });
    stand.serve(DRAFT, |_, _| async { Ok(Drafted {}) });
    stand.serve(REPAIR, |_, _| async { Ok(Repaired { lost: List::new(), parked: List::new() }) });
    stand.serve(READ, fault::fails(CallError::not_found("nobody said anything yet")));
    stand.serve(LOCATE, fault::fails(CallError::not_found("nobody said anything yet")));
    stand.serve(HISTORY, |_, _| async { Ok(History { messages: Shared::new(List::new()), latest_seq: 0 }) });
    stand.serve(FIND, fault::fails(CallError::not_found("nobody said anything yet")));
    stand.serve(UPDATE, |_, _| async { Ok(conversation()) });
}

fn serve_model(stand: &Stand) {
    let about = ModelInfo { provider: "test".into(), ..ModelInfo::default() };
    stand.serve_stream_named(MODEL, "test/model", about, |_, mut items, _| async move {
        items.send(ProviderEvent::TextDelta { delta: "hello".into() }).await;
        items.send(ProviderEvent::Finish { reason: FinishReason::Stop }).await;
        Ok(())
    });
}

fn hello() -> StartTurn {
    StartTurn {
        conversation_id: "c".into(),
        text: "hi".into(),
        model: Maybe::None,
        cwd: Maybe::None,
        reasoning_effort: Maybe::None,
        workspace_id: Maybe::None,
        message_id: Maybe::None,
    }
}

#[test]
fn a_turn_is_started_and_settled_with_the_model_s_answer() {
    both_ways(async |stand| {
        let stand = stand.plugin::<SessionOrchestrator>(json!({}));
        serve_store(&stand);
        serve_model(&stand);
        let (start, started, settled) = (stand.caller(START), stand.record(STARTED), stand.record(SETTLED));
        stand.start().await.expect("it starts");
        let turn = start.call(hello()).await.expect("the turn begins");
        assert_eq!(turn.cwd, stand.root().to_str().expect("text"), "it works in the root");
        assert_eq!(started.next().await.turn_id, turn.turn_id);
        let end = settled.next().await;
        assert_eq!((end.answer.as_str(), end.record.reason), ("hello", EndReason::Stop));
        stand.stop().await;
    });
}

#[test]
fn a_model_that_breaks_off_ends_the_turn_with_what_it_said() {
    both_ways(async |stand| {
        let stand = stand.plugin::<SessionOrchestrator>(json!({}));
        serve_store(&stand);
        let said = [ProviderEvent::TextDelta { delta: "hel".into() }];
        let broken = fault::breaks_off(said, CallError::unavailable("the line went dead"));
        stand.serve_stream_named(MODEL, "test/model", ModelInfo::default(), broken);
        let (start, settled) = (stand.caller(START), stand.record(SETTLED));
        stand.start().await.expect("it starts");
        start.call(hello()).await.expect("the turn begins");
        let end = settled.next().await;
        assert_eq!((end.answer.as_str(), end.record.reason), ("hel", EndReason::Error));
        stand.stop().await;
    });
}

#[test]
fn a_message_that_a_link_refuses_begins_no_turn() {
    both_ways(async |stand| {
        let stand = stand.plugin::<SessionOrchestrator>(json!({}));
        serve_store(&stand);
        serve_model(&stand);
        stand.link(INPUT, fault::fails(Refusal::new("not on a Sunday")));
        let (start, started) = (stand.caller(START), stand.record(STARTED));
        stand.start().await.expect("it starts");
        let refused = start.call(hello()).await.expect_err("the link refuses");
        assert_eq!((refused.kind, refused.message.as_str()), (CallErrorKind::Refused, "not on a Sunday"));
        assert_eq!(started.all(), []);
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<SessionOrchestrator>(json!({}));
}
