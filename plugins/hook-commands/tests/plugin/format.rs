//! The format: the same file gives the decisions that its documentation tells, at each of its events.

use serde_json::{Value, json};
use transom_agent::compaction::{COMPACTED, COMPACTING, Compacted, Draft, Summary};
use transom_agent::conversation::CLOSED;
use transom_agent::notice::{NOTICE, Notice};
use transom_agent::question::{ANSWER, AnswerQuestion, Answered, OpenQuestion, QUESTION_ASKED};
use transom_agent::tool::{GATE, RAN, ToolOutput, ToolRan, Verdict};
use transom_agent::turn::{ENDING, STOP, Stopped, TurnEnding};
use transom_plugin_api::{CallErrorKind, List, Maybe, Shared, Text};
use transom_testkit::{Stand, both_ways};

use crate::world::{World, cwd, denied, gate_of, keeps, one, prints, several};

fn specific(event: &str, mut fields: Value) -> Value {
    fields["hookEventName"] = json!(event);
    json!({ "hookSpecificOutput": fields })
}

fn decides(decision: &str) -> String {
    let fields = json!({"permissionDecision": decision, "permissionDecisionReason": "it says so"});
    prints(&specific("PreToolUse", fields))
}

/// Whether the gate asks, what and with which choices.
fn is_question(verdict: &Verdict, why: &str) -> bool {
    matches!(verdict, Verdict::Ask { text, choices, allowing: 1, .. }
        if text.contains(why) && choices[..] == ["Allow", "Deny"])
}

#[test]
fn a_call_is_denied_asked_about_or_left_alone_as_its_hook_says() {
    both_ways(async |stand| {
        let world = World::started(stand, &json!({})).await;
        let cases = [
            ("exit 0".to_owned(), Verdict::Allow {}),
            ("echo fine".to_owned(), Verdict::Allow {}),
            ("echo no such thing >&2; exit 2".to_owned(), denied("no such thing")),
            ("echo oh >&2; exit 1".to_owned(), Verdict::Allow {}),
            ("exit 3".to_owned(), Verdict::Allow {}),
            (decides("allow"), Verdict::Allow {}),
            (decides("deny"), denied("it says so")),
            (prints(&json!({"decision": "block", "reason": "old"})), denied("old")),
            (prints(&json!({"decision": "approve"})), Verdict::Allow {}),
            (prints(&json!({"suppressOutput": true})), Verdict::Allow {}),
        ];
        for (command, expected) in cases {
            world.write(&one("PreToolUse", "Bash", &command));
            assert_eq!(world.verdict().await, expected, "{command}");
        }
        world.write(&one("PreToolUse", "Bash", &decides("ask")));
        let asked = world.verdict().await;
        assert!(is_question(&asked, "it says so"), "{asked:?}");
        world.stand.stop().await;
    });
}

#[test]
fn a_hook_is_for_the_tools_that_its_matcher_names() {
    both_ways(async |stand| {
        let world = World::started(stand, &json!({})).await;
        for (matcher, tool, is_meant) in [
            ("Bash", "run_shell", true),
            ("run_shell", "run_shell", true),
            ("Edit|Write", "edit_file", true),
            ("MultiEdit", "edit_file", true),
            ("Edit|Write", "read_file", false),
            ("", "anything", true),
            ("*", "anything", true),
            ("mcp__memory__.*", "memory__store", true),
            ("mcp__memory__.*", "other__store", false),
        ] {
            world.write(&one("PreToolUse", matcher, "exit 2"));
            let verdict = world.gated(tool, json!({})).await.verdict;
            assert_eq!(verdict != Verdict::Allow {}, is_meant, "{matcher:?} and {tool}");
        }
        world.stand.stop().await;
    });
}

#[test]
fn a_hook_is_told_of_a_call_by_the_names_that_it_knows() {
    both_ways(async |stand| {
        let world = World::started(stand, &one("PreToolUse", "Write", &keeps("told"))).await;
        world.gated("write_file", json!({"path": "a/../b.txt", "content": "x"})).await;
        let folder = cwd(&world.stand);
        assert_eq!(
            world.kept("told").await,
            json!({
                "session_id": "c", "cwd": folder, "hook_event_name": "PreToolUse", "permission_mode": "default",
                "tool_name": "Write", "tool_input": {"file_path": format!("{folder}/b.txt"), "content": "x"},
                "tool_use_id": "call-1",
            })
        );
        world.stand.stop().await;
    });
}

