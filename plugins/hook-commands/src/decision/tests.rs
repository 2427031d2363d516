//! From an exit code and two outputs to a decision, as the documentation of the format tells it.

use serde_json::json;

use super::*;

fn exited(code: i32, out: &str, error: &str) -> Ended {
    Ended::Exited { code, out: out.to_owned(), error: error.to_owned() }
}

fn of(occasion: Occasion, out: &Value) -> Heard {
    heard(occasion, &exited(0, &out.to_string(), ""))
}

fn block(reason: &str) -> Option<Verdict> {
    Some(Verdict::Block(reason.to_owned()))
}

fn says(said: Said) -> Heard {
    Heard::Said(Box::new(said))
}

fn failure(heard: &Heard) -> &str {
    match heard {
        Heard::Failed(problem) => problem,
        other => panic!("it did not fail: {other:?}"),
    }
}

#[test]
fn silence_is_no_decision_and_words_are_context_where_a_model_reads_them() {
    for occasion in Occasion::ALL {
        assert_eq!(heard(occasion, &exited(0, " \n", "noise")), says(Said::default()), "{occasion:?}");
        let words = heard(occasion, &exited(0, "it rains\n", ""));
        let context = occasion.reads_words().then(|| "it rains".to_owned());
        assert_eq!(words, says(Said { context, ..Said::default() }), "{occasion:?}");
    }
    for plain in ["[1]", "true", "\"block\"", "7"] {
        assert_eq!(heard(Occasion::PreToolUse, &exited(0, plain, "")), says(Said::default()), "{plain}");
    }
}

#[test]
fn exit_code_2_is_a_no_with_its_reason_wherever_something_can_be_kept_from_happening() {
    for occasion in Occasion::ALL {
        let heard = heard(occasion, &exited(2, "{\"decision\": \"approve\"}", " not here \n"));
        match occasion {
            Occasion::SessionStart
            | Occasion::PostCompact
            | Occasion::Notification
            | Occasion::SessionEnd => {
                assert_eq!(heard, Heard::Complained("ended with exit code 2: not here".to_owned()));
            }
            _ => assert_eq!(
                heard,
                says(Said { verdict: block("not here"), ..Said::default() }),
                "{occasion:?}"
            ),
        }
    }
    let mute = heard(Occasion::Stop, &exited(2, "", ""));
    assert_eq!(mute, says(Said { verdict: block("without a reason"), ..Said::default() }));
}

#[test]
fn other_exit_codes_decide_nothing_and_are_shown() {
    for code in [1, 3, 125, 128, 193, 255] {
        let told = format!("ended with exit code {code}: oh");
        assert_eq!(
            heard(Occasion::PreToolUse, &exited(code, "{\"decision\": \"block\"}", "oh\n")),
            Heard::Complained(told)
        );
    }
}

#[test]
fn what_does_not_end_by_itself_or_cannot_be_run_has_failed() {
    for (ended, told) in [
        (
            exited(127, "", "sh: 1: nowhere: not found"),
            "could not be run (exit code 127): sh: 1: nowhere: not found",
        ),
        (exited(126, "", ""), "could not be run (exit code 126): "),
        (Ended::Killed(11), "was ended by signal 11"),
        (Ended::Late(Duration::from_secs(60)), "took longer than 60 s"),
        (Ended::Late(Duration::from_millis(1_500)), "took longer than 1500 ms"),
        (Ended::Flooded(1 << 20), "printed more than 1048576 bytes"),
        (Ended::NotRun("no such folder".to_owned()), "could not be run: no such folder"),
        (Ended::Cut, "was ended, because this plugin is being stopped or replaced"),
    ] {
        assert_eq!(failure(&heard(Occasion::PreToolUse, &ended)), told);
    }
}

#[test]
fn an_object_blocks_stops_tells_and_adds() {
    for occasion in [Occasion::UserPromptSubmit, Occasion::PostToolUse, Occasion::Stop, Occasion::PreCompact]
    {
        let blocked = of(occasion, &json!({"decision": "block", "reason": "go on", "suppressOutput": true}));
        assert_eq!(blocked, says(Said { verdict: block("go on"), ..Said::default() }), "{occasion:?}");
        let stop = Some("enough".to_owned());
        let stopped = of(occasion, &json!({"continue": false, "stopReason": "enough"}));
        assert_eq!(stopped, says(Said { stop, ..Said::default() }));
        let told = of(occasion, &json!({"continue": true, "systemMessage": "hello"}));
        assert_eq!(told, says(Said { tells: Some("hello".to_owned()), ..Said::default() }));
        let output = json!({"hookEventName": occasion.name(), "additionalContext": "more"});
        let added = of(occasion, &json!({ "hookSpecificOutput": output }));
        assert_eq!(added, says(Said { context: Some("more".to_owned()), ..Said::default() }));
    }
    assert_eq!(of(Occasion::Stop, &json!({})), says(Said::default()));
    assert_eq!(of(Occasion::Stop, &json!({"decision": null, "futureField": [1]})), says(Said::default()));
}

