//! What an operator sees of `transom reload`: one plugin, the whole manifest, and everything that refuses it.

use serde_json::{Value, json};

use super::support::{Host, Manner, Outcome, Scene, dylib};

const REST: &str = "[[plugin]]\nid = \"conversation-store\"\n[[plugin]]\nid = \"provider-scripted\"\n\
                    [[plugin]]\nid = \"session-orchestrator\"\n[[plugin]]\nid = \"transport-http\"\n";

/// A manifest with one plugin from a copy of its file.
fn scene() -> Scene {
    let scene = Scene::new(Manner::Linked);
    copy(&scene, "word-count", "libwords.so");
    write(&scene, "", "");
    scene
}

fn copy(scene: &Scene, plugin: &str, name: &str) {
    let new = scene.work().join(format!("{name}.new"));
    std::fs::copy(dylib(plugin), &new).expect("the fixture can be copied");
    std::fs::rename(new, scene.work().join(name)).expect("it can be put in its place");
}

fn write(scene: &Scene, settings: &str, more: &str) {
    let words = "[[plugin]]\nid = \"word-count\"\nsource = \"libwords.so\"\n";
    scene.file("team.toml", &format!("{words}{settings}\n{REST}{more}"));
}

async fn run(scene: &Scene, arguments: &[&str]) -> Outcome {
    let mut command = scene.bare_command(arguments);
    command.args(["--manifest", "team.toml", "--data"]).arg(scene.data());
    Outcome::of(command).await
}

async fn start(scene: &Scene, arguments: &[&str]) -> Host {
    let mut command = scene.bare_command(&["up", "--listen", "127.0.0.1:0", "--json"]);
    command.args(arguments).args(["--manifest", "team.toml", "--data"]).arg(scene.data());
    Host::start(command).await
}

async fn document(scene: &Scene, arguments: &[&str]) -> Value {
    let outcome = run(scene, &[arguments, &["--json"]].concat()).await;
    assert_eq!(outcome.code, Some(0), "{arguments:?}: {outcome:?}");
    serde_json::from_str(&outcome.output).expect("JSON")
}

/// Nothing was done, and the host says why.
async fn refused(scene: &Scene, arguments: &[&str], expected: &str) {
    ended(scene, arguments, 2, expected).await;
}

async fn ended(scene: &Scene, arguments: &[&str], code: i32, expected: &str) {
    let outcome = run(scene, arguments).await;
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(code), ""), "{arguments:?}: {outcome:?}");
    assert!(outcome.errors.contains(expected), "`{expected}` is missing in {}", outcome.errors);
}

fn generation(status: &Value, id: &str) -> u64 {
    let plugins = status["plugins"].as_array().expect("a list");
    let plugin = plugins.iter().find(|plugin| plugin["id"] == id).expect("it is listed");
    plugin["generation"].as_u64().expect("a number")
}

