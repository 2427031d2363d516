//! Servers that behave badly: none of them harms a turn, another server, or the host.

use std::time::{Duration, Instant};

use serde_json::json;
use transom_testkit::{Stand, both_ways, both_ways_paused};

use crate::world::{
    World, call, call_in, cli, get, is_running, names, read, script, server, tools, until, until_gone,
    until_it_is, with,
};

/// Tells its process, and then neither reads nor says anything.
fn silent(marker: &std::path::Path) -> serde_json::Value {
    script(&format!("echo $$ >'{}'; exec sleep 1000", marker.display()))
}

#[test]
fn a_server_that_hangs_at_its_start_holds_up_no_turn_and_no_other_server() {
    both_ways_paused(async |stand| {
        let marker = stand.root().join("silent");
        let servers = json!({"silent": silent(&marker), "real": server("real")});
        let stand = World::default().start(stand, json!({"servers": servers, "wait_ms": 0})).await;
        until_it_is(&stand, "real", "ready").await;
        // No time has passed, and none does.
        assert!(names(&tools(&stand).await).contains(&"real__echo"));
        assert_eq!(call(&stand, "real__echo", json!({"text": "x"})).await.content, "real: x");
        let process = read(&marker).await.trim().to_owned();
        assert_eq!(until_it_is(&stand, "silent", "connecting").await["starts"], 1);
        stand.advance(Duration::from_secs(10)).await;
        let told = until_it_is(&stand, "silent", "failed").await;
        assert_eq!(told["error"], "it was not ready within 10 s");
        until_gone(&process).await;
        stand.stop().await;
    });
}

#[test]
fn a_turn_waits_for_a_server_that_is_slow_to_start_and_no_longer_than_it_is_to() {
    both_ways_paused(async |stand| {
        let go = stand.root().join("go");
        let mut slow = server("slow");
        let command = slow["command"].as_array().expect("a list").clone();
        let wait = format!("while [ ! -e '{}' ]; do sleep 0.01; done; exec \"$@\"", go.display());
        slow["command"] = ["sh", "-c", wait.as_str(), "sh"].map(serde_json::Value::from).into();
        slow["command"].as_array_mut().expect("a list").extend(command);
        let settings = json!({"servers": {"slow": slow}, "wait_ms": 2_000});
        let stand = World::default().start(stand, settings).await;
        let (first, ()) = tokio::join!(tools(&stand), stand.advance(Duration::from_secs(2)));
        assert!(first.is_empty(), "{first:?}");
        assert!(tools(&stand).await.is_empty(), "no second turn waits for it");
        std::fs::write(&go, "").expect("written");
        until_it_is(&stand, "slow", "ready").await;
        assert!(names(&tools(&stand).await).contains(&"slow__echo"));
        stand.stop().await;
    });
}

#[test]
fn a_server_that_crashes_in_the_middle_of_a_call_is_told_and_comes_back() {
    both_ways_paused(async |stand| {
        let servers = json!({"one": server("one"), "two": server("two")});
        let stand = World::default().start(stand, json!({"servers": servers, "wait_ms": 0})).await;
        until_it_is(&stand, "one", "ready").await;
        until_it_is(&stand, "two", "ready").await;
        let before = tools(&stand).await;
        let answer = call(&stand, "one__crash", json!({})).await;
        assert_eq!(answer.content, "the server `one` went away in the middle of the call");
        let failed = until_it_is(&stand, "one", "failed").await;
        assert_eq!(failed["error"], "it ended with code 3");
        assert!(failed["printed"].as_str().expect("text").contains("one has started"));
        assert_eq!(call(&stand, "two__echo", json!({"text": "x"})).await.content, "two: x");
        let answer = call(&stand, "one__echo", json!({})).await;
        assert!(answer.is_error && answer.content.contains("it ended with code 3"), "{answer:?}");
        assert_eq!(tools(&stand).await, before, "what a model is offered stays the same for a while");
        stand.advance(Duration::from_secs(1)).await;
        until(&stand, "one", |one| one["state"] == "ready" && one["starts"] == 2).await;
        assert_eq!(call(&stand, "one__echo", json!({"text": "x"})).await.content, "one: x");
        assert_eq!(tools(&stand).await, before);
        stand.stop().await;
    });
}