#[test]
fn what_a_hook_updates_is_what_runs() {
    both_ways(async |stand| {
        let folder = cwd(&stand);
        let updated =
            json!({"file_path": format!("{folder}/safe.txt"), "old_string": "a", "new_string": "c"});
        let fields = json!({"permissionDecision": "allow", "updatedInput": updated});
        let world =
            World::started(stand, &one("PreToolUse", "Edit", &prints(&specific("PreToolUse", fields)))).await;
        let input = json!({"path": "danger.txt", "oldString": "a", "newString": "b"});
        let call = world.gated("edit_file", input).await;
        assert_eq!(call.input.value(), json!({"path": "safe.txt", "oldString": "a", "newString": "c"}));
        assert_eq!(call.verdict, Verdict::Allow {});
        world.stand.stop().await;
    });
}

#[test]
fn several_hooks_run_at_the_same_time_and_the_strictest_of_them_counts() {
    both_ways(async |stand| {
        // Each waits for all of the others.
        let waits = |name: &str| {
            format!(": >{name}.here; while ! [ -e a.here -a -e b.here -a -e c.here ]; do sleep 0.01; done; ")
        };
        let commands = [
            waits("a") + &decides("allow"),
            waits("b") + "echo denied >&2; exit 2",
            waits("c") + &decides("ask"),
        ];
        let commands = commands.each_ref().map(String::as_str);
        let world = World::started(stand, &several("PreToolUse", &commands)).await;
        assert_eq!(world.verdict().await, denied("denied"));
        world.write(&several("PreToolUse", &[&decides("ask"), &decides("allow")]));
        let asked = world.verdict().await;
        assert!(is_question(&asked, "it says so"), "{asked:?}");
        world.stand.stop().await;
    });
}

#[test]
fn no_hook_makes_a_verdict_more_lenient() {
    both_ways(async |stand| {
        let world = World::started(stand, &one("PreToolUse", "", &decides("allow"))).await;
        let ask = Verdict::Ask {
            text: "may it?".into(),
            choices: List::from(["Yes".into(), "No".into()]),
            allowing: 1,
            answer_within_ms: Maybe::None,
        };
        for strict in [denied("somebody says so"), ask] {
            let mut gate = gate_of(&world.stand, "run_shell", json!({"command": "ls"}));
            gate.calls[0].verdict = strict.clone();
            let gate = world.stand.applier(GATE).apply(gate).await.expect("it goes through");
            assert_eq!(gate.calls[0].verdict, strict);
        }
        world.stand.stop().await;
    });
}

#[test]
fn what_a_person_has_answered_is_not_asked_of_hooks_again() {
    both_ways(async |stand| {
        let world = World::started(stand, &one("PreToolUse", "", "touch ran; exit 2")).await;
        let mut gate = gate_of(&world.stand, "run_shell", json!({"command": "ls"}));
        gate.again = true;
        let gate = world.stand.applier(GATE).apply(gate).await.expect("it goes through");
        assert_eq!(gate.calls[0].verdict, Verdict::Allow {});
        assert!(!world.folder().join("ran").exists());
        world.stand.stop().await;
    });
}

#[test]
fn a_message_is_refused_for_the_reason_of_a_hook() {
    both_ways(async |stand| {
        let world = World::started(stand, &json!({})).await;
        for command in [
            "echo not this >&2; exit 2".to_owned(),
            prints(&json!({"decision": "block", "reason": "not this"})),
            prints(&json!({"continue": false, "stopReason": "not this"})),
        ] {
            world.write(&one("UserPromptSubmit", "", &command));
            let refused = world.said("hello", false).await.expect_err("refused");
            assert_eq!((refused.kind, refused.message.as_str()), (CallErrorKind::Refused, "not this"));
        }
        world.stand.stop().await;
    });
}

#[test]
fn what_hooks_say_to_the_model_stands_behind_the_words_and_is_marked() {
    both_ways(async |stand| {
        let world = World::started(stand, &json!({})).await;
        let added = specific("UserPromptSubmit", json!({"additionalContext": "it rains"}));
        for command in ["echo it rains".to_owned(), prints(&added)] {
            world.write(&one("UserPromptSubmit", "", &command));
            let said = world.said("hello", false).await.expect("it is said");
            assert_eq!(said, "hello\n\n<hook event=\"UserPromptSubmit\">\nit rains\n</hook>");
        }
        world.write(&one("UserPromptSubmit", "", &keeps("told")));
        world.said("hello", false).await.expect("it is said");
        assert_eq!(world.kept("told").await["prompt"], "hello");
        world.stand.stop().await;
    });
}

