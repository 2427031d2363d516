//! The plugin from outside, linked and as a file: what it offers, says and answers, and that nothing of it keeps running.

use std::time::Duration;

use transom_agent::tool::{Effect, PRINTED, TOOL, ToolCall, ToolOutput};
use transom_plugin_api::{CallError, List, Maybe};
use transom_testkit::{Stand, both_ways, contract_check, json};
use transom_tool_shell::Shell;

fn call_of(stand: &Stand, input: serde_json::Value) -> ToolCall {
    ToolCall {
        tool_call_id: "call".into(),
        input: input.into(),
        conversation_id: "conversation".into(),
        turn_id: "turn".into(),
        cwd: stand.root().to_str().expect("text").into(),
    }
}

async fn run(stand: &Stand, input: serde_json::Value) -> Result<ToolOutput, CallError> {
    stand.caller(TOOL).call_named("run_shell", call_of(stand, input)).await
}

/// What it answers, which is an error or not.
async fn answer(stand: &Stand, input: serde_json::Value, is_error: bool) -> String {
    let output = run(stand, input).await.expect("it answers");
    assert_eq!(output.is_error, is_error, "{}", output.content);
    output.content.into()
}

/// The output, without the line that tells how long it took.
fn without_time(answer: &str) -> &str {
    answer.rsplit_once(" · ").expect("the last line tells the time").0
}

/// Whether a process of another program has these words on its command line.
fn is_running(words: &str) -> bool {
    let entries = std::fs::read_dir("/proc").expect("`/proc` is there");
    let lines = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let id: u32 = path.file_name()?.to_str()?.parse().ok()?;
        let line = (id != std::process::id()).then(|| std::fs::read(path.join("cmdline")).ok())??;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.into_iter().any(|line| line.contains(words))
}

/// A command that sleeps for longer than any test, and that no other test has.
fn own_sleep(name: u32) -> String {
    format!("sleep 61.{:07}{name:03}", std::process::id())
}

#[test]
fn its_definition_tells_that_a_call_runs_a_command() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Shell>(json!({"timeout_s": 7, "max_timeout_s": 9}));
        stand.start().await.expect("it starts");
        let definitions = stand.caller(TOOL).names();
        assert_eq!(definitions.len(), 1);
        let definition = &definitions[0].about;
        assert_eq!(definition.name, "run_shell");
        assert!(!definition.concurrency_safe);
        let runs = List::from([Effect::Runs { command: "command".into() }]);
        assert_eq!(definition.effects, Maybe::Some(runs));
        let limit = &definition.parameters.value()["properties"]["timeoutMs"];
        assert_eq!((&limit["default"], &limit["maximum"]), (&json!(7_000), &json!(9_000)));
        stand.stop().await;
    });
}

#[test]
fn a_command_runs_in_the_turn_s_folder_and_its_exit_code_is_told() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Shell>(json!({}));
        stand.start().await.expect("it starts");
        std::fs::write(stand.root().join("a.txt"), "hello\n").expect("written");
        let well = answer(&stand, json!({"command": "cat a.txt"}), false).await;
        assert_eq!(without_time(&well), "hello\nexit code 0");
        let ill = answer(&stand, json!({"command": "printf oh; exit 3"}), true).await;
        assert_eq!(without_time(&ill), "oh\nexit code 3");
        let killed = answer(&stand, json!({"command": "kill -KILL $$"}), true).await;
        assert_eq!(without_time(&killed), "killed by SIGKILL (signal 9)");
        stand.stop().await;
    });
}

#[test]
fn what_cannot_be_run_is_told() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Shell>(json!({}));
        stand.start().await.expect("it starts");
        let blank = answer(&stand, json!({"command": " "}), true).await;
        assert_eq!(blank, "`command` is blank, expected a command of the shell");
        let unknown = answer(&stand, json!({"command": "ls", "cwd": "/"}), true).await;
        assert_eq!(unknown, "`cwd` is not an input of this tool, which takes `command`, `timeoutMs`");
        let folder = stand.root().join("gone");
        let mut call = call_of(&stand, json!({"command": "ls"}));
        call.cwd = folder.to_str().expect("text").into();
        let gone = stand.caller(TOOL).call_named("run_shell", call).await.expect("it answers");
        let told = format!("the turn's folder `{}` does not exist any more", folder.display());
        assert_eq!((gone.content.as_str(), gone.is_error), (told.as_str(), true));
        stand.stop().await;
    });
}

