//! The plugin from outside: clients look at surfaces and use them.

#[path = "plugin/world.rs"]
mod world;

use std::time::Duration;

use serde_json::{Value, json as value};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HttpFrame, HttpRequest, WS_OPERATION, WS_SUBSCRIPTION,
};
use transom_agent::surface::{Field, SURFACE, SurfaceAbout};
use transom_plugin_api::hosting::{PLUGIN_CHANGED, PluginChange, PluginState};
use transom_plugin_api::{CallError, CallErrorKind, Json, List, Maybe};
use transom_surface_registry::SurfaceRegistry;
use transom_testkit::{Stand, both_ways, both_ways_paused, contract_check, json};

use crate::world::{Events, PACE, act, ask, every_kind, says_change, show, started, stat, uses};

async fn command(stand: &Stand, words: &[&str], json: bool) -> CliOutcome {
    let arguments: List<_> = words.iter().map(|word| (*word).into()).collect();
    stand
        .caller(CLI_COMMAND)
        .call_named("surfaces", CliCall { arguments, json, ..CliCall::default() })
        .await
        .expect("it runs")
}

async fn operate(stand: &Stand, name: &str, input: Value) -> Result<Value, CallError> {
    let reply = stand.caller(WS_OPERATION).call_named(name, input.into()).await;
    reply.map(|reply| reply.value())
}

fn ids(catalogue: &Value) -> Vec<&str> {
    let surfaces = catalogue["surfaces"].as_array().expect("a list");
    surfaces.iter().map(|surface| surface["id"].as_str().expect("an id")).collect()
}

#[test]
fn a_client_that_knows_the_kinds_of_fields_draws_and_uses_any_surface() {
    both_ways(async |stand| {
        let (stand, ship) = started(stand).await;
        ship.shows("a", every_kind());
        let list = ask(&stand, "GET /surfaces", &[], |_| {}).await.expect("there are some");
        assert_eq!(
            list["surfaces"][1],
            value!({"id": "ship", "region": "side", "title": "Ship", "scope": "conversation"})
        );
        let spec = show(&stand, "ship", Some("a")).await.expect("it is there");
        assert_eq!(spec["fields"], every_kind(), "a later kind passes unchanged");
        let used = uses(&spec);
        for (action, payload) in &used {
            let done = act(&stand, action, payload.clone()).await;
            match action.as_str() {
                "anchor" => {
                    assert_eq!(done, Err((CallErrorKind::Conflict, "the anchor is down already".into())));
                }
                _ => assert_eq!(done, Ok(value!({"surfaceId": "ship", "action": action, "told": "aye"}))),
            }
        }
        assert_eq!(ship.log().done, used);
        stand.stop().await;
    });
}

#[test]
fn an_action_that_fails_is_answered_with_its_error_wherever_it_was_asked_for() {
    both_ways(async |stand| {
        let (stand, ship) = started(stand).await;
        ship.shows("a", every_kind());
        let told = "the anchor is down already";
        let input = value!({"surfaceId": "ship", "action": "anchor", "conversationId": "a"});
        let error = operate(&stand, "surfaces.invoke", input).await.expect_err("it fails");
        assert_eq!((error.kind, error.message.as_str()), (CallErrorKind::Conflict, told));
        assert_eq!(act(&stand, "anchor", Value::Null).await, Err((CallErrorKind::Conflict, told.to_owned())));
        stand.stop().await;
    });
}

