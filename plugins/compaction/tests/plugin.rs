//! The plugin from outside, between an orchestrator and a store that the test plays.

#[path = "plugin/world.rs"]
mod world;

use std::future::ready;

use serde_json::{Value, json as value};
use transom_agent::compaction::{COMPACTED, COMPACTING};
use transom_agent::provider::{FailureClass, ProviderEvent};
use transom_agent::reach::{CLI_COMMAND, CliCall, HTTP_ROUTE, HttpReply, HttpRequest};
use transom_agent::turn::STEP_COMPLETED;
use transom_compaction::Compaction;
use transom_plugin_api::{CallErrorKind, Json, List, Maybe, Text};
use transom_testkit::{Stand, both_ways, contract_check, json};

use crate::world::{World, step, summary};

/// With 100 tokens that are kept, which is four messages.
async fn started(stand: Stand, world: &World) -> Stand {
    let stand = stand.plugin::<Compaction>(json!({"keep_tokens": 100}));
    world.put_on(&stand);
    stand.start().await.expect("it starts");
    stand
}

async fn request(
    stand: &Stand,
    method: &str,
    path: &str,
    id: &str,
    body: Value,
) -> Result<HttpReply, (CallErrorKind, String)> {
    let mut request = HttpRequest::new(method, format!("/conversations/{id}/{path}")).with_param("id", id);
    request.body = Json::from(body);
    let reply =
        stand.caller(HTTP_ROUTE).call_named(&format!("{method} /conversations/:id/{path}"), request).await;
    reply.map_err(|error| (error.kind, error.message.into_string()))
}

async fn by_hand(stand: &Stand) -> Result<Value, (CallErrorKind, String)> {
    request(stand, "POST", "compact", "c", Value::Null).await.map(|reply| reply.body.value())
}

#[test]
fn a_conversation_that_fills_its_window_is_summed_up_by_itself() {
    both_ways(async |stand| {
        let world = World::default();
        world.say(10);
        world.state().answer = summary("They talk.");
        let stand = started(stand, &world).await;
        let compacted = stand.record(COMPACTED);
        let steps = stand.emitter(STEP_COMPLETED);
        steps.emit(&step(849));
        steps.emit(&step(850));
        let told = compacted.next().await;
        assert_eq!((told.summary.text.as_str(), told.summary.messages), ("They talk.", 9));
        assert_eq!((told.summary.tokens_before, told.seq), (Maybe::Some(850), 77));
        {
            let state = world.state();
            assert_eq!((state.summaries.len(), state.asked.len()), (1, 1), "only the second step fills it");
            let asked = &state.asked[0];
            assert_eq!(
                (asked.purpose.as_str(), asked.before_seq, asked.only_when_idle),
                ("compaction", Maybe::Some(10), false)
            );
            assert_eq!((asked.behind.len(), asked.max_tokens), (1, Maybe::Some(4_000)));
        }
        stand.stop().await;
    });
}

#[test]
fn by_hand_it_answers_what_was_summed_up_and_what_is_kept() {
    both_ways(async |stand| {
        let world = World::default();
        world.say(10);
        world.state().answer = summary("They talk.");
        let stand = started(stand, &world).await;
        let told = by_hand(&stand).await.expect("summed up");
        assert_eq!((&told["summary"], &told["keptFrom"]), (&value!("They talk."), &value!("m6")));
        assert_eq!((&told["messagesSummarized"], &told["seq"]), (&value!(6), &value!(77)));
        let standing = request(&stand, "GET", "compact", "c", Value::Null).await.expect("told").body.value();
        assert_eq!((&standing["running"], &standing["last"]["keptFrom"]), (&value!(false), &value!("m6")));
        stand.stop().await;
    });
}