#[test]
fn what_is_printed_is_shown_while_the_command_runs() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Shell>(json!({}));
        let printed = stand.record(PRINTED);
        stand.start().await.expect("it starts");
        // It goes on only when what it has printed was seen.
        let command =
            "printf 'caf\\303'; printf '\\251\\n'; while ! [ -e seen ]; do sleep 0.01; done; echo more >&2";
        let (root, mut shown) = (stand.root(), String::new());
        let watching = async {
            while !shown.contains("café\n") {
                let piece = printed.next().await;
                assert_eq!((piece.tool_call_id.as_str(), piece.stream.as_str()), ("call", "stdout"));
                shown.push_str(&piece.data);
            }
            std::fs::write(root.join("seen"), "").expect("written");
        };
        let (answer, ()) = tokio::join!(answer(&stand, json!({"command": command}), false), watching);
        assert_eq!(without_time(&answer), "café\nmore\nexit code 0");
        let last = printed.next().await;
        assert_eq!((last.stream.as_str(), last.data.as_str()), ("stderr", "more\n"));
        assert_eq!(last.conversation_id, "conversation");
        stand.stop().await;
    });
}

#[test]
fn a_command_is_stopped_at_its_limit_and_answers_with_what_it_printed() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Shell>(json!({"kill_after_ms": 100}));
        stand.start().await.expect("it starts");
        let sleep = own_sleep(1);
        let input =
            json!({"command": format!("echo begun; trap '' TERM; {sleep}; {sleep}"), "timeoutMs": 200});
        let stopped = answer(&stand, input, true).await;
        assert_eq!(
            without_time(&stopped),
            "begun\nstopped after its limit of 200 ms (`timeoutMs` may be up to 3600000)"
        );
        assert!(!is_running(&sleep));
        stand.stop().await;
    });
}

#[test]
fn a_call_that_is_dropped_takes_everything_along() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Shell>(json!({"kill_after_ms": 100}));
        stand.start().await.expect("it starts");
        let printed = stand.record(PRINTED);
        let (sleep, daemon, ready) = (own_sleep(2), own_sleep(3), stand.root().join("ready"));
        let command = format!("(setsid {daemon} &); trap 'echo late' TERM; : >ready; {sleep}; {sleep}");
        tokio::select! {
            answer = run(&stand, json!({"command": command})) => panic!("it ended: {answer:?}"),
            () = stand.until(|| ready.exists() && is_running(&daemon) && is_running(&sleep)) => {}
        }
        stand.until(|| !is_running(&sleep) && !is_running(&daemon)).await;
        stand.stop().await;
        assert!(printed.all().is_empty(), "nothing is shown behind the end of a call");
    });
}

#[test]
fn a_plugin_that_is_replaced_lets_commands_end_as_long_as_it_may() {
    both_ways(async |stand| {
        let settings = json!({"kill_after_ms": 100});
        let stand = stand.plugin::<Shell>(settings.clone());
        stand.start().await.expect("it starts");
        let begin = |command: String| {
            let (caller, call) = (stand.caller(TOOL), call_of(&stand, json!({"command": command})));
            tokio::spawn(async move { caller.call_named("run_shell", call).await })
        };
        let short = begin(": >waits; while ! [ -e go ]; do sleep 0.01; done".into());
        stand.until(|| stand.root().join("waits").exists()).await;
        let replaced = stand.reload::<Shell>(settings.clone(), Duration::from_secs(20));
        let (replaced, ()) = tokio::join!(replaced, async {
            std::fs::write(stand.root().join("go"), "").expect("written");
        });
        replaced.expect("nothing is cut off");
        let short = short.await.expect("no panic").expect("it answers");
        assert_eq!(without_time(&short.content), "exit code 0");

        let sleep = own_sleep(4);
        let long = begin(format!("trap '' TERM; : >ready; {sleep}; {sleep}"));
        stand.until(|| stand.root().join("ready").exists() && is_running(&sleep)).await;
        // Less than a command may take to be answered for, so that it is ended at once.
        stand.reload::<Shell>(settings, Duration::from_secs(1)).await.expect("nothing is cut off");
        let long = long.await.expect("no panic").expect("it answers");
        assert_eq!(without_time(&long.content), "stopped, because this tool is being stopped or replaced");
        assert!(!is_running(&sleep));
        stand.stop().await;
    });
}