/// Lets time pass until a server is tried again, and no longer: what it does then takes none. Gives how much passed.
async fn advance_until_started(stand: &Stand, name: &str) -> Duration {
    const STEP: Duration = Duration::from_millis(100);
    let before = until_it_is(stand, name, "failed").await["starts"].clone();
    let mut passed = Duration::ZERO;
    while until(stand, name, |_| true).await["starts"] == before {
        assert!(passed < Duration::from_mins(2), "it is not tried again");
        stand.advance(STEP).await;
        passed += STEP;
    }
    passed
}

#[test]
fn a_server_that_fails_again_and_again_is_tried_less_and_less_and_its_tools_go() {
    both_ways_paused(async |stand| {
        let go = stand.root().join("broken");
        let mut real = server("real");
        let command = real["command"].as_array().expect("a list").clone();
        let check = format!("if [ -e '{}' ]; then echo oh no >&2; exit 4; fi; exec \"$@\"", go.display());
        real["command"] = ["sh", "-c", check.as_str(), "sh"].map(serde_json::Value::from).into();
        real["command"].as_array_mut().expect("a list").extend(command);
        let stand = World::default().start(stand, json!({"servers": {"real": real}, "wait_ms": 0})).await;
        until_it_is(&stand, "real", "ready").await;
        std::fs::write(&go, "").expect("written");
        call(&stand, "real__crash", json!({})).await;
        for starts in 1..4 {
            let told = until(&stand, "real", |one| one["state"] == "failed" && one["starts"] == starts).await;
            let offered = tools(&stand).await.len();
            assert_eq!(offered > 0, starts < 3, "behind start {starts}: {told}");
            let waited = advance_until_started(&stand, "real").await;
            let whole = Duration::from_secs(1 << (starts - 1));
            assert!(
                waited <= whole + Duration::from_millis(100) && waited >= whole.mul_f64(0.7),
                "{waited:?} behind start {starts}"
            );
        }
        let told = until(&stand, "real", |one| one["state"] == "failed" && one["starts"] == 4).await;
        assert_eq!(told["error"], "it ended with code 4");
        assert!(told["printed"].as_str().expect("text").ends_with("oh no\n"));
        std::fs::remove_file(&go).expect("removed");
        advance_until_started(&stand, "real").await;
        until_it_is(&stand, "real", "ready").await;
        assert!(names(&tools(&stand).await).contains(&"real__echo"));
        stand.stop().await;
    });
}

#[test]
fn a_call_that_hangs_ends_at_its_deadline_and_the_server_is_told() {
    both_ways_paused(async |stand| {
        let (began, cancelled) = (stand.root().join("began"), stand.root().join("cancelled"));
        let mut real = server("real");
        real["timeout_s"] = 5.into();
        let stand = World::default().start(stand, json!({"servers": {"real": real}, "wait_ms": 0})).await;
        until_it_is(&stand, "real", "ready").await;
        let hanging = call(&stand, "real__hang", json!({"began": began, "cancelled": cancelled}));
        let (answer, ()) = tokio::join!(hanging, async {
            stand.until(|| began.exists()).await;
            stand.advance(Duration::from_secs(5)).await;
        });
        assert_eq!(answer.content, "the server `real` did not answer within 5 s");
        stand.until(|| cancelled.exists()).await;
        let told = until(&stand, "real", |real| real["unanswered"]["answersPings"] == true).await;
        assert_eq!((&told["state"], &told["unanswered"]["calls"]), (&json!("hanging"), &json!(1)));
        assert_eq!((&told["unanswered"]["tool"], &told["unanswered"]["forS"]), (&json!("hang"), &json!(5)));
        let lines = cli(&stand, &[]).await.output;
        assert!(
            lines.contains("! it has not answered a call of `hang`, made 5 s ago; it answers pings\n"),
            "{lines}"
        );
        stand.advance(Duration::from_mins(2)).await;
        let told = until(&stand, "real", |_| true).await;
        assert_eq!(told["starts"], 1, "it is there, and is not started anew");
        assert_eq!(call(&stand, "real__echo", json!({"text": "x"})).await.content, "real: x");
        let told = until_it_is(&stand, "real", "ready").await;
        assert_eq!(told.get("unanswered"), None);
        stand.stop().await;
    });
}

