//! Who may say what runs: files need a signature with a key that the manifest trusts, and run from sealed memory.

use std::path::PathBuf;

use serde_json::Value;

use super::support::{Host, Manner, Outcome, Scene, Signer, dylib};

/// A manifest with one plugin from a copy of its file.
fn scene(host: &str) -> (Scene, PathBuf) {
    let scene = Scene::new(Manner::Linked);
    let copy = scene.work().join("libwords.so");
    std::fs::copy(dylib("word-count"), &copy).expect("the fixture can be copied");
    scene.file(
        "team.toml",
        &format!(
            "[[plugin]]\nid = \"word-count\"\nsource = \"libwords.so\"\n[[plugin]]\nid = \"conversation-store\"\n\
             [[plugin]]\nid = \"provider-scripted\"\n[[plugin]]\nid = \"session-orchestrator\"\n\
             [[plugin]]\nid = \"transport-http\"\n[host]\n{host}\n"
        ),
    );
    (scene, copy)
}

async fn run(scene: &Scene, arguments: &[&str]) -> Outcome {
    let mut command = scene.bare_command(arguments);
    command.args(["--manifest", "team.toml", "--data"]).arg(scene.data());
    Outcome::of(command).await
}

async fn start(scene: &Scene) -> Host {
    let mut command = scene.bare_command(&["up", "--listen", "127.0.0.1:0", "--json"]);
    command.args(["--manifest", "team.toml", "--data"]).arg(scene.data());
    Host::start(command).await
}

/// Neither `check` nor `up` takes it.
async fn refused(scene: &Scene, expected: &str) {
    for arguments in [&["check"][..], &["up", "--listen", "127.0.0.1:0"]] {
        let outcome = run(scene, arguments).await;
        assert_eq!((outcome.code, outcome.output.as_str()), (Some(2), ""), "{arguments:?}: {outcome:?}");
        assert!(outcome.errors.contains(expected), "`{expected}` is missing in {}", outcome.errors);
    }
}

/// Whether each image is sealed, as the status tells it.
async fn sealed(scene: &Scene) -> Vec<Option<bool>> {
    let outcome = run(scene, &["status", "--json"]).await;
    let status: Value = serde_json::from_str(&outcome.output).unwrap_or_else(|_| panic!("{outcome:?}"));
    let images = status["images"].as_array().expect("a list");
    assert!(images.iter().all(|image| image["residentKiB"].as_u64() > Some(0)), "{images:?}");
    images.iter().map(|image| image["sealed"].as_bool()).collect()
}

fn change(file: &PathBuf) {
    let mut bytes = std::fs::read(file).expect("it is there");
    // Behind everything that an ELF reader looks at.
    bytes.push(0);
    std::fs::write(file, bytes).expect("it can be written");
}

#[tokio::test]
async fn only_files_that_a_trusted_key_signed_run() {
    let (ours, theirs) = (Signer::of(1), Signer::of(2));
    let (scene, file) = scene("trusted_keys = [\"file:team.pub\"]");
    scene.file("team.pub", &format!("untrusted comment: ours\n{}\n", ours.public_key()));
    refused(
        &scene,
        "error: plugin `word-count` is not trusted: `./libwords.so`: there is no signature `./libwords.so.minisig`\n  \
         --> team.toml:3:10\n  help: get its signature from who built it",
    )
    .await;
    theirs.sign(&file);
    let stranger = format!("is a signature with key {}, and trusted is {}\n", theirs.id(), ours.id());
    refused(&scene, &stranger).await;
    ours.sign(&file);
    assert_eq!(run(&scene, &["check"]).await.code, Some(0));
    let host = start(&scene).await;
    assert_eq!(host.client.ask("/x/word-count").await.0, 200);
    change(&file);
    let forged =
        format!("`./libwords.so.minisig`, a signature with key {}, is not one of this file\n", ours.id());
    for arguments in [&["check"][..], &["reload", "word-count"]] {
        let outcome = run(&scene, arguments).await;
        assert!(outcome.code == Some(2) && outcome.errors.contains(&forged), "{arguments:?}: {outcome:?}");
    }
    assert_eq!(sealed(&scene).await, [Some(true)], "nothing was opened");
    ours.sign(&file);
    let outcome = run(&scene, &["reload", "word-count"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(sealed(&scene).await, [Some(true); 2]);
    host.stop().await;
}

#[tokio::test]
async fn a_manifest_that_demands_it_has_its_files_run_from_sealed_memory() {
    for (setting, is_sealed) in [("sealed = true", true), ("", false)] {
        let (scene, _) = scene(setting);
        let host = start(&scene).await;
        assert_eq!(sealed(&scene).await, [Some(is_sealed)]);
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", host.pid())).expect("it runs");
        assert_eq!(maps.contains("/memfd:transom-word-count-"), is_sealed, "{maps}");
        let shown = run(&scene, &["status"]).await.output;
        assert_eq!(shown.contains(" KiB sealed"), is_sealed, "{shown}");
        host.stop().await;
    }
}

#[tokio::test]
async fn inspect_tells_whose_signature_stands_beside_a_file() {
    let (scene, file) = scene("");
    let told = async |expected: &str| {
        let outcome = run(&scene, &["inspect", "libwords.so"]).await;
        assert!(outcome.output.contains(expected), "`{expected}` is missing in {}", outcome.output);
        let outcome = run(&scene, &["inspect", "--json", "libwords.so"]).await;
        let document: Value = serde_json::from_str(&outcome.output).expect("JSON");
        document["signature"].clone()
    };
    assert_eq!(told("\nit is not signed\n").await, Value::Null);
    let signer = Signer::of(3);
    signer.sign(&file);
    let shown = format!("`libwords.so.minisig` beside it names key {}; it is verified where", signer.id());
    let expected = serde_json::json!({ "file": "libwords.so.minisig", "key": signer.id() });
    assert_eq!(told(&shown).await, expected);
    scene.file("libwords.so.minisig", "nothing");
    let expected = "`libwords.so.minisig` is no signature of minisign";
    assert_eq!(told(expected).await, serde_json::json!({ "problem": expected }));
}

#[tokio::test]
async fn the_guide_shows_all_that_inspect_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide/first-plugin.md");
    let page = std::fs::read_to_string(page).expect("the guide is there");
    let (_, shown) = page.split_once("/transom inspect ").expect("it shows the command");
    let shown = shown.lines().skip(1).take_while(|line| *line != "```");
    let (scene, _) = scene("");
    let said = run(&scene, &["inspect", "libwords.so"]).await.output;
    // The compiler is another one on each machine.
    let is_compared = |line: &&str| !line.starts_with("  built for ");
    assert_eq!(
        shown.filter(is_compared).collect::<Vec<_>>(),
        said.lines().filter(is_compared).collect::<Vec<_>>()
    );
}