#[test]
fn what_nobody_can_have_meant_is_refused_with_what_was_expected() {
    both_ways(async |stand| {
        let (stand, ship) = started(stand).await;
        ship.shows("a", every_kind());
        let kind = CallErrorKind::InvalidInput;
        for (action, payload, expected) in [
            (
                "light",
                value!("on"),
                "action `light` of surface `ship` was sent `\\\"on\\\"`, expected true or false",
            ),
            (
                "steer",
                value!(1e300),
                "action `steer` of surface `ship` was sent `1e+300`, expected a number from 0 to 9.5",
            ),
            (
                "hoist",
                value!([[[]]]),
                "action `hoist` of surface `ship` was sent `[[[]]]`, expected one of `jib`, `main`",
            ),
        ] {
            assert_eq!(act(&stand, action, payload).await, Err((kind, expected.to_owned())));
        }
        let (kind, told) = act(&stand, "fly\u{202e}", Value::Null).await.expect_err("it has no such action");
        assert!(kind == CallErrorKind::NotFound && told.contains("no action `fly\\u{202e}`"), "{told}");
        let (kind, told) = show(&stand, "shipp", Some("a")).await.expect_err("it is not there");
        assert_eq!(
            (kind, told.as_str()),
            (CallErrorKind::NotFound, "there is no surface `shipp`; did you mean `ship`?")
        );
        let (kind, told) = show(&stand, "ship", None).await.expect_err("it belongs to a conversation");
        assert_eq!(kind, CallErrorKind::InvalidInput);
        assert_eq!(told, "surface `ship` belongs to a conversation, and `conversationId` is missing");
        assert_eq!(show(&stand, "ship", Some("..")).await.expect_err("no id").0, CallErrorKind::InvalidInput);
        for input in
            [value!({}), value!([]), value!({"surfaceId": 1, "action": "x"}), value!({"surface": "ship"})]
        {
            let error = operate(&stand, "surfaces.invoke", input.clone()).await.expect_err("it is malformed");
            assert_eq!(error.kind, CallErrorKind::InvalidInput, "{input}");
        }
        assert!(ship.log().done.is_empty());
        stand.stop().await;
    });
}

#[test]
fn a_surface_that_is_malformed_is_an_error_that_names_it() {
    both_ways(async |stand| {
        let (stand, ship) = started(stand).await;
        ship.shows("a", value!([{"type": "progress", "label": "p", "value": 7}]));
        let told = "surface `ship` is malformed: `fields[0]`: `value` is 7, expected a number from 0 to 1";
        assert_eq!(show(&stand, "ship", Some("a")).await, Err((CallErrorKind::Failed, told.to_owned())));
        ship.shows("a", value!([{"type": "stat", "label": "s", "value": "x".repeat(300_000)}]));
        let (kind, told) = show(&stand, "ship", Some("a")).await.expect_err("it is too large");
        assert!(kind == CallErrorKind::Failed && told.ends_with("expected at most 262144"), "{told}");
        stand.stop().await;
    });
}

#[test]
fn a_thousand_changes_a_second_are_few_updates_and_the_last_one_comes() {
    both_ways_paused(async |stand| {
        let (stand, ship) = started(stand).await;
        let says = says_change(&stand);
        let mut events = Events::of(&stand, &[("surface", "ship"), ("conversationId", "a")]);
        assert_eq!(events.next(&stand).await["type"], "catalog");
        assert_eq!(events.next(&stand).await["spec"]["fields"], stat(0));
        let mut seen = Vec::new();
        for number in 1..=1_000 {
            ship.shows("a", stat(number));
            says("a");
            if number % 5 == 0 {
                seen.extend(events.within(&stand, Duration::ZERO).await);
                stand.advance(Duration::from_millis(5)).await;
            }
        }
        seen.extend(events.within(&stand, 2 * PACE).await);
        assert!((10..=22).contains(&seen.len()), "{} updates in a second", seen.len());
        assert_eq!(seen.last().expect("some")["spec"]["fields"], stat(1_000));
        assert!(ship.asked("a") <= 24, "it was asked {} times", ship.asked("a"));
        assert_eq!(events.within(&stand, Duration::from_secs(3)).await, Vec::<Value>::new());
        drop(events);
        stand.stop().await;
    });
}

#[test]
fn what_changes_while_nobody_takes_it_is_shown_as_it_is_at_last() {
    both_ways_paused(async |stand| {
        let (stand, ship) = started(stand).await;
        let says = says_change(&stand);
        let mut events = Events::of(&stand, &[("surface", "ship"), ("conversationId", "a")]);
        events.within(&stand, PACE).await;
        let asked = ship.asked("a");
        for number in 1..=1_000 {
            ship.shows("a", stat(number));
            says("a");
            stand.advance(Duration::from_millis(1)).await;
        }
        assert_eq!(ship.asked("a"), asked, "nobody is asked for who takes nothing");
        let seen = events.within(&stand, 3 * PACE).await;
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!(seen[0]["spec"]["fields"], stat(1_000));
        drop(events);
        stand.stop().await;
    });
}

