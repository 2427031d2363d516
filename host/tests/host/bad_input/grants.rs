//! Grants that do not agree with what a plugin asks for, secrets that are none, and orders that cannot be.

use serde_json::Value;

use super::super::support::{Manner, Outcome, Scene, dylib};
use super::{Court, plugin};

async fn check(manifest: &str, expected: &[&str]) {
    assert_eq!(Court::new().faults(manifest).await, expected, "{manifest}");
}

fn unruly(id: &str, table: &str) -> String {
    plugin(id, &dylib("unruly").display().to_string()) + table
}

/// The keeper, with what it needs besides grants.
fn keeper(table: &str) -> String {
    unruly("keeper", table) + "[plugin.settings]\nkey = \"${HOME}\"\n"
}

#[tokio::test]
async fn a_capability_that_is_not_granted_is_told_with_the_line_to_paste() {
    check(
        &keeper(""),
        &["1:1 plugin `keeper` asks for `secrets:harbour`, which the manifest does not grant | \
           if it may have that, add `capabilities = [\"secrets:harbour\"]` to its table"],
    )
    .await;
    check(
        &keeper("capabilities = []\n"),
        &["4:16 plugin `keeper` asks for `secrets:harbour`, which the manifest does not grant | \
           if it may have that, write `capabilities = [\"secrets:harbour\"]`"],
    )
    .await;
}

#[tokio::test]
async fn a_capability_that_nobody_asks_for_is_told_with_the_one_that_was_meant() {
    check(
        &keeper("capabilities = [\"secrets:harbor\", \"net\"]\n"),
        &[
            "4:16 plugin `keeper` asks for `secrets:harbour`, which the manifest does not grant | \
             if it may have that, write `capabilities = [\"secrets:harbour\"]`",
            "4:17 plugin `keeper` is granted `secrets:harbor`, which it does not ask for | \
             did you mean `secrets:harbour`?",
            "4:35 plugin `keeper` is granted `net`, which it does not ask for | \
             remove it; `transom inspect` shows what the plugin asks for",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_capability_or_a_point_that_is_none_is_told_with_its_place() {
    check(
        &keeper("capabilities = [\"nett\", \"secrets:Harbour\"]\npoints = [\"http/route\", \"agent/turn.*\"]\n"),
        &[
            "4:17 plugin `keeper` is granted `nett`, which is no capability | did you mean `net`?",
            "4:25 plugin `keeper` is granted `secrets:Harbour`, which is no capability | there are `fs`, `net`, \
             `process` and `secrets:NAME`, the name being lower-case words joined by `-`",
            "5:25 plugin `keeper` is granted `agent/turn.*`, which is no point | write the name of a point, such as \
             `agent/turn.input`, or `agent/*` for all of an owner's",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_point_that_a_plugin_needs_is_told_with_the_line_to_paste() {
    check(
        &unruly("meddler", "points = [\"host/*\", \"http/rout\"]\n"),
        &[
            "4:10 plugin `meddler` needs the points `agent/turn.input` and `http/route`, which `points` does not grant | \
             if it may be there, write `points = [\"host/*\", \"http/rout\", \"agent/turn.input\", \"http/route\"]`",
            "4:21 plugin `meddler` is granted `http/rout`, where it does nothing | did you mean `http/route`?",
        ],
    )
    .await;
}

#[tokio::test]
async fn secrets_are_references_under_names() {
    check(
        "[secrets]\nHarbour = \"env:HOME\"\nharbour = \"hunter2\"\nlost = \"file:nowhere\"\nodd = 3\n",
        &[
            "2:1 `Harbour` in `secrets` is no name of a secret | \
             use lower-case words joined by `-`, at most 64 characters",
            "3:11 the secret `harbour` is written into the manifest | \
             write `env:NAME`, `file:PATH` or `keyring:NAME`, so that the manifest can be shown to others",
            "4:8 `secrets.lost` needs file `./nowhere`, which does not exist | \
             a path is relative to the manifest's folder",
            "5:7 `secrets.odd` is a whole number, expected text | put it in quotes",
        ],
    )
    .await;
}

#[tokio::test]
async fn an_order_that_cannot_be_is_told_with_what_could() {
    let order = "[order]\n\"http/route\" = [\"unruly\"]\n\"agent/turn.inputs\" = []\n\
                 \"agent/turn.input\" = [\"meddler\", \"medler\", \"unruly\", \"meddler\"]\n";
    check(
        &format!("{order}{}", unruly("meddler", "")),
        &[
            "2:1 nothing runs in an order at `http/route`: it is no filter, and no event that is heard | \
             remove it, or name one of `agent/turn.input`, `unruly/nudged`, `unruly/poked`",
            "3:1 no plugin here touches a point `agent/turn.inputs` | did you mean `agent/turn.input`?",
            "4:34 there is no plugin `medler` | remove it",
            "4:44 plugin `unruly` neither hears nor links `agent/turn.input` | remove it",
            "4:54 plugin `meddler` stands twice in the order at `agent/turn.input` | remove it",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_linked_plugin_has_what_it_asks_for_unless_the_manifest_says_otherwise() {
    let scene = Scene::new(Manner::Linked);
    for (table, code, words) in [
        ("", 0, "`fs`: declared, not enforced; plugins run in the host's process\n"),
        ("capabilities = [\"fs\"]\n", 0, "  `skills` asks for fs\n"),
        ("capabilities = []\n", 2, "if it may have that, write `capabilities = [\"fs\"]`"),
        (
            "capabilities = [\"fs\", \"net\"]\n",
            2,
            "plugin `skills` is granted `net`, which it does not ask for",
        ),
    ] {
        scene.file("bad.toml", &format!("[[plugin]]\nid = \"skills\"\n{table}"));
        let checked = Outcome::of(scene.bare_command(&["check", "--manifest", "bad.toml"])).await;
        let told = checked.output.clone() + &checked.errors;
        assert!(checked.code == Some(code) && told.contains(words), "{table}: {checked:?}");
    }
}

#[tokio::test]
async fn what_is_not_enforced_is_told_once_in_every_listing() {
    let words = "declared, not enforced";
    let scene = Scene::new(Manner::Dylib).with("word-count", "");
    let program = env!("CARGO_BIN_EXE_transom");
    let inspected = ["inspect", program];
    let listings: [&[&str]; 3] = [&["check"], &["plugins"], &inspected];
    for arguments in listings {
        let (text, json) = told(&scene, arguments).await;
        assert_eq!((text.matches(words).count(), json.matches(words).count()), (1, 1), "{text}\n{json}");
    }
    let host = scene.start().await;
    for arguments in [&["status"], &["plugins"]] {
        let (text, json) = told(&scene, arguments).await;
        assert_eq!((text.matches(words).count(), json.matches(words).count()), (1, 1), "{text}\n{json}");
        assert!(text.contains("asks for net") && !text.contains("asks for \n"), "{text}");
    }
    host.stop().await;
    let (text, json) = told(&scene, &["inspect", &dylib("word-count").display().to_string()]).await;
    assert!(!text.contains(words) && !json.contains(words), "it asks for nothing: {text}");
}

/// What a command prints for people and for programs.
async fn told(scene: &Scene, arguments: &[&str]) -> (String, String) {
    let text = scene.run(arguments).await;
    let json = scene.run(&[arguments, &["--json"]].concat()).await;
    assert_eq!((text.code, json.code), (Some(0), Some(0)), "{text:?} {json:?}");
    let document: Value = serde_json::from_str(&json.output).expect("JSON");
    assert!(document.is_object());
    (text.output, json.output)
}