#[test]
fn the_beginning_of_a_conversation_is_told_once_and_again_when_it_was_put_away() {
    both_ways(async |stand| {
        let script = "grep -o '\"source\":\"[a-z]*\"' | cut -d: -f2";
        let world = World::started(stand, &one("SessionStart", "", script)).await;
        let front = |source: &str| format!("<hook event=\"SessionStart\">\n\"{source}\"\n</hook>\n\nhello");
        assert_eq!(world.said("hello", true).await, Ok(front("startup")));
        assert_eq!(world.said("hello", false).await.as_deref(), Ok("hello"));
        world.write(&json!({"hooks": {
            "SessionStart": [{"matcher": "resume", "hooks": [{"type": "command", "command": script}]}],
            "SessionEnd": [{"hooks": [{"type": "command", "command": keeps("ended")}]}],
        }}));
        world.stand.emitter(CLOSED).emit(&Text::from("c"));
        let ended = world.kept("ended").await;
        assert_eq!((&ended["reason"], &ended["session_id"]), (&json!("other"), &json!("c")));
        assert_eq!(world.said("hello", false).await, Ok(front("resume")));
        assert_eq!(
            world.said("hello", true).await.as_deref(),
            Ok("hello"),
            "the matcher is for `resume` alone"
        );
        world.stand.stop().await;
    });
}

fn ran_of(stand: &Stand, output: ToolOutput) -> ToolRan {
    ToolRan {
        conversation_id: "c".into(),
        turn_id: "t".into(),
        cwd: cwd(stand).into(),
        tool_call_id: "call-1".into(),
        tool_name: "read_file".into(),
        input: json!({"path": "a"}).into(),
        output,
        duration_ms: 7,
    }
}

async fn ran(world: &World, output: ToolOutput) -> String {
    let value = ran_of(&world.stand, output.clone());
    let ran = world.stand.applier(RAN).apply(value).await.expect("it goes through");
    assert_eq!(ran.output.is_error, output.is_error);
    ran.output.content.into()
}

#[test]
fn what_hooks_say_of_an_answer_stands_behind_it() {
    both_ways(async |stand| {
        let world = World::started(stand, &json!({})).await;
        for (event, output) in
            [("PostToolUse", ToolOutput::ok("text")), ("PostToolUseFailure", ToolOutput::error("text"))]
        {
            let other = if event == "PostToolUse" { "PostToolUseFailure" } else { "PostToolUse" };
            let behind = |words: &str| format!("text\n\n<hook event=\"{event}\">\n{words}\n</hook>");
            for (command, expected) in [
                ("echo words alone".to_owned(), "text".to_owned()),
                ("echo format it >&2; exit 2".to_owned(), behind("format it")),
                (prints(&json!({"decision": "block", "reason": "format it"})), behind("format it")),
                (prints(&specific(event, json!({"additionalContext": "more"}))), behind("more")),
                ("exit 1".to_owned(), "text".to_owned()),
            ] {
                world.write(&one(event, "Read", &command));
                assert_eq!(ran(&world, output.clone()).await, expected, "{event}: {command}");
                world.write(&one(other, "Read", &command));
                assert_eq!(ran(&world, output.clone()).await, "text", "{command} is for {other}");
            }
        }
        world.write(&one("PostToolUse", "", &keeps("told")));
        ran(&world, ToolOutput::ok("text")).await;
        let told = world.kept("told").await;
        assert_eq!(
            (&told["tool_name"], &told["tool_response"]),
            (&json!("Read"), &json!({"content": "text"}))
        );
        world.write(&one("PostToolUseFailure", "", &keeps("told")));
        ran(&world, ToolOutput::error("text")).await;
        assert_eq!(world.kept("told").await["error"], "text");
        world.stand.stop().await;
    });
}

#[test]
fn what_a_hook_says_before_a_call_is_read_with_its_answer() {
    both_ways(async |stand| {
        let added = specific("PreToolUse", json!({"additionalContext": "it is old"}));
        let world = World::started(stand, &one("PreToolUse", "", &prints(&added))).await;
        world.verdict().await;
        let expected = "text\n\n<hook event=\"PreToolUse\">\nit is old\n</hook>";
        assert_eq!(ran(&world, ToolOutput::ok("text")).await, expected);
        assert_eq!(ran(&world, ToolOutput::ok("text")).await, "text", "once");
        world.stand.stop().await;
    });
}