#[test]
fn two_conversations_do_not_see_each_others_updates() {
    both_ways_paused(async |stand| {
        let (stand, ship) = started(stand).await;
        let says = says_change(&stand);
        let mut of_a = Events::of(&stand, &[("surface", "ship"), ("conversationId", "a")]);
        let mut of_b = Events::of(&stand, &[("surface", "ship"), ("conversationId", "b")]);
        of_a.within(&stand, PACE).await;
        of_b.within(&stand, PACE).await;
        let asked = ship.asked("a");
        ship.shows("b", stat("of b"));
        says("b");
        let seen = of_b.within(&stand, 2 * PACE).await;
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!((&seen[0]["conversationId"], &seen[0]["spec"]["fields"]), (&value!("b"), &stat("of b")));
        assert_eq!(of_a.within(&stand, 2 * PACE).await, Vec::<Value>::new());
        assert_eq!(ship.asked("a"), asked, "nobody is asked for what did not change");
        drop((of_a, of_b));
        stand.stop().await;
    });
}

#[test]
fn surfaces_that_come_and_go_are_told_with_their_plugins() {
    both_ways_paused(async |stand| {
        let (stand, _) = started(stand).await;
        let mut events = Events::of(&stand, &[]);
        assert_eq!(ids(&events.next(&stand).await), ["loaded-extensions", "ship"]);
        assert_eq!(events.next(&stand).await["surfaceId"], "loaded-extensions");
        let tides = stand.server(SURFACE);
        let about = SurfaceAbout::global("main", "Tides");
        tides
            .serve_named("tides", about.clone(), move |_, _| {
                let stat = Field::Stat { label: "height".into(), value: "2 m".into() };
                std::future::ready(Ok(about.showing("tides", List::from([stat]))))
            })
            .expect("nobody else has it");
        let state = PluginState::Running;
        let changed = PluginChange { plugin: "tides".into(), state, reason: Maybe::None };
        stand.emitter(PLUGIN_CHANGED).emit(&changed);
        let seen = events.within(&stand, 3 * PACE).await;
        assert_eq!(ids(&seen[0]), ["loaded-extensions", "ship", "tides"]);
        assert_eq!((&seen[1]["type"], &seen[1]["surfaceId"]), (&value!("update"), &value!("tides")));
        // Nobody says that it is gone.
        tides.withdraw("tides");
        let seen = events.within(&stand, Duration::from_secs(2)).await;
        assert_eq!((seen.len(), ids(&seen[0])), (1, vec!["loaded-extensions", "ship"]));
        drop(events);
        stand.stop().await;
    });
}

#[test]
fn what_is_subscribed_to_over_a_socket_is_pushed_and_what_is_not_there_refused() {
    both_ways_paused(async |stand| {
        let (stand, ship) = started(stand).await;
        let open = |input: Value| {
            stand.stream_caller(WS_SUBSCRIPTION).open_named("surfaces", input.into()).expect("it is there")
        };
        let mut of_a = open(value!({"surfaceId": "ship", "conversationId": "a"}));
        let push = of_a.next().await.expect("one").expect("it is shown");
        assert_eq!(
            (push.kind.as_str(), &push.fields.value()["surfaceId"]),
            ("surfaces.update", &value!("ship"))
        );
        ship.shows("a", value!([{"type": "stat", "label": "", "value": ""}]));
        says_change(&stand)("a");
        let mut failed = None;
        for _ in 0..100 {
            failed = tokio::select! {
                biased;
                push = of_a.next() => push,
                () = std::future::ready(()) => None,
            };
            if failed.is_some() {
                break;
            }
            stand.advance(Duration::from_millis(5)).await;
        }
        assert_eq!(failed.expect("it is told").expect("it goes on").kind, "surfaces.failed");
        let mut catalogue = open(value!({}));
        let push = catalogue.next().await.expect("one").expect("it is told");
        assert_eq!(
            (push.kind.as_str(), ids(&push.fields.value())),
            ("surfaces.catalog", vec!["loaded-extensions", "ship"])
        );
        for (input, kind) in [
            (value!({"surfaceId": "shape", "conversationId": "a"}), CallErrorKind::NotFound),
            (value!({"surfaceId": "ship", "conversationId": "nobody"}), CallErrorKind::NotFound),
            (value!({"surfaceId": "ship"}), CallErrorKind::InvalidInput),
            (value!({"surfaceId": ["ship"]}), CallErrorKind::InvalidInput),
            (value!({"surfaceId": "ship", "conversationId": "a", "x": 1}), CallErrorKind::InvalidInput),
        ] {
            let error = open(input.clone()).next().await.expect("an answer").expect_err("it is refused");
            assert_eq!(error.kind, kind, "{input}: {error}");
        }
        drop((of_a, catalogue));
        stand.stop().await;
    });
}