#[test]
fn a_server_that_answers_nothing_any_more_is_seen_to_hang_and_started_anew() {
    both_ways_paused(async |stand| {
        let began = stand.root().join("began");
        let mut real = server("real");
        real["timeout_s"] = 5.into();
        let stand = World::default().start(stand, json!({"servers": {"real": real}, "wait_ms": 0})).await;
        until_it_is(&stand, "real", "ready").await;
        let (answer, process) = tokio::join!(call(&stand, "real__freeze", json!({"began": began})), async {
            let process = read(&began).await;
            stand.advance(Duration::from_secs(5)).await;
            process
        });
        assert_eq!(answer.content, "the server `real` did not answer within 5 s");
        let told = until_it_is(&stand, "real", "hanging").await;
        assert_eq!(told["unanswered"]["answersPings"], false);
        stand.advance(Duration::from_secs(10)).await;
        let told = until_it_is(&stand, "real", "failed").await;
        assert_eq!(told["error"], "it answered neither a call nor, within 10 s, a ping");
        assert_eq!(told.get("unanswered"), None);
        until_gone(&process).await;
        stand.advance(Duration::from_secs(1)).await;
        until(&stand, "real", |real| real["state"] == "ready" && real["starts"] == 2).await;
        assert_eq!(call(&stand, "real__echo", json!({"text": "x"})).await.content, "real: x");
        stand.stop().await;
    });
}

#[test]
fn a_call_that_is_dropped_is_cancelled_at_the_server() {
    both_ways(async |stand| {
        let (began, cancelled) = (stand.root().join("began"), stand.root().join("cancelled"));
        let stand = with(stand, json!({"real": server("real")})).await;
        tools(&stand).await;
        let input = json!({"began": began, "cancelled": cancelled});
        tokio::select! {
            answer = call(&stand, "real__hang", input) => panic!("it hangs: {answer:?}"),
            () = stand.until(|| began.exists()) => {}
        }
        stand.until(|| cancelled.exists()).await;
        stand.stop().await;
    });
}

#[test]
fn a_flood_ends_the_connection_of_its_server_alone() {
    both_ways(async |stand| {
        let stand = with(stand, json!({"one": server("one"), "two": server("two")})).await;
        tools(&stand).await;
        let answer = call(&stand, "one__flood", json!({})).await;
        assert_eq!(answer.content, "the server `one` went away in the middle of the call");
        let told = until(&stand, "one", |one| one["error"].is_string() || one["starts"] == 2).await;
        if told["error"].is_string() {
            let expected = "it wrote more than 65536 bytes that are no messages to its standard output";
            assert_eq!(told["error"], expected);
        }
        assert_eq!(call(&stand, "two__echo", json!({"text": "x"})).await.content, "two: x");
        stand.stop().await;
    });
}

#[test]
fn an_answer_that_is_too_long_is_cut_and_says_so() {
    both_ways(async |stand| {
        let stand = with(stand, json!({"real": server("real")})).await;
        tools(&stand).await;
        let answer = call(&stand, "real__big", json!({})).await.content;
        assert!(answer.len() < (1 << 20) + 100 && answer.ends_with("first 1048576 is left out]"));
        stand.stop().await;
    });
}

#[test]
fn of_very_many_tools_as_many_are_offered_as_may_be() {
    both_ways(async |stand| {
        let mut many = server("many");
        many["environment"]["TOOLS"] = "2000".into();
        let stand = with(stand, json!({"many": many})).await;
        let offered = tools(&stand).await;
        assert_eq!(offered.len(), 500);
        let told = get(&stand, "/mcp").await["servers"][0]["problems"].clone();
        assert_eq!(told, json!(["it lists more than 500 tools; those behind them are left out"]));
        assert_eq!(tools(&stand).await, offered);
        stand.stop().await;
    });
}

#[test]
fn a_server_that_does_not_speak_the_protocol_fails_with_what_it_did() {
    both_ways(async |stand| {
        let version = r#"read -r line; echo '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"1999-01-01","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}}'; sleep 1000"#;
        let refuses = r#"read -r line; echo '{"jsonrpc":"2.0","id":0,"error":{"code":-32000,"message":"go away"}}'; sleep 1000"#;
        let servers = json!({
            "chatter": script("while echo 'this is no JSON and never will be'; do :; done"),
            "old": script(version),
            "refuses": script(refuses),
            "short": script("echo no luck >&2; exit 7"),
            "nowhere": {"command": ["/no/such/program"]},
            "real": server("real"),
        });
        let stand = with(stand, servers).await;
        for (name, error) in [
            ("chatter", "it wrote more than 65536 bytes that are no messages to its standard output"),
            ("old", "it speaks version `1999-01-01` of the protocol, which is not known"),
            ("refuses", "it refused: go away"),
            ("short", "it ended with code 7"),
            ("nowhere", "`/no/such/program` cannot be started: No such file or directory (os error 2)"),
        ] {
            let told = until(&stand, name, |one| one["error"].is_string()).await;
            assert_eq!(told["error"], error, "{told:#}");
        }
        until_it_is(&stand, "real", "ready").await;
        assert!(tools(&stand).await.iter().all(|tool| tool.name.starts_with("real__")));
        stand.stop().await;
    });
}

