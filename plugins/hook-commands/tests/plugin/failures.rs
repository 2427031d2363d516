//! Hooks that fail: what guards forbids, the rest is passed over, and a person is told.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use transom_agent::notice::NOTICE;
use transom_agent::tool::{GATE, Verdict};
use transom_hook_commands::HookCommands;
use transom_testkit::both_ways;

use crate::command;
use crate::world::{World, cwd, denied, gate_of, one, prints};

/// Ways to fail, each with a word of what is told.
fn failures() -> Vec<(Value, &'static str)> {
    let hook = |command: &str| one("PreToolUse", "", command);
    let mut hanging = hook("sleep 60");
    hanging["hooks"]["PreToolUse"][0]["hooks"][0]["timeout"] = json!(0.1);
    let mut prompt = hook("-");
    prompt["hooks"]["PreToolUse"][0]["hooks"] = json!([{"type": "prompt", "prompt": "is it well?"}]);
    let mut beyond = hook("-");
    beyond["hooks"]["PreToolUse"][0]["hooks"] = json!([{"command": "true", "args": ["guard"]}]);
    let unknown =
        json!({"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "perhaps"}});
    vec![
        (hanging, "took longer than 100 ms"),
        (hook("kill -SEGV $$"), "was ended by signal 11"),
        (hook("sh -c 'kill -SEGV $$'; exit $?"), "was ended by signal 11"),
        (hook("yes"), "printed more than 1048576 bytes"),
        (hook("./nowhere"), "could not be run (exit code 127)"),
        (hook("./plain"), "could not be run (exit code 126)"),
        (hook(&prints(&unknown)), "that nobody knows: `\"perhaps\"`"),
        (hook("printf '{\"decision\": \"bl'"), "printed no JSON"),
        (prompt, "is of the type `prompt`"),
        (one("PreToolUse", "Bash(", "true"), "has the matcher `Bash(`, which is none: unclosed group"),
        (beyond, "has the field `args`, which has no place here"),
        (hook("true")["hooks"].clone(), "`PreToolUse` stands at the top of the file, where nothing reads it"),
        (json!({"hooks": []}), "cannot be used as hooks: `hooks` is no object"),
    ]
}

#[test]
fn a_guard_that_fails_forbids_and_names_itself() {
    both_ways(async |stand| {
        let world = World::started(stand, &json!({})).await;
        fs::write(world.folder().join("plain"), "exit 0").expect("written");
        let notices = world.stand.record(NOTICE);
        for (file, told) in failures() {
            world.write(&file);
            let Verdict::Deny { reason } = world.verdict().await else { panic!("{file} forbids nothing") };
            assert!(reason.contains(told) && reason.contains("hooks.json`"), "{reason}");
            // A person is told the same, and of what is wrong with the file as such.
            while notices.next().await.text != reason {}
        }
        world.stand.stop().await;
    });
}

#[test]
fn a_guard_that_dies_by_a_signal_below_its_shell_forbids() {
    both_ways(async |stand| {
        // Behind a further command the shell lives on to tell of the end of the one before.
        let crash = "sh -c 'kill -KILL $$'; exit $?";
        let world = World::started(stand, &one("PreToolUse", "", crash)).await;
        let Verdict::Deny { reason } = world.verdict().await else { panic!("it forbids nothing") };
        assert!(reason.contains("was ended by signal 9"), "{reason}");
        let listed = command(&world, &[], false).await.output;
        assert!(listed.contains("(was ended by signal 9, "), "{listed}");
        world.write(&one("UserPromptSubmit", "", crash));
        let refused = world.said("hello", true).await.expect_err("refused");
        assert!(refused.message.contains("was ended by signal 9"), "{refused}");
        world.stand.stop().await;
    });
}

#[test]
fn a_guard_that_fails_is_passed_over_where_the_operator_says_so() {
    both_ways(async |stand| {
        let world = World::of(stand, &json!({}), json!({"guards_fail": "open"}));
        world.stand.start().await.expect("it starts");
        fs::write(world.folder().join("plain"), "exit 0").expect("written");
        let notices = world.stand.record(NOTICE);
        for (file, told) in failures() {
            world.write(&file);
            assert_eq!(world.verdict().await, Verdict::Allow {}, "{file}");
            while !notices.next().await.text.contains(told) {}
        }
        world.stand.stop().await;
    });
}

#[test]
fn a_message_is_refused_when_its_guard_fails_and_a_beginning_is_not() {
    both_ways(async |stand| {
        let world = World::started(stand, &one("UserPromptSubmit", "", "kill -KILL $$")).await;
        let refused = world.said("hello", true).await.expect_err("refused");
        assert!(refused.message.contains("was ended by signal 9"), "{refused}");
        world.write(&one("SessionStart", "", "kill -KILL $$"));
        assert_eq!(world.said("hello", true).await.as_deref(), Ok("hello"));
        world.stand.stop().await;
    });
}

#[test]
fn a_file_of_the_operators_that_is_gone_forbids() {
    both_ways(async |stand| {
        let world = World::started(stand, &json!({})).await;
        fs::remove_file(world.own.path().join("hooks.json")).expect("it was there");
        let Verdict::Deny { reason } = world.verdict().await else { panic!("it forbids nothing") };
        assert!(reason.contains("there is no such file"), "{reason}");
        world.stand.stop().await;
    });
}

#[test]
fn a_large_input_that_nobody_reads_is_no_failure() {
    both_ways(async |stand| {
        let world = World::started(stand, &one("PreToolUse", "", "exec <&-; exit 0")).await;
        let input = json!({"command": "x".repeat(1 << 20)});
        assert_eq!(world.gated("run_shell", input).await.verdict, Verdict::Allow {});
        world.stand.stop().await;
    });
}

/// A command that sleeps for longer than any test, and that no other test has.
fn own_sleep(name: u32) -> String {
    format!("sleep 61.{:07}{name:03}", std::process::id())
}

/// Whether a process of another program has these words on its command line.
fn is_running(words: &str) -> bool {
    let entries = fs::read_dir("/proc").expect("`/proc` is there");
    let lines = entries.filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    lines.into_iter().any(|line| String::from_utf8_lossy(&line).replace('\0', " ").contains(words))
}

#[test]
fn a_hook_ends_with_the_call_that_waits_for_it_and_with_the_plugin() {
    both_ways(async |stand| {
        let (first, second) = (own_sleep(1), own_sleep(2));
        let world = World::started(stand, &one("PreToolUse", "", &first)).await;
        let applier = world.stand.applier(GATE);
        let gate = || gate_of(&world.stand, "run_shell", json!({"command": "ls"}));
        tokio::select! {
            gated = applier.apply(gate()) => panic!("it is through: {gated:?}"),
            () = world.stand.until(|| is_running(&first)) => {}
        }
        world.stand.until(|| !is_running(&first)).await;
        world.write(&one("PreToolUse", "", &second));
        let (applier, gate) = (world.stand.applier(GATE), gate());
        let asking = tokio::spawn(async move { applier.apply(gate).await });
        world.stand.until(|| is_running(&second)).await;
        // Half of it is for calls to end by themselves.
        world.stand.kernel().stop(Duration::from_secs(1)).await;
        world.stand.until(|| !is_running(&second)).await;
        asking.abort();
    });
}

#[test]
fn a_plugin_that_is_replaced_lets_hooks_end_as_long_as_it_may() {
    both_ways(async |stand| {
        let file =
            one("PreToolUse", "", ": >waits; while ! [ -e go ]; do sleep 0.01; done; echo seen >&2; exit 2");
        let world = World::started(stand, &file).await;
        let settings = json!({"file": world.own.path().join("hooks.json")});
        let (applier, gate) = (world.stand.applier(GATE), gate_of(&world.stand, "run_shell", json!({})));
        let asking = tokio::spawn(async move { applier.apply(gate).await });
        world.stand.until(|| world.folder().join("waits").exists()).await;
        let replaced = world.stand.reload::<HookCommands>(settings, Duration::from_secs(20));
        let (replaced, ()) = tokio::join!(replaced, async {
            fs::write(world.folder().join("go"), "").expect("written");
        });
        replaced.expect("nothing is cut off");
        let gate = asking.await.expect("no panic").expect("it goes through");
        assert_eq!(gate.calls[0].verdict, denied("seen"));
        world.stand.stop().await;
    });
}

#[test]
fn hooks_run_in_the_folder_of_the_turn() {
    both_ways(async |stand| {
        let world = World::started(stand, &one("UserPromptSubmit", "", "pwd -P")).await;
        let said = world.said("hello", false).await.expect("it is said");
        assert!(said.contains(&format!("\n{}\n", cwd(&world.stand))), "{said}");
        world.stand.stop().await;
    });
}
