//! The plugin from outside, linked and as a file: what hooks are told, what becomes of what they say, and that nothing else runs.

#[path = "plugin/calls.rs"]
mod calls;
#[path = "plugin/failures.rs"]
mod failures;
#[path = "plugin/problems.rs"]
mod problems;
#[path = "plugin/questions.rs"]
mod questions;
#[path = "plugin/trusted.rs"]
mod trusted;
#[path = "plugin/turns.rs"]
mod turns;
#[path = "plugin/world.rs"]
mod world;

use serde_json::{Value, json as value};
use transom_agent::reach::{CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpRequest};
use transom_agent::tool::Verdict;
use transom_hook_commands::HookCommands;
use transom_plugin_api::{CallErrorKind, List};
use transom_testkit::{both_ways, contract_check, json};

use crate::world::{World, cwd, one};

async fn command(world: &World, words: &[&str], json: bool) -> CliOutcome {
    let arguments: List<_> = words.iter().map(|word| (*word).into()).collect();
    world
        .stand
        .caller(CLI_COMMAND)
        .call_named("hooks", CliCall { arguments, json, ..CliCall::default() })
        .await
        .expect("it runs")
}

#[test]
fn what_there_is_for_a_folder_and_how_it_ended_is_told_the_same_everywhere() {
    both_ways(async |stand| {
        let world = World::started(stand, &one("PreToolUse", "Bash", "exit 3")).await;
        let folder = cwd(&world.stand);
        let name = world.own.path().join("hooks.json").display().to_string();
        let before = command(&world, &[], false).await.output;
        assert_eq!(
            before,
            format!(
                "{folder}\n{name}: used\n  PreToolUse  Bash  exit 3\n.transom/hooks.json: empty\n.claude/settings.json: empty\n"
            )
        );
        world.verdict().await;
        let told: Value =
            serde_json::from_str(&command(&world, &["--folder", &folder], true).await.output).expect("JSON");
        assert_eq!(told["files"][0]["hooks"][0]["last"]["how"], "exit code 3");
        let mut request = HttpRequest::new("GET", "/hooks");
        request.query.insert("folder", folder.as_str().into());
        let reply =
            world.stand.caller(HTTP_ROUTE).call_named("GET /hooks", request).await.expect("it answers");
        assert_eq!(reply.body.value(), told);
        assert_eq!(command(&world, &["--folder", "/"], false).await.code, 2);
        let mut misspelled = HttpRequest::new("GET", "/hooks");
        misspelled.query.insert("foldr", "/".into());
        let refused = world.stand.caller(HTTP_ROUTE).call_named("GET /hooks", misspelled).await;
        assert_eq!(refused.expect_err("refused").kind, CallErrorKind::InvalidInput);
        world.stand.stop().await;
    });
}

#[test]
fn without_a_file_nothing_changes() {
    both_ways(async |stand| {
        let stand = stand.plugin::<HookCommands>(json!({}));
        stand.start().await.expect("it starts");
        let world = World { stand, own: tempfile::tempdir().expect("a folder") };
        assert_eq!(world.verdict().await, Verdict::Allow {});
        assert_eq!(world.said("hello", true).await.as_deref(), Ok("hello"));
        world.stand.stop().await;
    });
}

#[test]
fn a_file_that_is_not_named_from_the_root_is_refused_at_the_start() {
    both_ways(async |stand| {
        let stand = stand.plugin::<HookCommands>(json!({"file": "hooks.json"}));
        let refused = stand.start().await.expect_err("it does not start").to_string();
        assert!(refused.contains("setting `file` is `hooks.json`, expected an absolute path"), "{refused}");
        stand.stop().await;
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
fn the_keys_of_the_host_stay_with_the_host() {
    if std::env::var_os("OPENAI_API_KEY").is_none_or(|key| key != "the-secret-1") {
        let variables = [
            ("OPENAI_API_KEY", "the-secret-1"),
            ("GITHUB_TOKEN", "the-secret-2"),
            ("DB_PASSWORD", "the-secret-3"),
            ("GREETING", "hello"),
        ];
        return again_with("the_keys_of_the_host_stay_with_the_host", &variables);
    }
    both_ways(async |stand| {
        let file = one("UserPromptSubmit", "", "env");
        let world = World::of(stand, &file, value!({"environment": ["GREETING", "*"]}));
        world.stand.start().await.expect("it starts");
        let told = world.said("hello", true).await.expect("it is said");
        assert!(!told.contains("the-secret"), "{told}");
        let folder = cwd(&world.stand);
        for passed in [
            "GREETING=hello".to_owned(),
            format!("CLAUDE_PROJECT_DIR={folder}"),
            format!("TRANSOM_PROJECT_DIR={folder}"),
        ] {
            assert!(told.contains(&passed), "{passed} is not in {told}");
        }
        world.stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<HookCommands>(json!({}));
}