async fn ended(world: &World, held: u32) -> Option<String> {
    let ending = TurnEnding {
        conversation_id: "c".into(),
        turn_id: "t".into(),
        cwd: cwd(&world.stand).into(),
        answer: "done".into(),
        held,
        go_on: Maybe::None,
    };
    let ending = world.stand.applier(ENDING).apply(ending).await.expect("it goes through");
    ending.go_on.into_option().map(Into::into)
}

#[test]
fn a_turn_goes_on_for_the_reason_of_a_hook() {
    both_ways(async |stand| {
        let world = World::started(stand, &json!({})).await;
        for (command, expected) in [
            ("exit 0".to_owned(), None),
            ("exit 1".to_owned(), None),
            ("echo run the tests >&2; exit 2".to_owned(), Some("run the tests")),
            (prints(&json!({"decision": "block", "reason": "run the tests"})), Some("run the tests")),
            (prints(&json!({"decision": "block", "reason": "x", "continue": false})), None),
        ] {
            world.write(&one("Stop", "", &command));
            assert_eq!(ended(&world, 0).await.as_deref(), expected, "{command}");
        }
        world.write(&one("Stop", "", &keeps("told")));
        for (held, is_active) in [(0, false), (1, true)] {
            ended(&world, held).await;
            let told = world.kept("told").await;
            assert_eq!(
                (&told["stop_hook_active"], &told["last_assistant_message"]),
                (&json!(is_active), &json!("done"))
            );
        }
        world.stand.stop().await;
    });
}

#[test]
fn a_summary_is_put_off_by_a_hook_and_told_when_it_is_made() {
    both_ways(async |stand| {
        let world = World::started(stand, &one("PreCompact", "manual", "echo not now >&2; exit 2")).await;
        let draft = || Draft {
            conversation_id: "c".into(),
            cwd: cwd(&world.stand).into(),
            messages: Shared::new(List::new()),
            instruction: "sum up".into(),
            text: Maybe::None,
            postponed: Maybe::None,
            files_read: List::new(),
            files_written: List::new(),
            open_tasks: List::new(),
        };
        let compacting = world.stand.applier(COMPACTING);
        let drafted = compacting.apply(draft()).await.expect("it goes through");
        assert_eq!(drafted.postponed.as_deref(), Some("not now"));
        world.write(&json!({"hooks": {
            "PreCompact": [{"hooks": [{"type": "command", "command": keeps("before")}]}],
            "PostCompact": [{"hooks": [{"type": "command", "command": keeps("after")}]}],
        }}));
        assert!(compacting.apply(draft()).await.expect("it goes through").postponed.is_none());
        let before = world.kept("before").await;
        assert_eq!((&before["trigger"], &before["custom_instructions"]), (&json!("auto"), &json!("")));
        let summary = Summary { text: "what came of it".into(), ..Summary::default() };
        world.stand.emitter(COMPACTED).emit(&Compacted { conversation_id: "c".into(), seq: 1, summary });
        assert_eq!(world.kept("after").await["compact_summary"], "what came of it");
        world.stand.stop().await;
    });
}

#[test]
fn a_notice_is_told_to_hooks_unless_it_is_theirs() {
    both_ways(async |stand| {
        let file =
            one("Notification", "permission_prompt", &format!("{}; echo >>count; exit 1", keeps("told")));
        let world = World::started(stand, &file).await;
        let notices = world.stand.record(NOTICE);
        let notice = |kind: &str| Notice {
            kind: kind.into(),
            conversation_id: Maybe::None,
            title: "a turn waits".into(),
            text: "May it?".into(),
        };
        let says = world.stand.emitter(NOTICE);
        says.emit(&notice("turn-failed"));
        says.emit(&notice("question"));
        let told = world.kept("told").await;
        let fields = ["message", "title", "notification_type"].map(|field| told[field].as_str());
        assert_eq!(fields, [Some("May it?"), Some("a turn waits"), Some("permission_prompt")]);
        world.stand.until(|| notices.all().len() == 3).await;
        assert_eq!(notices.all()[2].kind, "hook", "its exit code is told");
        let count = std::fs::read_to_string(world.folder().join("count")).expect("it is there");
        assert_eq!(count.lines().count(), 1);
        world.stand.stop().await;
    });
}