#[test]
fn a_call_is_allowed_denied_asked_about_or_changed() {
    let pre = |output: Value| of(Occasion::PreToolUse, &json!({ "hookSpecificOutput": output }));
    for (word, verdict) in [
        ("allow", Verdict::Allow),
        ("ask", Verdict::Ask("why".to_owned())),
        ("deny", Verdict::Block("why".to_owned())),
    ] {
        let heard = pre(
            json!({"hookEventName": "PreToolUse", "permissionDecision": word, "permissionDecisionReason": "why"}),
        );
        assert_eq!(heard, says(Said { verdict: Some(verdict), ..Said::default() }));
    }
    let input = Some(json!({"command": "ls"}));
    assert_eq!(pre(json!({"updatedInput": {"command": "ls"}})), says(Said { input, ..Said::default() }));
    let old = of(Occasion::PreToolUse, &json!({"decision": "approve"}));
    assert_eq!(old, says(Said { verdict: Some(Verdict::Allow), ..Said::default() }));
    let both =
        json!({"decision": "block", "reason": "no", "hookSpecificOutput": {"permissionDecision": "allow"}});
    assert_eq!(of(Occasion::PreToolUse, &both), says(Said { verdict: block("no"), ..Said::default() }));
}

#[test]
fn a_question_is_answered_by_behaviour() {
    let request = |decision: Value| {
        let output = json!({"hookEventName": "PermissionRequest", "decision": decision});
        of(Occasion::PermissionRequest, &json!({ "hookSpecificOutput": output }))
    };
    let allowed = says(Said { verdict: Some(Verdict::Allow), ..Said::default() });
    assert_eq!(request(json!({"behavior": "allow"})), allowed);
    assert_eq!(
        request(json!({"behavior": "deny", "message": "no", "interrupt": true})),
        says(Said { verdict: block("no"), stop: Some("no".to_owned()), ..Said::default() })
    );
    failure(&request(json!({"behavior": "allow", "updatedInput": {}})));
    failure(&request(json!({"behavior": "perhaps"})));
    failure(&request(json!({})));
}

#[test]
fn what_may_have_been_meant_as_a_no_is_not_passed_over() {
    for object in [
        json!({"decision": "deny"}),
        json!({"decision": false}),
        json!({"continue": "false"}),
        json!({"hookSpecificOutput": "deny"}),
        json!({"hookSpecificOutput": {"permissionDecision": "defer"}}),
        json!({"hookSpecificOutput": {"permissionDecision": true}}),
        json!({"hookSpecificOutput": {"updatedInput": "ls"}}),
        json!({"hookSpecificOutput": {"hookEventName": "PostToolUse", "permissionDecision": "deny"}}),
    ] {
        assert!(failure(&of(Occasion::PreToolUse, &object)).starts_with("printed "), "{object}");
    }
    let cut = heard(Occasion::PreToolUse, &exited(0, "{\"decision\": \"bl", ""));
    assert!(failure(&cut).starts_with("printed no JSON: "));
}

#[test]
fn of_two_verdicts_the_stricter_counts_and_of_equal_ones_the_first() {
    let ask = |why: &str| Some(Verdict::Ask(why.to_owned()));
    assert_eq!(stricter(Some(Verdict::Allow), ask("a")), ask("a"));
    assert_eq!(stricter(block("a"), ask("b")), block("a"));
    assert_eq!(stricter(ask("a"), ask("b")), ask("a"));
    assert_eq!(stricter(None, Some(Verdict::Allow)), Some(Verdict::Allow));
    assert_eq!(stricter(Some(Verdict::Allow), None), Some(Verdict::Allow));
}

#[test]
fn reasons_and_contexts_are_bounded_between_characters() {
    let long = "é".repeat(LONGEST + 1);
    let Heard::Said(said) = heard(Occasion::SessionStart, &exited(0, &long, "")) else {
        panic!("it is context")
    };
    let context = said.context.expect("it is context");
    assert_eq!(context, format!("{}\n[what follows is left out]", "é".repeat(LONGEST)));
}
