//! Manifests that are wrong in themselves, or name plugins that do not go together.

use super::super::support::{Outcome, dylib};
use super::{Court, plugin};

async fn check(manifest: &str, expected: &[&str]) {
    assert_eq!(Court::new().faults(manifest).await, expected, "{manifest}");
}

#[tokio::test]
async fn a_named_manifest_that_is_missing_is_told_by_its_path() {
    let court = Court::new();
    for command in ["check", "up", "plugins", "chat"] {
        let mut arguments = vec![command, "--manifest", "nowhere/team.toml"];
        arguments.extend((command == "chat").then_some("hello"));
        let mut command = court.scene.bare_command(&arguments);
        command.arg("--data").arg(court.scene.data());
        let refused = Outcome::of(command).await;
        let expected = "error: the manifest cannot be read: entity not found\n  --> nowhere/team.toml\n  \
                        help: correct the path after `--manifest`, or leave it out to run the built-in default\n";
        assert_eq!((refused.code, refused.errors.as_str()), (Some(2), expected));
    }
}

#[tokio::test]
async fn an_unknown_key_is_told_with_the_one_that_was_meant() {
    check(
        "[host]\nstart_deadlines = 3\n\n[[plugin]]\nid = \"skills\"\nsorce = \"skills.so\"\n\n[[plugins]]\n",
        &[],
    )
    .await;
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_told_with_the_right_one() {
    check("[host]\nstop_deadline_s = \"5\"\nroots = \"here\"\nstrict = 1\n", &[]).await;
}

#[tokio::test]
async fn settings_are_checked_against_the_plugins_own_schema() {
    let unruly = dylib("unruly").display().to_string();
    let _ = unruly;
    let store = dylib("conversation-store").display().to_string();
    let http = dylib("transport-http").display().to_string();
    let manifest = format!(
        "{}[plugin.settings]\nfoo = 1\n\n{}[plugin.settings]\nlisten = 80\nbody_limit_bytes = 0\ntokn = \"x\"\n",
        plugin("conversation-store", &store),
        plugin("transport-http", &http),
    );
    check(&manifest, &[]).await;
}

#[tokio::test]
async fn a_secret_that_is_not_in_the_environment_is_told_by_its_name() {
    let http = dylib("transport-http").display().to_string();
    let manifest =
        format!("{}[plugin.settings]\ntoken = \"env:NO_SUCH_TOKEN\"\n", plugin("transport-http", &http));
    check(&manifest, &[]).await;
}

#[tokio::test]
async fn a_plugin_that_is_listed_twice_is_told_with_both_places() {
    let store = dylib("conversation-store").display().to_string();
    let twice = plugin("conversation-store", &store);
    check(&format!("{twice}\n{twice}"), &[]).await;
}

#[tokio::test]
async fn text_that_is_no_toml_is_told_with_every_place() {
    check("[host\nlog = info\n", &[]).await;
}

#[tokio::test]
async fn plugins_that_need_each_other_are_told_as_a_cycle() {
    let file = dylib("chicken-and-egg").display().to_string();
    check(&format!("{}{}", plugin("chicken", &file), plugin("egg", &file)), &[]).await;
}

#[tokio::test]
async fn a_plugin_without_what_it_needs_is_told_with_each_point() {
    let orchestrator = dylib("session-orchestrator").display().to_string();
    check(&plugin("session-orchestrator", &orchestrator), &[]).await;
}

#[tokio::test]
async fn two_providers_of_one_service_are_told_with_both_names() {
    check("", &[]).await;
}

#[tokio::test]
async fn a_root_that_is_not_there_is_told() {
    check("[host]\nroots = [\"nowhere\", \"bad.toml\"]\n", &[]).await;
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let file = dylib("chicken-and-egg").display().to_string();
    let manifest = format!(
        "[host]\nlgo = \"info\"\n\n{}[plugin.settings]\nfoo = 1\n\n{}\n{}\n{}required = \"yes\"\n",
        plugin("chicken", &file),
        plugin("egg", &file),
        plugin("audit", "missing.so"),
        plugin("follower", &dylib("unruly").display().to_string()),
    );
    check(&manifest, &[]).await;
}
