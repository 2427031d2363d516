//! The plugin from outside: calls come to the gate, persons answer, operators add rules.

#[path = "plugin/answers.rs"]
mod answers;
#[path = "plugin/listings.rs"]
mod listings;
#[path = "plugin/page.rs"]
mod page;
#[path = "plugin/store.rs"]
mod store;

use std::future::ready;
use std::time::Duration;

use serde_json::{Value, json as value};
use transom_agent::conversation::{Conversation, Conversations, FIND, LIST};
use transom_agent::reach::{CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpRequest};
use transom_agent::tool::{Effect, GATE, GatedCall, TOOL, ToolDefinition, ToolGate, ToolOutput, Verdict};
use transom_permissions::Permissions;
use transom_plugin_api::{CallError, CallErrorKind, Json, List, Maybe, Text};
use transom_testkit::{ContractCheck, Stand, both_ways, json};

use crate::store::Store;

/// Conversations `one` and `two`.
fn put_conversations(stand: &Stand) {
    stand.serve(FIND, |id: Text, _| {
        ready(match id.as_str() {
            "one" | "two" => Ok(Conversation::new(id, 0)),
            _ => Err(CallError::not_found("there is no such conversation")),
        })
    });
    stand.serve(LIST, |query, _| {
        let begin_so = ["one", "two"].into_iter().filter(move |id| id.starts_with(query.prefix.as_str()));
        let conversations = begin_so.map(|id| Conversation::new(id, 0)).collect();
        ready(Ok(Conversations { conversations }))
    });
}

async fn started(stand: Stand, store: &Store, settings: Value) -> Stand {
    let stand = stand.plugin::<Permissions>(settings);
    store.put_on(&stand);
    put_conversations(&stand);
    let shell = definition("run_shell", Effect::Runs { command: "command".into() });
    stand.serve_named(TOOL, "run_shell", shell, |_, _| ready(Ok(ToolOutput::ok(""))));
    stand.start().await.expect("it starts");
    stand
}

fn definition(name: &str, effect: Effect) -> ToolDefinition {
    ToolDefinition {
        name: name.into(),
        description: "".into(),
        parameters: Json::default(),
        concurrency_safe: false,
        effects: Maybe::Some(List::from([effect])),
    }
}

fn shell(command: &str, answered: Option<&str>) -> GatedCall {
    GatedCall {
        tool_call_id: "1".into(),
        tool_name: "run_shell".into(),
        input: Json::from(value!({ "command": command })),
        verdict: Verdict::Allow {},
        plugin: "tool-shell".into(),
        effects: Maybe::Some(List::from([Effect::Runs { command: "command".into() }])),
        answered: answered.map(Text::from).into(),
        judged: false,
    }
}

fn gate(
    stand: &Stand,
    conversation: &str,
    calls: impl IntoIterator<Item = GatedCall>,
    again: bool,
) -> ToolGate {
    ToolGate {
        conversation_id: conversation.into(),
        turn_id: "t".into(),
        cwd: stand.root().to_str().expect("text").into(),
        calls: calls.into_iter().collect(),
        again,
    }
}

/// What becomes of a command of a conversation.
async fn judged(stand: &Stand, conversation: &str, command: &str) -> Verdict {
    let gate = gate(stand, conversation, [shell(command, None)], false);
    stand.applier(GATE).apply(gate).await.expect("judged").calls[0].verdict.clone()
}

/// What becomes of a command about which a person was asked and has chosen.
async fn answered(stand: &Stand, conversation: &str, command: &str, choice: &str) -> Verdict {
    let gate = gate(stand, conversation, [shell(command, Some(choice))], true);
    stand.applier(GATE).apply(gate).await.expect("judged").calls[0].verdict.clone()
}