#[test]
fn what_cannot_be_done_is_refused_in_words() {
    both_ways(async |stand| {
        let world = World::default();
        world.say(3);
        let stand = started(stand, &world).await;
        let short = "there is nothing to sum up in conversation `c`: it is short enough; have less of it kept, by `keepTokens` or `--keep`";
        assert_eq!(by_hand(&stand).await, Err((CallErrorKind::Conflict, short.to_owned())));
        for (body, told) in [
            (value!({"keepTokens": -1}), "field `keepTokens` is `-1`, expected a whole number, at least 0"),
            (value!({"instruction": 7}), "field `instruction` is `7`, expected words"),
            (value!({"keepLastN": 1}), "field `keepLastN` is unknown; known are `keepTokens`, `instruction`"),
        ] {
            let refused = request(&stand, "POST", "compact", "c", body).await.expect_err("refused");
            assert_eq!(refused, (CallErrorKind::InvalidInput, told.to_owned()));
        }
        for (method, path, body) in [
            ("POST", "compact", Value::Null),
            ("GET", "compact", Value::Null),
            ("DELETE", "compact", Value::Null),
            ("GET", "compact-percent", Value::Null),
            ("PUT", "compact-percent", value!({"threshold": 50})),
        ] {
            let refused = request(&stand, method, path, "nobody", body).await.expect_err("refused");
            assert_eq!(refused.0, CallErrorKind::NotFound, "{method} {path}");
        }
        assert!(world.state().asked.is_empty());
        stand.stop().await;
    });
}

#[test]
fn a_summary_that_fails_changes_nothing_and_is_told() {
    both_ways(async |stand| {
        let world = World::default();
        world.say(10);
        let error = ProviderEvent::Error {
            message: "no luck".into(),
            class: FailureClass::Overloaded,
            code: Maybe::None,
            retry_after_ms: Maybe::None,
        };
        world.state().answer = vec![error];
        let stand = started(stand, &world).await;
        let refused = (CallErrorKind::Unavailable, "the model failed: no luck".to_owned());
        assert_eq!(by_hand(&stand).await, Err(refused));
        assert!(world.state().summaries.is_empty());
        let standing = request(&stand, "GET", "compact", "c", Value::Null).await.expect("told").body.value();
        assert_eq!(standing["last"]["error"], "the model failed: no luck");
        stand.stop().await;
    });
}

#[test]
fn others_bring_a_summary_of_their_own_and_what_is_carried() {
    both_ways(async |stand| {
        let world = World::default();
        world.say(10);
        let stand = started(stand, &world).await;
        stand.link(COMPACTING, |mut draft, _| {
            assert_eq!(draft.messages.len(), 6);
            draft.text = Maybe::Some("mine".into());
            draft.files_read = List::from(["a".into(), "b".into()]);
            draft.files_written = List::from(["b".into()]);
            ready(Ok(draft))
        });
        let told = by_hand(&stand).await.expect("summed up");
        assert_eq!(
            (&told["summary"], &told["filesRead"], &told["filesWritten"]),
            (&value!("mine"), &value!(["a"]), &value!(["b"]))
        );
        assert!(world.state().asked.is_empty(), "no model is asked");
        stand.stop().await;
    });
}

#[test]
fn others_may_put_it_off() {
    both_ways(async |stand| {
        let world = World::default();
        world.say(10);
        let stand = started(stand, &world).await;
        stand.link(COMPACTING, |mut draft, _| {
            draft.postponed = Maybe::Some("the tests run".into());
            ready(Ok(draft))
        });
        let refused = (CallErrorKind::Conflict, "the summary is put off: the tests run".to_owned());
        assert_eq!(by_hand(&stand).await, Err(refused));
        assert!(world.state().summaries.is_empty());
        stand.stop().await;
    });
}

#[test]
fn the_next_summary_carries_what_the_one_before_carried() {
    both_ways(async |stand| {
        let world = World::default();
        world.say(10);
        world.state().answer = summary("They talk.");
        let stand = started(stand, &world).await;
        let calls = std::sync::atomic::AtomicU32::new(0);
        stand.link(COMPACTING, move |mut draft, _| {
            let number = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            draft.files_read = List::from([Text::from(format!("file-{number}"))]);
            ready(Ok(draft))
        });
        by_hand(&stand).await.expect("summed up");
        world.say(6);
        let told = by_hand(&stand).await.expect("summed up");
        assert_eq!(told["filesRead"], value!(["file-0", "file-1"]));
        assert_eq!((&told["keptFrom"], &told["messagesSummarized"]), (&value!("m12"), &value!(12)));
        stand.stop().await;
    });
}

