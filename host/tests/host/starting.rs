//! How a host begins and what it leaves: manifests found, places chosen, files kept private, commands that explain
//! themselves.

mod anthropic;
mod commands;
mod found;
mod openai;
mod places;

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};

use super::support::{Client, Host, Manner, Outcome, Scene, dylib, text_of, within};

/// The host of a person who configured nothing.
fn unconfigured(scene: &Scene) -> Command {
    let mut command = scene.bare_command(&["up", "--listen", "127.0.0.1:0", "--json"]);
    command.arg("--data").arg(scene.data());
    command
}

/// The ids of a list of plugins, in its order.
fn ids(plugins: &Value) -> Vec<&str> {
    let plugins = plugins["plugins"].as_array().expect("a list");
    plugins.iter().map(|plugin| plugin["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn without_a_manifest_the_bundled_plugins_run_and_a_model_answers_offline() {
    let scene = Scene::new(Manner::Linked);
    let host = Host::start(unconfigured(&scene)).await;

    let model = host.ready["model"].as_str().expect("a model").to_owned();
    assert!(model.starts_with("scripted/"), "{}", host.ready);
    assert_eq!((&host.ready["ready"], &host.ready["disabled"]), (&json!(true), &json!([])));
    let plugins = host.client.get("/plugins").await;
    let mut running = ids(&plugins);
    assert_eq!(host.ready["plugins"], json!(running.len()));
    running.sort_unstable();
    let quiet = [
        "cache-explainer",
        "cache-warming",
        "compaction",
        "concurrency",
        "credentials",
        "hook-commands",
        "mcp",
        "model-catalogue",
        "permissions",
        "surface-registry",
        "system-prompt",
        "todo",
        "tool-shell",
        "trust",
    ];
    let mut expected = scene.plugins().chain(quiet).collect::<Vec<_>>();
    expected.sort_unstable();
    assert_eq!(running, expected);
    assert_eq!(host.client.get("/models").await["default"], json!(model));
    let frames = host.client.turn("c", "hello").await;
    assert!(!text_of(&frames).is_empty(), "{frames:?}");

    let left = std::fs::read_dir(scene.work()).expect("a folder").count();
    assert_eq!(left, 0, "it writes nothing into the folder it was started in");
    host.stop().await;
}

#[tokio::test]
async fn a_program_without_plugins_says_so_when_there_is_no_manifest() {
    let scene = Scene::new(Manner::Dylib);
    let refused = Outcome::of(unconfigured(&scene)).await;
    assert_eq!(refused.code, Some(2));
    let answer: Value = serde_json::from_str(&refused.output).expect("JSON");
    let fault = &answer["faults"][0];
    assert_eq!(fault["file"], "built-in default");
    assert_eq!(fault["message"], "plugin `cache-explainer` is not inside this program");
    let help = fault["help"].as_str().expect("a help");
    assert!(help.starts_with("this program has no plugins inside"), "{help}");
}

#[tokio::test]
async fn a_host_that_is_ready_says_where_which_model_answers_and_what_to_paste() {
    let scene = Scene::new(Manner::Linked).with_tables(&unruly("error"));
    let (mut process, mut lines) = brought_up(&scene);
    let first = within("the ready line", lines.next_line()).await.expect("text").expect("a line");
    let second = within("the line to paste", lines.next_line()).await.expect("text").expect("a line");

    let address = first.split_whitespace().find(|word| word.starts_with("http://")).expect("an address");
    let address = address.trim_end_matches(';');
    assert!(first.contains("model `scripted/"), "{first}");
    assert!(first.ends_with("8 plugins run, 1 disabled"), "{first}");
    let quoted: Vec<&str> = second.split('\'').collect();
    assert_eq!(quoted[0], format!("curl -N {address}/chat -H "));
    let (name, value) = quoted[1].split_once(": ").expect("a header");
    let request = Client::new(address).request(reqwest::Method::POST, "/chat").header(name, value);
    let response = within("an answer", request.body(quoted[3].to_owned()).send()).await.expect("an answer");
    assert_eq!(response.status(), 200, "{second}");
    let frames = within("the whole turn", response.text()).await.expect("text");
    assert!(frames.lines().last().is_some_and(|line| line.contains("turn-sealed")), "{frames}");

    process.start_kill().expect("it runs");
    within("its end", process.wait()).await.expect("it can be waited for");
}

#[tokio::test]
async fn a_default_model_that_nobody_serves_is_told_when_the_host_is_ready() {
    let scene = Scene::new(Manner::Linked).with("session-orchestrator", "default_model = \"scripted/dmo\"");
    let (mut process, mut lines) = brought_up(&scene);
    let ready = within("the ready line", lines.next_line()).await.expect("text").expect("a line");
    assert!(
        ready.contains("; the default model is none of the 2 that are served, see `transom models`"),
        "{ready}"
    );
    process.start_kill().expect("it runs");
    within("its end", process.wait()).await.expect("it can be waited for");
}

/// A host, and the lines that it prints.
fn brought_up(scene: &Scene) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut command = scene.command(&["up", "--listen", "127.0.0.1:0"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut process = command.spawn().expect("the program can be run");
    let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
    (process, lines)
}

/// A plugin that starts in this manner, as a table of a manifest.
fn unruly(manner: &str) -> String {
    let source = dylib("unruly").display().to_string();
    format!("[[plugin]]\nid = \"unruly\"\nsource = \"{source}\"\n[plugin.settings]\nmanner = \"{manner}\"\n")
}

#[tokio::test]
async fn port_0_takes_a_free_port_and_says_which() {
    let scene = Scene::new(Manner::Linked);
    let one = scene.start().await;
    let other = Scene::new(Manner::Linked);
    let two = other.start().await;
    assert_ne!(one.client.address, two.client.address);
    for host in [&one, &two] {
        assert!(!host.client.address.ends_with(":0"), "{}", host.client.address);
        assert_eq!(host.client.get("/ready").await, json!({ "ready": true }));
    }
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn a_taken_port_ends_the_host_and_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let scene = Scene::new(Manner::Linked);
    let refused = scene.run(&["up", "--listen", &address]).await;
    assert_eq!((refused.code, refused.output.as_str()), (Some(2), ""));
    let last = refused.errors.lines().last().unwrap_or_default();
    assert!(last.contains(&address) && last.contains("another program has it"), "{}", refused.errors);
}

#[tokio::test]
async fn what_is_no_address_ends_the_host_and_is_named() {
    let scene = Scene::new(Manner::Linked);
    for listen in ["24203", "example.org:80", "127.0.0.1:99999"] {
        let refused = scene.run(&["up", "--listen", listen]).await;
        assert_eq!((refused.code, refused.output.as_str()), (Some(2), ""));
        assert!(refused.errors.contains(&format!("`{listen}`")), "{}", refused.errors);
    }
}