#[test]
fn keys_of_the_host_are_not_in_a_servers_environment() {
    both_ways(async |stand| {
        let mut real = server("real");
        real["environment"]["ITS_OWN"] = "x".into();
        let stand = with(stand, json!({"real": real})).await;
        tools(&stand).await;
        let allowed = ["PATH", "HOME", "LANG", "TERM", "TMPDIR", "ITS_OWN", "MCP_TEST_SERVER", "PWD"];
        let is_allowed = |name: &str| allowed.contains(&name) || name.starts_with("LC_");
        // Whatever the test itself was given, such as by cargo.
        assert!(std::env::vars().any(|(name, _)| !is_allowed(&name)), "there is something to pass on");
        let told = call(&stand, "real__variables", json!({})).await.content.into_string();
        assert!(told.split(' ').all(is_allowed), "{told}");
        assert!(told.contains("ITS_OWN"), "{told}");
        stand.stop().await;
    });
}

#[test]
fn nothing_is_left_running_when_the_plugin_has_stopped_or_was_replaced() {
    both_ways(async |stand| {
        let (marker, stubborn) = (stand.root().join("marker"), stand.root().join("stubborn"));
        let mut real = server("real");
        real["environment"]["MARKER"] = marker.display().to_string().into();
        // It has a child, and neither of them ends by itself.
        let deaf = format!(
            "trap '' TERM INT HUP; (trap '' TERM INT HUP; while :; do sleep 1000; done) & echo \"$$ $!\" >'{}'; while :; do wait; done",
            stubborn.display()
        );
        let settings = json!({"servers": {"real": real, "deaf": script(&deaf)}, "wait_ms": 0});
        let stand = World::default().start(stand, settings.clone()).await;
        until_it_is(&stand, "real", "ready").await;
        let mut processes = vec![read(&marker).await];
        processes.extend(read(&stubborn).await.split_whitespace().map(str::to_owned));
        assert!(processes.len() == 3 && processes.iter().all(|process| is_running(process)));
        std::fs::remove_file(&marker).expect("removed");
        stand.reload::<transom_mcp::Mcp>(settings, Duration::from_secs(1)).await.expect("it is replaced");
        for process in &processes {
            until_gone(process).await;
        }
        let process = read(&marker).await;
        let began = Instant::now();
        stand.stop().await;
        assert!(!is_running(&process) && began.elapsed() < Duration::from_secs(4));
    });
}

#[test]
fn what_is_secret_is_not_told() {
    both_ways(async |stand| {
        let mut leaky = script("echo \"my key is $KEY\" >&2; exit 1");
        leaky["environment"] = json!({"KEY": "s3cret-of-the-operator"});
        let stand = with(stand, json!({"leaky": leaky})).await;
        let told = until(&stand, "leaky", |one| one["error"].is_string()).await;
        assert_eq!(told["printed"].as_str().expect("text").lines().next(), Some("my key is …"));
        let all = get(&stand, "/mcp").await.to_string();
        let log = format!("{:?}", stand.log());
        assert!(!all.contains("s3cret") && !log.contains("s3cret"));
        stand.stop().await;
    });
}

#[test]
fn two_servers_with_a_tool_of_one_name_are_told_apart_and_none_takes_the_name_of_anothers() {
    both_ways(async |stand| {
        let servers = json!({"a": server("a"), "b": server("b"), "a_": server("a_")});
        let stand = with(stand, servers).await;
        for name in ["a", "b", "a_"] {
            until_it_is(&stand, name, "ready").await;
        }
        let tools = tools(&stand).await;
        let mut told = std::collections::BTreeSet::new();
        for tool in tools.iter().filter(|tool| tool.name.contains("echo")) {
            told.insert(call(&stand, &tool.name, json!({"text": ""})).await.content.to_string());
        }
        assert_eq!(told.into_iter().collect::<Vec<_>>(), ["a: ", "a_: ", "b: "]);
        let missing = call_in(&stand, &stand.root(), "a__none", json!({})).await;
        assert!(missing.is_err());
        stand.stop().await;
    });
}