#[test]
fn one_that_is_under_way_is_told_not_begun_twice_and_can_be_cancelled() {
    both_ways(async |stand| {
        let world = World::default();
        world.say(10);
        let stand = started(stand, &world).await;
        let (compacted, others) = tokio::join!(by_hand(&stand), async {
            stand.until(|| world.state().asked.len() == 1).await;
            let again = by_hand(&stand).await;
            let standing =
                request(&stand, "GET", "compact", "c", Value::Null).await.expect("told").body.value();
            let cancelled =
                request(&stand, "DELETE", "compact", "c", Value::Null).await.expect("told").body.value();
            (again, standing, cancelled)
        });
        let (again, standing, cancelled) = others;
        assert_eq!(
            again,
            Err((CallErrorKind::Conflict, "conversation `c` is being summed up already".to_owned()))
        );
        assert_eq!((&standing["running"], &cancelled["cancelled"]), (&value!(true), &value!(true)));
        assert_eq!(compacted, Err((CallErrorKind::Refused, "the summary was cancelled".to_owned())));
        assert!(world.state().summaries.is_empty());
        let cancelled =
            request(&stand, "DELETE", "compact", "c", Value::Null).await.expect("told").body.value();
        assert_eq!(cancelled["cancelled"], false);
        stand.stop().await;
    });
}

#[test]
fn a_conversation_may_have_a_share_of_its_own_also_after_a_restart() {
    both_ways(async |stand| {
        let world = World::default();
        world.say(10);
        world.state().answer = summary("They talk.");
        let stand = started(stand, &world).await;
        let share = async |stand: &Stand| {
            request(stand, "GET", "compact-percent", "c", Value::Null).await.expect("told").body.value()
        };
        assert_eq!(share(&stand).await, value!({"conversationId": "c", "threshold": 85}));
        for wrong in [value!(101), value!(-1), value!("85"), value!(8.5)] {
            let refused = request(&stand, "PUT", "compact-percent", "c", value!({"threshold": wrong}))
                .await
                .expect_err("refused");
            assert_eq!(refused.0, CallErrorKind::InvalidInput, "{refused:?}");
        }
        let chosen =
            request(&stand, "PUT", "compact-percent", "c", value!({"threshold": 50})).await.expect("chosen");
        assert_eq!(chosen.body.value()["threshold"], 50);
        let stand = started(stand.stop().await.stand(), &world).await;
        assert_eq!(share(&stand).await["threshold"], 50);
        let compacted = stand.record(COMPACTED);
        stand.emitter(STEP_COMPLETED).emit(&step(500));
        compacted.next().await;
        request(&stand, "PUT", "compact-percent", "c", value!({"threshold": null}))
            .await
            .expect("taken back");
        assert_eq!(share(&stand).await["threshold"], 85);
        stand.stop().await;
    });
}

#[test]
fn from_a_terminal_it_is_the_same_in_words() {
    both_ways(async |stand| {
        let world = World::default();
        world.say(10);
        world.state().answer = summary("They talk.");
        let stand = started(stand, &world).await;
        let run = async |words: &[&str], json| {
            let arguments = words.iter().map(|word| Text::from(*word)).collect();
            let told = stand
                .caller(CLI_COMMAND)
                .call_named("compact", CliCall { arguments, json, ..CliCall::default() })
                .await
                .expect("it answers");
            (told.output.to_string(), told.complaint.to_string(), told.code)
        };
        let told = run(&["c"], false).await;
        assert_eq!(
            told,
            (
                "They talk.\n\n6 messages are summed up, about 152 tokens are shown from now on\n".to_owned(),
                String::new(),
                0
            )
        );
        let (_, complaint, code) = run(&["c"], false).await;
        assert!(complaint.starts_with("error: there is nothing to sum up") && code == 2, "{complaint}");
        assert_eq!(run(&["x"], false).await.1, "error: there is no conversation whose id begins with `x`");
        assert_eq!(
            run(&["c", "--percent", "50"], true).await.0,
            "{\"conversationId\":\"c\",\"threshold\":50}\n"
        );
        assert_eq!(
            run(&["c", "--percent", "101"], false).await.1,
            "error: `--percent` is 101, expected 0 to 100"
        );
        assert_eq!(run(&["c", "--cancel"], false).await.0, "nothing was under way\n");
        assert!(run(&["--help"], false).await.0.contains("Example:\n  transom compact"));
        stand.stop().await;
    });
}

#[test]
fn it_keeps_what_it_owes_its_host() {
    contract_check::<Compaction>(json!({}));
}