#[test]
fn a_plugin_that_is_stopped_leaves_nothing_running() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Shell>(json!({"kill_after_ms": 100}));
        stand.start().await.expect("it starts");
        let (sleep, ready) = (own_sleep(5), stand.root().join("ready"));
        let input = json!({"command": format!("trap '' TERM; : >ready; {sleep}; {sleep}")});
        let (caller, call) = (stand.caller(TOOL), call_of(&stand, input));
        let calling = tokio::spawn(async move { caller.call_named("run_shell", call).await });
        stand.until(|| ready.exists() && is_running(&sleep)).await;
        // Half of it is for calls to end by themselves.
        stand.kernel().stop(Duration::from_secs(1)).await;
        assert!(!is_running(&sleep));
        calling.abort();
    });
}

/// Runs one test again in a process of its own, with these variables: those of this one may not be changed while others read them.
fn again_with(test: &str, variables: &[(&str, &str)]) {
    let mut command = std::process::Command::new(std::env::current_exe().expect("a program"));
    let again = command.args(["--exact", test]).envs(variables.iter().copied()).output().expect("it runs");
    let told = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && told.contains("1 passed"), "{told}");
}

#[test]
fn the_host_s_keys_stay_with_the_host() {
    if std::env::var_os("OPENAI_API_KEY").is_none_or(|key| key != "the-secret-1") {
        return again_with(
            "the_host_s_keys_stay_with_the_host",
            &[
                ("OPENAI_API_KEY", "the-secret-1"),
                ("ANTHROPIC_API_KEY", "the-secret-2"),
                ("DB_PASSWORD", "the-secret-3"),
                ("GITHUB_TOKEN", "the-secret-4"),
                ("GREETING_ONE", "hello"),
                ("PASSED_TOKEN", "on-purpose"),
            ],
        );
    }
    both_ways(async |stand| {
        let stand = stand.plugin::<Shell>(json!({"environment": ["GREETING_*", "PASSED_TOKEN", "*"]}));
        stand.start().await.expect("it starts");
        let told = answer(&stand, json!({"command": "env"}), false).await;
        assert!(!told.contains("the-secret"), "{told}");
        for passed in
            ["GREETING_ONE=hello", "PASSED_TOKEN=on-purpose", "GIT_TERMINAL_PROMPT=0", "TRANSOM_RUN="]
        {
            assert!(told.contains(passed), "{passed} is not in {told}");
        }
        stand.stop().await;
    });
}

#[test]
fn a_long_output_is_answered_with_its_ends_and_the_command_that_shows_the_rest() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Shell>(json!({"max_output_bytes": 1_000}));
        stand.start().await.expect("it starts");
        let long = answer(&stand, json!({"command": "seq 1 10000"}), false).await;
        assert!(
            long.starts_with("1\n2\n3\n") && without_time(&long).ends_with("\n9999\n10000\nexit code 0"),
            "{long}"
        );
        let folder = stand.data_folder("tool-shell");
        let (_, command) = long.split_once("of which `").expect("it tells a command");
        let (command, _) = command.split_once('`').expect("to its end");
        assert!(command.contains(folder.to_str().expect("text")), "{command}");
        let shown = answer(&stand, json!({"command": command.replace("1,200p", "5000,5001p")}), false).await;
        assert_eq!(without_time(&shown), "5000\n5001\nexit code 0");
        stand.stop().await;
    });
}

#[test]
fn a_shell_that_is_no_path_is_refused_at_the_start() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Shell>(json!({"shell": "sh"}));
        let refused = stand.start().await.expect_err("it does not start").to_string();
        assert!(refused.contains("setting `shell` is `sh`, expected an absolute path"), "{refused}");
        stand.stop().await;
    });
}

#[test]
fn commands_of_several_turns_run_at_the_same_time() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Shell>(json!({}));
        stand.start().await.expect("it starts");
        // Each waits for all of the others.
        let command = ": >at-work.$$; while [ $(ls | grep -c at-work) -lt 8 ]; do sleep 0.01; done";
        let calls = (0..8).map(|_| {
            let (caller, call) = (stand.caller(TOOL), call_of(&stand, json!({"command": command})));
            tokio::spawn(async move { caller.call_named("run_shell", call).await })
        });
        for call in calls.collect::<Vec<_>>() {
            let output = call.await.expect("no panic").expect("it answers");
            assert!(!output.is_error, "{}", output.content);
        }
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<Shell>(json!({}));
}
