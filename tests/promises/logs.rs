//! What a dylib logs arrives in the host's log as if the host had logged it, with the plugin's id beside it.
//!
//! The plugins are the unruly one and its follower, each in an image of its own.

mod capture;
mod stage;

use std::sync::atomic::Ordering;

use serde_json::json;
use tokio::sync::Mutex;
use transom_kernel::trace;
use transom_plugin_api::TraceId;

use capture::{Heard, VERBOSE, WARNINGS_STOPPED, eventually, said};
use stage::Stage;

/// Tests that change what the whole process logs wait for each other.
static ALONE: Mutex<()> = Mutex::const_new(());

fn only(heard: Vec<Heard>) -> Heard {
    let [one] = <[Heard; 1]>::try_from(heard).unwrap_or_else(|heard| panic!("not one: {heard:?}"));
    one
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_arrive_as_what_they_are_with_the_place_they_come_from() {
    let stage = Stage::new("").await;
    stage.order("fields").await;
    let heard = only(said(|heard| heard.message == "a line with fields" && heard.spans.is_empty()));
    assert_eq!(
        heard.fields,
        json!({
            "plugin": "unruly", "count": -3, "size": 7, "share": 0.5, "fine": true, "name": "Bern",
            "shape": {"debug": "Some(1)"}, "field.plugin": "an impostor",
        })
    );
    assert_eq!((heard.level, heard.plugin), ("INFO", Some("unruly")));
    assert_eq!(heard.target, "transom_unruly::telling");
    assert!(heard.place.as_ref().is_some_and(|(file, line)| file.ends_with("telling.rs") && *line > 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_logs_for_another_stands_in_the_others_span() {
    let stage = Stage::new("").await;
    stage.errand("fields").await;
    let heard = only(said(|heard| heard.message == "a line with fields" && !heard.spans.is_empty()));
    assert_eq!(heard.plugin, Some("unruly"));
    let [(name, fields)] = &heard.spans[..] else { panic!("{heard:?}") };
    assert_eq!((*name, &fields["plugin"], &fields["word"]), ("errand", &json!("follower"), &json!("fields")));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_is_named_is_the_parent() {
    let stage = Stage::new("").await;
    stage.order("child").await;
    for (message, chapters) in [
        ("inside of a span that nobody entered", 1),
        ("outside of all", 0),
        ("inside of the span this thread is in", 1),
    ] {
        let heard = only(said(|heard| heard.message == message));
        assert_eq!(heard.spans.len(), chapters, "{message}");
        assert!(heard.spans.iter().all(|(name, fields)| *name == "chapter" && fields["page"] == 1));
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_recorded_later_arrives() {
    let stage = Stage::new("").await;
    stage.order("recorded").await;
    let heard = only(said(|heard| heard.message == "inside of a span with a title"));
    assert_eq!(heard.spans[0].1, json!({"plugin": "unruly", "page": 2, "title": "Storms"}));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_fields_the_first_arrive_and_the_rest_is_counted() {
    let stage = Stage::new("").await;
    stage.order("crowded").await;
    let heard = only(said(|heard| heard.message == "a crowd of fields"));
    assert_eq!((&heard.fields["f1"], &heard.fields["f29"]), (&json!(1), &json!(29)));
    assert_eq!((heard.fields.get("f30"), &heard.fields["fields_left_out"]), (None, &json!(3)));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_is_off_is_off_in_the_plugin_until_it_is_on() {
    let _alone = ALONE.lock().await;
    let stage = Stage::new("").await;
    let curious = || said(|heard| heard.message == "a line for the curious");
    for round in 0..2 {
        stage.order("debug").await;
        assert_eq!((stage.order("level").await.as_str(), curious().len()), ("false", round));
        assert_eq!(stage.order("formatted").await, round.to_string());
        VERBOSE.store(true, Ordering::Relaxed);
        trace::levels_changed();
        stage.order("debug").await;
        assert_eq!((stage.order("level").await.as_str(), curious().len()), ("true", round + 1));
        VERBOSE.store(false, Ordering::Relaxed);
        trace::levels_changed();
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_limiter_stops_is_not_even_formatted() {
    let _alone = ALONE.lock().await;
    let stage = Stage::new("").await;
    WARNINGS_STOPPED.store(true, Ordering::Relaxed);
    stage.order("warn").await;
    assert_eq!(stage.order("formatted").await, "0");
    WARNINGS_STOPPED.store(false, Ordering::Relaxed);
    stage.order("warn").await;
    assert_eq!(stage.order("formatted").await, "1");
    only(said(|heard| heard.message == "a line with a price"));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_on_a_thread_of_the_plugins_own_is_one_error() {
    let stage = Stage::new("").await;
    stage.order("panic").await;
    let heard = only(said(|heard| heard.message.contains("threw a plate")));
    assert_eq!((heard.level, heard.plugin, heard.target), ("ERROR", Some("unruly"), "panic"));
    assert!(heard.message.starts_with("thread `tantrum` panicked: threw a plate (at "), "{heard:?}");
    assert!(heard.message.contains("telling.rs:"), "{heard:?}");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_library_logs_by_the_crate_log_arrives_under_its_own_target() {
    let stage = Stage::new("").await;
    stage.order("record").await;
    let heard = only(said(|heard| heard.message == "a record of another kind"));
    assert_eq!((heard.level, heard.target), ("INFO", "transom_unruly::telling"));
    assert_eq!(heard.plugin, Some("unruly"));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_setting_never_appears() {
    const CANARY: &str = "hush-4711";
    let _alone = ALONE.lock().await;
    VERBOSE.store(true, Ordering::Relaxed);
    trace::levels_changed();
    let stage = Stage::new(CANARY).await;
    stage.order("secret").await;
    only(said(|heard| heard.message == "what nobody may know"));
    assert!(said(|heard| format!("{heard:?}").contains(CANARY)).is_empty());
    VERBOSE.store(false, Ordering::Relaxed);
    trace::levels_changed();
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_is_followed_reaches_queued_events_and_background_tasks() {
    fn current() -> Option<TraceId> {
        tracing::Span::current().id().and(TraceId::new(0xfeed))
    }
    let _alone = ALONE.lock().await;
    let stage = Stage::new("").await;
    let spans = |heard: &Heard| heard.spans.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    for (word, expected, trace) in [
        ("unfollowed", vec![], "None"),
        ("followed", vec!["errand"], "Some(0000000000000000000000000000feed)"),
    ] {
        trace::follow((word == "followed").then_some(current));
        stage.errand(word).await;
        let message = format!("heard `{word}`");
        let heard = only(eventually(|heard| heard.message == message, 1).await);
        assert_eq!((spans(&heard), &heard.fields["trace"]), (expected.clone(), &json!({ "debug": trace })));
        let behind = |heard: &Heard| heard.message == "in the background" && spans(heard) == expected;
        assert!(!eventually(behind, 1).await.is_empty());
    }
    trace::follow(None);
    stage.stop().await;
}

const UNHEARD: &str = "promises::logs::a_plugin_logs_although_nobody_listens";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs a process without a log; the test below runs it in one"]
async fn a_plugin_logs_although_nobody_listens() {
    let stage = Stage::without_a_log().await;
    for word in ["fields", "child", "recorded", "crowded", "debug", "record", "panic"] {
        assert_eq!(stage.order(word).await, word);
        assert_eq!(stage.errand(word).await, word);
    }
    assert_eq!(stage.order("level").await, "false");
    // A log that comes late is told to the plugins like any other change.
    capture::begin();
    stage.order("fields").await;
    assert!(said(|_| true).is_empty());
    trace::levels_changed();
    stage.order("fields").await;
    only(said(|heard| heard.message == "a line with fields"));
    stage.stop().await;
}

#[test]
fn without_anybody_who_listens_to_the_log_plugins_run_all_the_same() {
    let program = std::env::current_exe().expect("a running program has a path");
    let output = std::process::Command::new(program)
        .args(["--exact", "--ignored", "--nocapture", UNHEARD])
        .output()
        .expect("the program runs again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