/// A question about the call that the gate was asked about.
fn question() -> OpenQuestion {
    OpenQuestion {
        conversation_id: "c".into(),
        turn_id: "t".into(),
        question_id: "q".into(),
        tool_call_id: Maybe::Some("call-1".into()),
        tool_name: Maybe::Some("run_shell".into()),
        text: "May it?".into(),
        choices: List::from(["Yes".into(), "Always".into(), "No".into()]),
        allowing: 2,
        answer_by: Maybe::None,
    }
}

/// Where answers to questions come to.
fn answers(stand: &Stand) -> tokio::sync::mpsc::UnboundedReceiver<AnswerQuestion> {
    let (sender, answers) = tokio::sync::mpsc::unbounded_channel();
    stand.serve(ANSWER, move |answer, _| {
        sender.send(answer).expect("it is listened to");
        std::future::ready(Ok(Answered { open: 0 }))
    });
    answers
}

#[test]
fn a_question_about_a_call_is_answered_by_a_hook() {
    both_ways(async |stand| {
        let world = World::of(stand, &json!({}), json!({}));
        let mut answers = answers(&world.stand);
        world.stand.start().await.expect("it starts");
        let behaves = |behavior: &str| {
            let fields = json!({"decision": {"behavior": behavior, "message": "so"}});
            prints(&specific("PermissionRequest", fields))
        };
        for (command, choice) in [
            (behaves("allow"), "Yes"),
            (behaves("deny"), "No"),
            ("exit 2".to_owned(), "No"),
            ("kill -KILL $$".to_owned(), "No"),
        ] {
            world.write(&one("PermissionRequest", "Bash", &command));
            world.stand.emitter(QUESTION_ASKED).emit(&question());
            let answer = answers.recv().await.expect("it is answered");
            assert_eq!((answer.question_id.as_str(), answer.choice.as_str()), ("q", choice), "{command}");
        }
        world.stand.stop().await;
    });
}

#[test]
fn a_question_is_left_to_the_person_where_no_hook_decides() {
    both_ways(async |stand| {
        let world = World::of(stand, &json!({}), json!({}));
        let mut answers = answers(&world.stand);
        world.stand.start().await.expect("it starts");
        // What the hook is told of is the call as it is going to run.
        let asks = decides("ask");
        world.write(&one("PreToolUse", "", &asks));
        world.verdict().await;
        world.write(&one("PermissionRequest", "", &keeps("told")));
        world.stand.emitter(QUESTION_ASKED).emit(&question());
        let told = world.kept("told").await;
        assert_eq!((&told["tool_name"], &told["tool_input"]), (&json!("Bash"), &json!({"command": "ls"})));
        world.stand.stop().await;
        assert!(answers.try_recv().is_err());
    });
}

#[test]
fn a_turn_is_stopped_where_a_hook_says_so() {
    both_ways(async |stand| {
        let file = one("PreToolUse", "", &prints(&json!({"continue": false, "stopReason": "enough"})));
        let world = World::of(stand, &file, json!({}));
        let (sender, mut stopped) = tokio::sync::mpsc::unbounded_channel();
        world.stand.serve(STOP, move |id: Text, _| {
            sender.send(id.to_string()).expect("it is listened to");
            std::future::ready(Ok(Stopped { conversation_id: id, aborted_turn: true }))
        });
        world.stand.start().await.expect("it starts");
        assert_eq!(world.verdict().await, denied("enough"));
        assert_eq!(stopped.recv().await.as_deref(), Some("c"));
        world.write(&one("PostToolUse", "", &prints(&json!({"continue": false}))));
        ran(&world, ToolOutput::ok("text")).await;
        assert_eq!(stopped.recv().await.as_deref(), Some("c"));
        world.stand.stop().await;
    });
}

#[test]
fn what_a_hook_has_to_tell_a_person_is_a_notice() {
    both_ways(async |stand| {
        let world =
            World::started(stand, &one("Stop", "", &prints(&json!({"systemMessage": "look here"})))).await;
        let notices = world.stand.record(NOTICE);
        ended(&world, 0).await;
        let notice = notices.next().await;
        assert_eq!((notice.kind.as_str(), notice.text.as_str()), ("hook", "look here"));
        assert_eq!(notice.conversation_id, Maybe::Some("c".into()));
        world.stand.stop().await;
    });
}