#[test]
fn a_stream_goes_on_with_the_next_generation() {
    both_ways(async |stand| {
        let (stand, _) = started(stand).await;
        let mut request = HttpRequest::new("GET", "/surfaces/events");
        request.query.insert("surface", "loaded-extensions".into());
        let caller = stand.stream_caller(transom_agent::reach::HTTP_STREAM);
        let mut stream = caller.open_named("GET /surfaces/events", request.clone()).expect("it is there");
        let mut goes_on = None;
        let looks = async {
            while let Some(frame) = stream.next().await {
                if let HttpFrame::GoOn { request } = frame.expect("it does not break off") {
                    goes_on = Some(request);
                }
            }
        };
        let reloads = stand.reload::<SurfaceRegistry>(json!({}), Duration::from_secs(10));
        let ((), reloaded) = tokio::join!(looks, reloads);
        reloaded.expect("nothing is cut off");
        assert_eq!(goes_on, Some(request));
        stand.stop().await;
    });
}

#[test]
fn a_client_that_has_gone_leaves_its_place_to_another() {
    both_ways(async |stand| {
        let (stand, _) = started(stand).await;
        let caller = stand.stream_caller(WS_SUBSCRIPTION);
        for _ in 0..1_030 {
            let mut stream = caller.open_named("surfaces", Json::from(value!({}))).expect("it is there");
            stream.next().await.expect("one").expect("there is room");
        }
        stand.stop().await;
    });
}

#[test]
fn the_plugins_of_the_host_are_a_surface() {
    both_ways(async |stand| {
        let (stand, _) = started(stand).await;
        let spec = show(&stand, "loaded-extensions", None).await.expect("it is there");
        assert_eq!(spec["fields"][0], value!({"type": "stat", "label": "Running", "value": "1 of 1"}));
        let table = &spec["fields"][1];
        assert_eq!((&table["type"], &table["renderer"]), (&value!("custom"), &value!("table")));
        let row = &table["payload"]["rows"][0];
        assert_eq!((&row[0], &row[2]), (&value!("surface-registry"), &value!("running")));
        stand.stop().await;
    });
}

#[test]
fn a_terminal_lists_draws_and_uses_surfaces() {
    both_ways(async |stand| {
        let (stand, ship) = started(stand).await;
        ship.shows("a", every_kind());
        stand.serve(transom_agent::conversation::LIST, |query, _| {
            let all = ["a", "b"].map(|id| transom_agent::conversation::Conversation::new(id, 0));
            let found = all.into_iter().filter(|one| one.id.starts_with(query.prefix.as_str()));
            let conversations = found.collect();
            std::future::ready(Ok(transom_agent::conversation::Conversations { conversations }))
        });
        let listed = command(&stand, &[], false).await.output;
        assert_eq!(listed, "loaded-extensions  Plugins\nship               Ship  (of a conversation)\n");
        let shown = command(&stand, &["ship", "--conversation", "a"], false).await;
        assert!(shown.output.contains("[ ] lamp  → light\n"), "{shown:?}");
        let json = command(&stand, &["ship", "--conversation", "a"], true).await.output;
        assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON")["fields"], every_kind());
        for (words, sent) in [
            (&["ship", "light", "on"][..], value!(true)),
            (&["ship", "hoist", "main"], value!("main")),
            (&["ship", "steer", "4.5"], value!(4.5)),
        ] {
            let done = command(&stand, &[words, &["--conversation", "a"]].concat(), false).await;
            assert_eq!((done.output.as_str(), done.code), ("aye\n", 0), "{done:?}");
            assert_eq!(ship.log().done.pop().expect("it was done").1, sent);
        }
        for (words, told) in [
            (&["ship"][..], "`conversationId` is missing"),
            (&["ship", "light", "maybe", "--conversation=a"], "expected true or false"),
            (&["ship", "anchor", "--conversation=a"], "the anchor is down already"),
            (&["ship", "--all"], "`--all` is no option of this command"),
            (&["nothing"], "there is no surface `nothing`"),
        ] {
            let refused = command(&stand, words, false).await;
            assert!(refused.code == 2 && refused.complaint.contains(told), "{refused:?}");
        }
        let help = command(&stand, &["--help"], false).await;
        assert!(help.code == 0 && help.output.contains("Examples:"), "{help:?}");
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<SurfaceRegistry>(json!({}));
}