fn choices(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Ask { choices, allowing, .. } => {
            assert_eq!(*allowing as usize, choices.len() - 1, "the last one denies");
            choices.iter().map(ToString::to_string).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn is_asked(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Ask { .. })
}

async fn command(stand: &Stand, words: &[&str]) -> CliOutcome {
    let arguments: List<_> = words.iter().map(|word| (*word).into()).collect();
    let call = CliCall { arguments, ..CliCall::default() };
    stand.caller(CLI_COMMAND).call_named("permissions", call).await.expect("it runs")
}

async fn http(stand: &Stand, route: &str, body: Value) -> Result<Value, (CallErrorKind, String)> {
    let (method, path) = route.split_once(' ').expect("a method and a path");
    let mut request = HttpRequest::new(method, path);
    if method == "GET" || method == "DELETE" {
        for (name, text) in body.as_object().into_iter().flatten() {
            request.query.insert(name.as_str(), text.as_str().expect("text").into());
        }
    } else {
        request.body = Json::from(body);
    }
    let reply = stand.caller(HTTP_ROUTE).call_named(route, request).await;
    reply.map(|reply| reply.body.value()).map_err(|error| (error.kind, error.message.into_string()))
}

#[test]
fn it_keeps_the_promises_of_every_plugin() {
    ContractCheck::<Permissions>::with_settings(json!({}))
        .around(|stand| {
            Store::default().put_on(stand);
            put_conversations(stand);
        })
        .run();
}

#[test]
fn a_person_is_asked_with_choices_and_a_time_and_what_is_denied_is_not_made_lenient() {
    both_ways(async |stand| {
        let settings =
            json!({"answer_within_s": 60, "allow": ["run_shell(ls *)"], "deny": ["run_shell(rm *)"]});
        let stand = started(stand, &Store::default(), settings).await;
        let asked = judged(&stand, "one", "cargo test").await;
        let folder = stand.root().display().to_string();
        assert_eq!(
            choices(&asked),
            [
                "Allow once".to_owned(),
                "Allow `run_shell(cargo test *)` in this conversation".to_owned(),
                format!("Allow `run_shell(cargo test *)` in {folder}"),
                "Deny".to_owned(),
            ]
        );
        let Verdict::Ask { text, answer_within_ms, .. } = &asked else { panic!("{asked:?}") };
        assert_eq!(*text, format!("May `run_shell` run `cargo test`, in `{folder}`?"));
        assert_eq!(*answer_within_ms, Maybe::Some(60_000));
        assert_eq!(judged(&stand, "one", "ls -l").await, Verdict::Allow {});
        let denied = judged(&stand, "one", "ls; rm x").await;
        assert_eq!(denied, Verdict::Deny { reason: "the rule `run_shell(rm *)` forbids it".into() });
        let mut call = shell("ls", None);
        call.verdict = Verdict::Deny { reason: "by another".into() };
        let passed = stand.applier(GATE).apply(gate(&stand, "one", [call], false)).await.expect("judged");
        assert_eq!(passed.calls[0].verdict, Verdict::Deny { reason: "by another".into() });
        stand.stop().await;
    });
}

#[test]
fn an_answer_for_a_conversation_holds_there_and_nowhere_else_and_goes_with_it() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store, json!({})).await;
        let choice = choices(&judged(&stand, "one", "cargo test").await)[1].clone();
        assert_eq!(answered(&stand, "one", "cargo test", &choice).await, Verdict::Allow {});
        assert_eq!(judged(&stand, "one", "cargo test --all").await, Verdict::Allow {});
        assert!(is_asked(&judged(&stand, "two", "cargo test").await));
        assert!(is_asked(&judged(&stand, "one", "cargo build").await));
        assert_eq!(store.count("c/one/rule/"), 1);
        // The conversation is deleted, and another one made by its id.
        store.kept().rows.clear();
        assert!(is_asked(&judged(&stand, "one", "cargo test").await));
        stand.stop().await;
    });
}

#[test]
fn an_answer_for_a_folder_holds_there_for_every_conversation_and_after_a_restart() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store, json!({})).await;
        let choice = choices(&judged(&stand, "one", "cargo test").await)[2].clone();
        answered(&stand, "one", "cargo test", &choice).await;
        // The same answer once more, as after a crash, is the same rule.
        answered(&stand, "one", "cargo test", &choice).await;
        assert_eq!(store.count("rule/"), 1);
        stand.reload::<Permissions>(json!({}), Duration::from_secs(10)).await.expect("it is replaced");
        assert_eq!(judged(&stand, "two", "cargo test --all").await, Verdict::Allow {});
        let mut elsewhere = gate(&stand, "one", [shell("cargo test", None)], false);
        elsewhere.cwd = "/".into();
        let elsewhere = stand.applier(GATE).apply(elsewhere).await.expect("judged");
        assert!(is_asked(&elsewhere.calls[0].verdict));
        let mut of_another = shell("cargo test", None);
        of_another.plugin = "stranger".into();
        let of_another =
            stand.applier(GATE).apply(gate(&stand, "one", [of_another], false)).await.expect("judged");
        assert!(is_asked(&of_another.calls[0].verdict), "it is another plugin's tool now");
        let stand = stand.stop().await.stand();
        let stand = started(stand, &store, json!({})).await;
        assert_eq!(judged(&stand, "two", "cargo test").await, Verdict::Allow {});
        stand.stop().await;
    });
}

