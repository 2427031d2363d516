//! What a test puts around a plugin, whole and broken.

use std::time::Duration;

use transom_plugin_api::prelude::*;
use transom_testkit::{PluginState, Stand, fault, json};

use super::parrot::{ASK, Parrot, SAID, SONG, TEACH, WORDING};

async fn taught(words: &'static str) -> Stand {
    let stand = Stand::new().plugin::<Parrot>(json!({}));
    stand.serve(TEACH, move |_, _| std::future::ready(Ok(words.into())));
    stand.start().await.expect("it starts");
    stand
}

#[tokio::test]
async fn a_stub_answers_the_plugin_and_sees_who_calls() {
    let stand = Stand::new().plugin::<Parrot>(json!({}));
    stand.serve(TEACH, |asked, context| async move {
        Ok(format!("{} wants to {asked}", context.caller()).into())
    });
    let ask = stand.caller(ASK);
    stand.start().await.expect("it starts");
    assert_eq!(ask.call("learn".into()).await, Ok("parrot wants to learn".into()));
    stand.stop().await;
}

#[tokio::test]
async fn events_are_recorded_in_order_and_given_once() {
    let stand = taught("").await;
    let (ask, said) = (stand.caller(ASK), stand.record(SAID));
    for words in ["one", "two", "three"] {
        ask.call(words.into()).await.expect("it answers");
    }
    assert_eq!(said.all(), ["one", "two", "three"]);
    assert_eq!([said.next().await, said.next().await], ["one", "two"]);
    assert_eq!(said.all().len(), 3, "what was given is still among them");
    stand.stop().await;
}

#[tokio::test]
async fn a_service_that_nobody_provides_is_told_with_the_remedy() {
    let stand = Stand::new().plugin::<Parrot>(json!({}));
    let refused = stand.start().await.expect_err("nobody teaches");
    assert_eq!(
        refused.to_string(),
        "plugin `parrot` did not start: needs the service `teacher/teach`, which no plugin here provides\n  \
         help: `stand.serve(…)` before `stand.start()` provides it"
    );
}

#[tokio::test]
async fn settings_are_read_as_a_host_reads_them() {
    let stand = Stand::new().plugin::<Parrot>(json!({"tick_s": -1}));
    stand.serve(TEACH, fault::never_answers());
    let refused = stand.start().await.expect_err("no number of seconds");
    assert!(refused.to_string().contains("`tick_s`"), "{refused}");
    assert_eq!(stand.status("parrot").state, PluginState::Disabled);
}

#[tokio::test]
async fn a_link_of_the_test_stands_in_the_filter_that_the_plugin_applies() {
    let stand = taught("").await;
    stand.link(WORDING, |words, _| async move { Ok(format!("{words}!").into()) });
    let ask = stand.caller(ASK);
    assert_eq!(ask.call("hello".into()).await, Ok("hello!".into()));
    let wording = stand.applier(WORDING);
    assert_eq!(wording.apply("and the test applies it".into()).await, Ok("and the test applies it!".into()));
    stand.stop().await;
}

#[tokio::test]
async fn a_broken_link_refuses_panics_or_fails() {
    for (fault, kind) in [("refuse", CallErrorKind::Refused), ("panic", CallErrorKind::Panicked)] {
        let stand = taught("").await;
        match fault {
            "refuse" => stand.link(WORDING, fault::fails(Refusal::new("not that"))),
            _ => stand.link(WORDING, fault::panics("the pen broke")),
        }
        let error = stand.caller(ASK).call("hello".into()).await.expect_err("the link is broken");
        assert_eq!((error.kind, error.plugin.as_str()), (kind, "test"), "{error}");
        stand.stop().await;
    }
}

#[tokio::test]
async fn a_broken_service_fails_with_the_error_it_was_given_or_panics() {
    let stand = Stand::new().plugin::<Parrot>(json!({}));
    stand.serve(TEACH, fault::fails(CallError::unavailable("on holiday")));
    let ask = stand.caller(ASK);
    stand.start().await.expect("it starts");
    let error = ask.call("learn".into()).await.expect_err("nobody teaches");
    assert_eq!((error.kind, error.message.as_str()), (CallErrorKind::Unavailable, "on holiday"));

    let stand = Stand::new().plugin::<Parrot>(json!({}));
    stand.serve(TEACH, fault::panics("lost the book"));
    let ask = stand.caller(ASK);
    stand.start().await.expect("it starts");
    let error = ask.call("learn".into()).await.expect_err("nobody teaches");
    assert!(error.message.contains("lost the book"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn who_never_answers_is_given_up_at_the_deadline() {
    let stand = Stand::new().plugin::<Parrot>(json!({}));
    stand.serve(TEACH, fault::never_answers());
    let ask = stand.caller(ASK);
    stand.start().await.expect("it starts");
    let asked = tokio::spawn(async move { ask.call("learn".into()).await });
    stand.advance(Duration::from_millis(1_999)).await;
    assert!(!asked.is_finished(), "the point gives 2 s");
    stand.advance(Duration::from_millis(1)).await;
    let error = asked.await.expect("it ran").expect_err("nobody answers");
    assert_eq!(error.kind, CallErrorKind::Deadline);
    stand.stop().await;
}

#[tokio::test]
async fn a_stream_breaks_off_where_it_is_told_to() {
    let stand = taught("").await;
    stand.serve_stream(SONG, fault::breaks_off(["la ".into(), "li ".into()], CallError::failed("a string")));
    let error = stand.caller(ASK).call("sing".into()).await.expect_err("the song breaks off");
    assert_eq!(error.message, "la li … a string");
    stand.stop().await;
}

#[tokio::test]
async fn faults_are_counted_where_they_happened() {
    let stand = taught("").await;
    let error = stand.caller(ASK).call("panic".into()).await.expect_err("it panics");
    assert_eq!(error.kind, CallErrorKind::Panicked);
    let faults = stand.faults("parrot");
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].point.as_str(), faults[0].count), ("parrot/ask", 1));
    assert!(faults[0].last.contains("fell off the perch"), "{faults:?}");
    stand.stop().await;
}

#[tokio::test]
async fn a_restart_finds_what_was_kept() {
    let stand = taught("").await;
    let diary = |stand: &Stand| std::fs::read_to_string(stand.data_folder("parrot").join("diary"));
    assert_eq!(diary(&stand).expect("it keeps one"), "x");
    let stand = stand.stop().await.stand().plugin::<Parrot>(json!({}));
    stand.serve(TEACH, fault::never_answers());
    stand.start().await.expect("it starts again");
    assert_eq!(diary(&stand).expect("it is still there"), "xx");
    let stopped = stand.stop().await;
    let folder = stopped.folder().to_owned();
    drop(stopped);
    assert!(!folder.exists(), "nothing is left of a stand");
}
