//! Manifests that are wrong in themselves, or name plugins that do not go together.

use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::super::support::{Manner, Outcome, Scene, dylib, granted};
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
        let expected = "error: there is no such manifest\n  --> nowhere/team.toml\n  \
                        help: correct the path after `--manifest`, or leave it out to run the built-in default\n";
        assert_eq!((refused.code, refused.errors.as_str()), (Some(2), expected));
    }
}

#[tokio::test]
async fn an_unknown_key_is_told_with_the_one_that_was_meant() {
    check(
        "[host]\nstart_deadlines = 3\n\n[[plugin]]\nid = \"skills\"\nsorce = \"skills.so\"\n\n[plugins]\n",
        &[
            "2:1 unknown key `host.start_deadlines` | did you mean `start_deadline_s`?",
            "6:1 unknown key `sorce` of plugin `skills` | did you mean `source`?",
            "8:2 unknown key `plugins` | write `[[plugin]]`, with two brackets, a table for each one",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_told_with_the_right_one() {
    check(
        "[host]\nstop_deadline_s = \"5\"\nroots = \"here\"\nstrict = 1\n",
        &[
            "2:19 `host.stop_deadline_s` is text, expected a whole number | remove the quotes",
            "3:9 `host.roots` is text, expected a list | put it in brackets: `[…]`",
            "4:10 `host.strict` is a whole number, expected true or false | \
             `strict`: Whether a plugin that does not start ends the host",
        ],
    )
    .await;
}

#[tokio::test]
async fn settings_are_checked_against_the_plugins_own_schema() {
    let settings = "listen = 80\nbody_limit_bytes = 0\ntokn = \"x\"\n";
    check(
        &format!("{}[plugin.settings]\n{settings}", built("transport-http", "transport-http")),
        &[
            "6:10 setting `listen` of plugin `transport-http` is a whole number, expected text | put it in quotes",
            "7:20 setting `body_limit_bytes` of plugin `transport-http` is 0, expected 1 to 1073741824 | \
             `body_limit_bytes`: Bytes the body of a request may have",
            "8:1 unknown setting `tokn` of plugin `transport-http` | did you mean `token`?",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_secret_that_is_not_in_the_environment_is_told_by_its_name() {
    check(
        &format!(
            "{}[plugin.settings]\ntoken = \"env:NO_SUCH_TOKEN\"\n",
            built("transport-http", "transport-http")
        ),
        &["6:9 setting `token` of plugin `transport-http` needs environment variable `NO_SUCH_TOKEN`, \
           which is not set | set `NO_SUCH_TOKEN` before the host starts"],
    )
    .await;
}

#[tokio::test]
async fn a_plugin_that_is_listed_twice_is_told_with_both_places() {
    let twice = built("conversation-store", "conversation-store");
    check(
        &format!("{twice}\n{twice}"),
        &["6:6 plugin `conversation-store` is listed twice, first in line 2 | remove one of lines 2 and 6"],
    )
    .await;
}

#[tokio::test]
async fn text_that_is_no_toml_is_told_with_its_place() {
    check(
        "[host\nlog = \"info\"\n",
        &["1:6 unclosed table, expected `]` | a manifest is written in TOML; https://toml.io shows how"],
    )
    .await;
}

#[tokio::test]
async fn plugins_that_need_each_other_are_told_as_a_cycle() {
    check(
        &(built("chicken", "chicken-and-egg") + &built("egg", "chicken-and-egg")),
        &["2:6 plugin `chicken` is part of a cycle: `chicken` needs `egg` for `egg/hatch`, which needs \
           `chicken` for `chicken/lay` | one of them must do without the other, or mark the port `optional`"],
    )
    .await;
}

#[tokio::test]
async fn a_plugin_without_what_it_needs_is_told_with_each_point() {
    let needed = ["append", "history", "draft", "repair", "read", "locate", "find", "update"];
    let missing = needed.map(|point| {
        format!(
            "2:6 plugin `session-orchestrator` needs the service `agent/conversation.{point}`, which no plugin here \
             provides | add a plugin that serves it to the manifest"
        )
    });
    let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
    check(&built("session-orchestrator", "session-orchestrator"), &missing).await;
}

#[tokio::test]
async fn a_provider_that_is_inside_the_program_is_named() {
    let scene = Scene::new(Manner::Linked);
    scene.file("bad.toml", "[[plugin]]\nid = \"session-orchestrator\"\n");
    let mut command = scene.bare_command(&["check", "--manifest", "bad.toml"]);
    command.arg("--data").arg(scene.data());
    let refused = Outcome::of(command).await;
    let help = "  help: add `[[plugin]]` with `id = \"conversation-store\"`, which is inside this program and provides it\n";
    assert!(refused.errors.contains(help), "{}", refused.errors);
}

#[tokio::test]
async fn a_manifest_without_plugins_is_told() {
    let court = Court::new();
    court.scene.file("bad.toml", "[host]\nlog = \"warn\"\n");
    for command in ["check", "up"] {
        let refused = court.run(command, &[]).await;
        let expected = "error: no plugin is listed\n  --> bad.toml\n  help: add a `[[plugin]]` table for each, or start \
                        without a manifest for the built-in default\n";
        assert_eq!((refused.code, refused.errors.as_str()), (Some(2), expected), "{command}");
    }
}

#[tokio::test]
async fn a_root_that_is_no_folder_is_told() {
    check(
        "[host]\nroots = [\"nowhere\", \"bad.toml\"]\n",
        &[
            "2:10 root `./nowhere` cannot be used: it does not exist | correct `host.roots`",
            "2:21 root `./bad.toml` cannot be used: it is not a folder | correct `host.roots`",
        ],
    )
    .await;
}

#[tokio::test]
async fn faults_of_the_manifest_its_settings_its_files_and_its_order_are_told_at_once() {
    let manifest = format!(
        "[host]\nlgo = \"info\"\n\n{}[plugin.settings]\nlayer = true\n\n{}\n{}\n{}required = \"yes\"\n",
        built("chicken", "chicken-and-egg"),
        built("egg", "chicken-and-egg"),
        plugin("parrot", "missing.so"),
        built("follower", "unruly"),
    );
    check(
        &manifest,
        &[
            "2:1 unknown key `host.lgo` | did you mean `log`?",
            "5:6 plugin `chicken` is part of a cycle: `chicken` needs `egg` for `egg/hatch`, which needs `chicken` for \
             `chicken/lay` | one of them must do without the other, or mark the port `optional`",
            "8:1 unknown setting `layer` of plugin `chicken` | remove it: there is nothing to set here",
            "16:10 plugin file `./missing.so` does not exist | build the plugin, or correct the path",
            "21:12 `required` of plugin `follower` is text, expected true or false | \
             `required`: Whether the host ends when this plugin does not start",
        ],
    )
    .await;
}

/// The table of a plugin from the file of the crate it was built in.
fn built(id: &str, crate_name: &str) -> String {
    plugin(id, &dylib(crate_name).display().to_string()) + granted(id)
}

fn make_pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_before_it_is_opened() {
    let court = Court::new();
    let work = court.scene.work();
    // Whoever opened it would wait for somebody who writes.
    make_pipe(&work.join("bad.toml"));
    let expected = |file: &str| {
        format!(
            "error: the manifest is not a regular file\n  --> {file}\n  help: name the file itself; a pipe, a device or a folder is none\n"
        )
    };
    for command in ["check", "up", "plugins"] {
        let refused = court.run(command, &[]).await;
        assert_eq!((refused.code, refused.errors), (Some(2), expected("bad.toml")), "{command}");
    }
    for file in ["/dev/zero", "."] {
        let refused = Outcome::of(court.scene.bare_command(&["check", "--manifest", file])).await;
        assert_eq!((refused.code, refused.errors), (Some(2), expected(file)), "{file}");
    }

    std::fs::remove_file(work.join("bad.toml")).expect("it is there");
    make_pipe(&work.join("parrot.so"));
    assert_eq!(
        court.faults(&plugin("parrot", "parrot.so")).await,
        [
            "3:10 plugin file `./parrot.so` is not a regular file | name the plugin's shared library itself, usually `lib….so`"
        ]
    );
    make_pipe(&work.join("bad.lock"));
    court.scene.file("bad.toml", &built("unruly", "unruly"));
    let refused = court.run("check", &["--locked"]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.errors.starts_with("error: the lock file is not a regular file\n"), "{refused:?}");
}