#[test]
fn an_answer_for_once_and_words_that_were_not_offered_are_not_remembered() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store, json!({})).await;
        for choice in
            ["Allow once", "Allow `run_shell` in /", "Allow `run_shell(cargo *)` in this conversation"]
        {
            assert_eq!(answered(&stand, "one", "cargo test", choice).await, Verdict::Allow {});
            assert!(is_asked(&judged(&stand, "one", "cargo test").await), "{choice}");
        }
        assert_eq!(store.kept().rows.len(), 0);
        stand.stop().await;
    });
}

#[test]
fn attack_a_rule_that_forbids_what_a_person_is_being_asked_about_counts_before_their_answer() {
    both_ways(async |stand| {
        let stand = started(stand, &Store::default(), json!({})).await;
        let choice = choices(&judged(&stand, "one", "cargo test").await)[1].clone();
        let added = command(&stand, &["deny", "run_shell(cargo test *)"]).await;
        assert_eq!(added.code, 0, "{added:?}");
        let denied = answered(&stand, "one", "cargo test", &choice).await;
        assert_eq!(denied, Verdict::Deny { reason: "the rule `run_shell(cargo test *)` forbids it".into() });
        assert!(matches!(judged(&stand, "one", "cargo test").await, Verdict::Deny { .. }));
        stand.stop().await;
    });
}

#[test]
fn rules_that_cannot_be_read_let_nothing_run() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store, json!({})).await;
        let choice = choices(&judged(&stand, "one", "cargo test").await)[1].clone();
        answered(&stand, "one", "cargo test", &choice).await;
        for row in store.kept().rows.values_mut() {
            *row = Json::from(value!("damaged"));
        }
        let refused = stand.applier(GATE).apply(gate(&stand, "one", [shell("ls", None)], false)).await;
        assert!(refused.is_err_and(|error| error.message.contains("is no rule")));
        stand.stop().await;
    });
}

#[test]
fn a_rule_that_cannot_be_kept_does_not_hold() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store, json!({})).await;
        store.kept().is_full = true;
        let refused = command(&stand, &["allow", "run_shell"]).await;
        assert!(refused.code == 1 && refused.complaint.contains("no space is left"), "{refused:?}");
        let choice = choices(&judged(&stand, "one", "cargo test").await)[2].clone();
        assert_eq!(
            answered(&stand, "one", "cargo test", &choice).await,
            Verdict::Allow {},
            "once, as was said"
        );
        assert!(is_asked(&judged(&stand, "one", "cargo test").await));
        stand.stop().await;
    });
}

