//! Calls of tools: the same file gives the decisions that the format's documentation tells, before a call runs and behind it.

use serde_json::json;
use transom_agent::tool::{GATE, RAN, ToolOutput, ToolRan, Verdict};
use transom_agent::turn::{STOP, Stopped};
use transom_plugin_api::{List, Maybe, Text};
use transom_testkit::{Stand, both_ways};

use crate::world::{World, cwd, decides, denied, gate_of, keeps, one, prints, several, specific};

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