#[tokio::test]
async fn a_plugin_is_replaced_by_its_new_file_and_knows_what_the_old_one_knew() {
    let scene = scene();
    let host = start(&scene, &[]).await;
    host.client.turn("c", "[[say: one two three]]").await;
    let (_, before) = host.client.ask("/x/word-count").await;
    assert!(before["total"].as_u64() > Some(2), "{before}");
    write(&scene, "settings.annotate = false", "");
    copy(&scene, "word-count", "libwords.so");
    let told = document(&scene, &["reload", "word-count"]).await;
    assert_eq!(told["reloaded"][0]["plugin"], "word-count");
    assert_eq!(
        (&told["reloaded"][0]["generation"], &told["reloaded"][0]["cutOff"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!(told["difference"]["changed"][0]["what"], json!(["its settings"]), "{told}");
    let (_, counted) = host.client.ask("/x/word-count").await;
    assert_eq!(counted, before, "the counts went over");
    host.client.turn("c", "[[say: four]]").await;
    let (_, counted) = host.client.ask("/x/word-count").await;
    assert!(counted["total"].as_u64() > before["total"].as_u64(), "{counted}");
    let status = document(&scene, &["status"]).await;
    assert_eq!((generation(&status, "word-count"), generation(&status, "transport-http")), (2, 1));
    let images = status["images"].as_array().expect("a list");
    let in_use: Vec<_> = images.iter().map(|image| image["inUse"].as_bool()).collect();
    assert_eq!(in_use, [Some(false), Some(true)], "{images:?}");
    assert!(images.iter().all(|image| image["residentKiB"].as_u64() > Some(0)), "{images:?}");
    let shown = run(&scene, &["status"]).await.output;
    assert!(shown.contains("generation 2") && shown.contains("1 in use, 1 left over"), "{shown}");
    host.stop().await;
}

#[tokio::test]
async fn the_manifest_is_compared_before_anything_is_done() {
    let scene = scene();
    let host = start(&scene, &[]).await;
    let nothing = run(&scene, &["reload"]).await;
    assert_eq!((nothing.code, nothing.output.as_str()), (Some(0), "nothing has changed\n"), "{nothing:?}");
    copy(&scene, "unruly", "libunruly.so");
    let unruly = "[[plugin]]\nid = \"unruly\"\nsource = \"libunruly.so\"\n[host]\nlog = \"debug\"\n";
    write(&scene, "settings.annotate = false", unruly);
    let expected = "~ word-count: is replaced: its settings\n+ unruly: is started\n\
                    note: `host.log` changed, which needs a restart of the host\n";
    let planned = run(&scene, &["reload", "--dry-run"]).await;
    assert_eq!((planned.code, planned.output.as_str()), (Some(0), expected), "{planned:?}");
    let asked = run(&scene, &["reload"]).await;
    assert_eq!((asked.code, asked.output.as_str()), (Some(1), expected), "nobody confirmed it: {asked:?}");
    assert_eq!(generation(&document(&scene, &["status"]).await, "word-count"), 1);

    let done = document(&scene, &["reload", "--yes"]).await;
    assert_eq!(done["difference"]["added"], json!(["unruly"]));
    assert_eq!(host.client.ask("/x/unruly").await.0, 500, "it is there, and panics as it should");
    write(&scene, "settings.annotate = false", "");
    let done = run(&scene, &["reload", "--yes"]).await;
    assert_eq!((done.code, done.output.lines().next()), (Some(0), Some("plugin `unruly` is stopped")));
    assert_eq!(host.client.ask("/x/unruly").await.0, 404);
    assert_eq!(host.client.ask("/x/word-count").await.0, 200);
    host.stop().await;
}

#[tokio::test]
async fn what_needs_a_restart_is_told_by_every_reload_until_then() {
    let scene = scene();
    let host = start(&scene, &[]).await;
    write(&scene, "settings.annotate = false", "[host]\nlog_limit = 7\n");
    document(&scene, &["reload", "word-count"]).await;
    let expected = "nothing has changed\nnote: `host.log_limit` changed, which needs a restart of the host\n";
    for arguments in [&["reload", "--dry-run"], &["reload", "--yes"], &["reload", "--dry-run"]] {
        let told = run(&scene, arguments).await;
        assert_eq!((told.code, told.output.as_str()), (Some(0), expected), "{told:?}");
    }
    write(&scene, "settings.annotate = false", "");
    let told = run(&scene, &["reload", "--dry-run"]).await;
    assert_eq!(told.output, "nothing has changed\n", "it is as it was at the start");
    host.stop().await;
}

#[tokio::test]
async fn a_host_is_found_where_its_transport_listens_after_a_reload() {
    let scene = scene();
    copy(&scene, "unruly", "libunruly.so");
    let manifest = |listen: &str, manner: &str| {
        let unruly = "[[plugin]]\nid = \"unruly\"\nsource = \"libunruly.so\"\nsettings.manner = ";
        write(&scene, "", &format!("settings.listen = \"{listen}\"\n{unruly}\"{manner}\"\n"));
    };
    manifest("127.0.0.1:0", "well");
    let mut command = scene.bare_command(&["up", "--json", "--manifest", "team.toml", "--data"]);
    command.arg(scene.data());
    let host = Host::start(command).await;
    let before = found_at(&scene).await;
    assert_eq!(host.ready["address"], *before);

    manifest("127.0.0.2:0", "error");
    ended(&scene, &["reload", "--yes"], 1, "does not feel like it").await;
    assert_eq!(found_at(&scene).await, before, "the transport is not replaced without the other");
    manifest("127.0.0.2:0", "well");
    document(&scene, &["reload", "transport-http"]).await;
    let now = found_at(&scene).await;
    assert!(now.starts_with("http://127.0.0.2:"), "{now}");
    host.stop().await;
}

/// Where the host is found, by everybody who looks for it.
async fn found_at(scene: &Scene) -> String {
    let status = document(scene, &["status"]).await;
    let run_file = std::fs::read(scene.data().join("run.json")).expect("it is there");
    let run_file: Value = serde_json::from_slice(&run_file).expect("JSON");
    assert_eq!(status["host"]["address"], run_file["address"]);
    let chat = run(scene, &["chat", "[[say: aye]]"]).await;
    assert_eq!((chat.code, chat.output.starts_with("aye")), (Some(0), true), "{chat:?}");
    run_file["address"].as_str().expect("an address").to_owned()
}

#[tokio::test]
async fn what_is_wrong_is_told_and_everything_goes_on() {
    let scene = scene();
    copy(&scene, "unruly", "libunruly.so");
    let unruly = |manner: &str| {
        format!("[[plugin]]\nid = \"unruly\"\nsource = \"libunruly.so\"\nsettings.manner = \"{manner}\"\n")
    };
    write(&scene, "", &unruly("well"));
    let host = start(&scene, &[]).await;
    refused(&scene, &["reload", "word-cuont"], "did you mean `word-count`?").await;
    write(&scene, "settings.annotate = 7", &unruly("well"));
    refused(
        &scene,
        &["reload", "word-count"],
        "error: setting `annotate` of plugin `word-count` is a whole number",
    )
    .await;
    refused(&scene, &["reload", "--yes"], "team.toml:4:21").await;
    scene.file("libwords.so.new", "not a library");
    std::fs::rename(scene.work().join("libwords.so.new"), scene.work().join("libwords.so"))
        .expect("it moves");
    write(&scene, "", &unruly("well"));
    refused(&scene, &["reload", "word-count"], "libwords.so").await;
    copy(&scene, "word-count", "libwords.so");
    write(&scene, "", &unruly("error"));
    ended(&scene, &["reload", "unruly"], 1, "the old generation goes on: does not feel like it").await;
    assert_eq!(host.client.ask("/x/word-count").await.0, 200);
    assert_eq!(host.client.ask("/x/unruly").await.0, 500);
    host.client.turn("c", "[[say: aye]]").await;
    host.stop().await;
}

#[tokio::test]
async fn nothing_is_taken_out_when_a_file_cannot_be_opened() {
    let scene = scene();
    copy(&scene, "unruly", "libunruly.so");
    let unruly = "[[plugin]]\nid = \"unruly\"\nsource = \"libunruly.so\"\n";
    write(&scene, "", unruly);
    let host = start(&scene, &[]).await;
    write(&scene, "settings.annotate = false", "");
    let images = scene.data().join("images");
    std::fs::rename(&images, images.with_extension("away")).expect("it moves");
    refused(&scene, &["reload", "--yes"], "no copy could be made").await;
    assert_eq!(host.client.ask("/x/unruly").await.0, 500, "it is there, and panics as it should");
    let status = document(&scene, &["status"]).await;
    assert_eq!((generation(&status, "unruly"), generation(&status, "word-count")), (1, 1));

    std::fs::rename(images.with_extension("away"), &images).expect("it moves back");
    let done = document(&scene, &["reload", "--yes"]).await;
    assert_eq!(done["difference"]["removed"], json!(["unruly"]), "{done}");
    assert_eq!(done["reloaded"][0]["plugin"], "word-count", "{done}");
    host.stop().await;
}

#[tokio::test]
async fn a_linked_plugin_is_started_again_with_its_settings() {
    let scene = scene();
    let host = start(&scene, &[]).await;
    let told = document(&scene, &["reload", "provider-scripted"]).await;
    assert_eq!(told["reloaded"][0]["generation"], 2);
    assert!(told["notes"][0].as_str().is_some_and(|note| note.contains("is linked")), "{told}");
    host.client.turn("c", "[[say: aye]]").await;
    host.stop().await;
}

#[tokio::test]
async fn a_locked_host_replaces_only_what_is_locked_and_images_have_a_limit() {
    let scene = scene();
    write(&scene, "", "[host]\nretired_images = 1\n");
    assert_eq!(run(&scene, &["lock"]).await.code, Some(0));
    let host = start(&scene, &["--locked"]).await;
    document(&scene, &["reload", "word-count"]).await;
    refused(&scene, &["reload", "word-count"], "restart the host, or allow more").await;
    let copy = scene.work().join("libwords.so");
    let mut bytes = std::fs::read(&copy).expect("it is there");
    bytes.push(0);
    std::fs::write(&copy, bytes).expect("it can be written");
    refused(&scene, &["reload", "word-count"], "error: the file of plugin `word-count` has SHA-256 ").await;
    assert_eq!(generation(&document(&scene, &["status"]).await, "word-count"), 2);
    host.stop().await;
}