#[test]
fn rules_are_added_listed_checked_and_forgotten_from_a_terminal() {
    both_ways(async |stand| {
        let stand = started(stand, &Store::default(), json!({"deny": ["run_shell(rm *)"]})).await;
        let folder = stand.root().display().to_string();
        let added = command(&stand, &["allow", "run_shell(make *)", "--folder", &folder]).await;
        let id = added.output.split(' ').next().expect("an id").to_owned();
        assert_eq!(added.output, format!("{id}  allow run_shell(make *)\n"));
        let listed = command(&stand, &[]).await.output;
        assert_eq!(
            listed,
            format!(
                "(settings)    deny   run_shell(rm *)\n{id}  allow  run_shell(make *)  in {folder}\n\
                 a person is asked about what may change something, unless a rule says otherwise\n"
            )
        );
        for (input, expected) in [
            (
                r#"{"command":"make all"}"#,
                format!("allow, by the rule `run_shell(make *)` in {folder} ({id})\n"),
            ),
            (r#"{"command":"rm x"}"#, "deny, by the rule `run_shell(rm *)` of the settings\n".to_owned()),
            (r#"{"command":"ls"}"#, format!("ask: May `run_shell` run `ls`, in `{folder}`?\n")),
        ] {
            let checked = command(&stand, &["--folder", &folder, "check", "run_shell", input]).await;
            assert_eq!(checked.output, expected);
        }
        assert_eq!(command(&stand, &["forget", &id]).await.output, "it is forgotten\n");
        assert_eq!(command(&stand, &["forget", &id]).await.code, 2);
        assert!(is_asked(&judged(&stand, "one", "make all").await));
        for (words, told) in [
            (&["allow"][..], "a word is missing behind `allow`"),
            (&["permit", "x"], "`permit` is none of"),
            (&["allow", "run shell"], "expected the name of a tool"),
            (&["allow", "x", "--folder", "here"], "expected an absolute path"),
            (&["allow", "x", "--conversation", "three"], "there is no conversation"),
            (&["check", "run_shell"], "`--folder` is missing"),
        ] {
            let refused = command(&stand, words).await;
            assert!(refused.code == 2 && refused.complaint.contains(told), "{refused:?}");
        }
        stand.stop().await;
    });
}

#[test]
fn over_http_too() {
    both_ways(async |stand| {
        let stand = started(stand, &Store::default(), json!({})).await;
        let rule = value!({"decision": "deny", "rule": "run_shell", "conversationId": "one"});
        let added = http(&stand, "PUT /permissions", rule).await.expect("added");
        assert!(matches!(judged(&stand, "one", "ls").await, Verdict::Deny { .. }));
        assert!(is_asked(&judged(&stand, "two", "ls").await));
        let listed =
            http(&stand, "GET /permissions", value!({"conversationId": "one"})).await.expect("listed");
        assert_eq!((&listed["rules"][0], &listed["otherwise"]), (&added, &value!("ask")));
        assert_eq!(http(&stand, "GET /permissions", value!({})).await.expect("listed")["rules"], value!([]));
        let call =
            value!({"tool": "run_shell", "input": {"command": "ls"}, "folder": "/", "conversationId": "one"});
        let judged = http(&stand, "POST /permissions/check", call).await.expect("judged");
        assert_eq!((&judged["decision"], &judged["by"][0]["id"]), (&value!("deny"), &added["id"]));
        http(&stand, "DELETE /permissions", value!({"id": added["id"]})).await.expect("forgotten");
        use CallErrorKind::{InvalidInput, NotFound};
        for (route, body, kind, told) in [
            ("PUT /permissions", value!({"rule": "x"}), InvalidInput, "`decision` is missing"),
            (
                "PUT /permissions",
                value!({"rule": "x", "decision": "maybe"}),
                InvalidInput,
                "expected `allow`",
            ),
            ("PUT /permissions", value!({"rule": 3, "decision": "ask"}), InvalidInput, "`rule` is `3`"),
            (
                "PUT /permissions",
                value!({"rule": "x", "decision": "ask", "conversationId": "three"}),
                NotFound,
                "no such",
            ),
            (
                "PUT /permissions",
                value!({"rule": "x", "decision": "ask", "folder": "/", "conversationId": "one"}),
                InvalidInput,
                "not in both",
            ),
            ("PUT /permissions", value!({"rules": []}), InvalidInput, "`rules` is unknown"),
            ("GET /permissions", value!({"folders": "x"}), InvalidInput, "`folders` in the query is unknown"),
            ("DELETE /permissions", value!({}), InvalidInput, "`id` is missing"),
            ("DELETE /permissions", value!({"id": "none"}), NotFound, "`none`"),
            (
                "POST /permissions/check",
                value!({"tool": "nothing", "folder": "/"}),
                NotFound,
                "no tool `nothing`",
            ),
        ] {
            let (found, message) = http(&stand, route, body).await.expect_err("refused");
            assert!(found == kind && message.contains(told), "{route}: {found:?} {message}");
        }
        stand.stop().await;
    });
}

#[test]
fn settings_that_cannot_be_meant_are_refused_by_name() {
    both_ways(async |stand| {
        for (settings, told) in [
            (json!({"allow": ["run shell"]}), "setting `allow`"),
            (json!({"deny": ["x([a)"]}), "setting `deny`"),
            (json!({"otherwise": "perhaps"}), "setting `otherwise`"),
        ] {
            let stand = Stand::new().plugin::<Permissions>(settings);
            put_conversations(&stand);
            let error = stand.start().await.expect_err("refused").to_string();
            assert!(error.contains(told), "{error}");
        }
        drop(stand);
    });
}
