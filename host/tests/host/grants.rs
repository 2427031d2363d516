//! What a plugin is not granted it cannot reach, and the operator's order is the one that runs.

use serde_json::{Value, json};

use super::support::{Manner, Scene, dylib, linked_and_dylib, text_of};

linked_and_dylib![
    nothing_leads_to_another_plugin_s_settings_data_and_secrets,
    plugins_stand_in_the_operator_s_order,
];

const HARBOUR: &str = "canary-harbour-0123";
const KEY: &str = "canary-key-4567";

/// A scene with a keeper of secrets, a meddler with this in its table, and further tables.
fn scene(manner: Manner, meddler: &str, more: &str) -> Scene {
    let source = dylib("unruly").display().to_string();
    let tables = format!(
        "[secrets]\nharbour = \"env:HARBOUR\"\nmine = \"env:HARBOUR\"\n\n\
         [[plugin]]\nid = \"keeper\"\nsource = \"{source}\"\ncapabilities = [\"secrets:harbour\"]\n\
         [plugin.settings]\nkey = \"env:KEY\"\n\n\
         [[plugin]]\nid = \"meddler\"\nsource = \"{source}\"\n{meddler}[plugin.settings]\nown = \"its own\"\n\n{more}"
    );
    Scene::new(manner).with_tables(&tables).with_variable("HARBOUR", HARBOUR).with_variable("KEY", KEY)
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

async fn nothing_leads_to_another_plugin_s_settings_data_and_secrets(manner: Manner) {
    let scene = scene(manner, "points = [\"host/*\", \"http/route\", \"agent/*\"]\n", "");
    let checked = scene.run(&["check"]).await;
    let without = "  `meddler` does without `keeper/vault.open`, which it is not granted\n";
    assert!(checked.output.contains(without), "{checked:?}");
    let host = scene.start().await;
    let kept = host.client.get("/x/keeper").await;
    assert_eq!(kept["backwards"], json!([backwards(KEY), backwards(HARBOUR)]), "the keeper has both");

    let told = host.client.get("/x/meddler").await;
    for (secret, words) in [
        (0, "does not say that it uses the secret `harbour`"),
        (1, "does not say that it uses the secret `mine`"),
        (2, "asks for a secret by a name that is none"),
        (3, "does not say that it uses the secret `keeper`"),
    ] {
        let refused = &told["secrets"][secret];
        assert_eq!(refused["kind"], "denied", "{refused}");
        assert!(refused["message"].as_str().is_some_and(|message| message.contains(words)), "{refused}");
    }
    assert_eq!(told["vault"], json!({ "Err": "denied" }));
    for forged in told["forged"].as_array().expect("a list") {
        let refused = forged.as_str().expect("a message");
        assert!(refused.starts_with("plugin `meddler` asks for `"), "{refused}");
    }
    let data = scene.data().canonicalize().expect("it is there");
    assert_eq!(told["folder"], json!(data.join("plugins/meddler")));
    assert_eq!(told["settings"], "its own");
    let everything = told.to_string();
    assert!(!everything.contains(&backwards(HARBOUR)) && !everything.contains("canary"), "{everything}");
    host.stop().await;
}

async fn plugins_stand_in_the_operator_s_order(manner: Manner) {
    let said = async |order: &str| {
        let scene = scene(manner, "", order).with("word-count", "");
        let host = scene.start().await;
        let body = json!({ "conversationId": "c", "message": "tie it", "model": "scripted/echo" });
        let frames = host.client.chat(&body).await.rest().await;
        let graph = scene.run(&["graph", "--why", "agent/turn.input", "--json"]).await;
        host.stop().await;
        let graph: Value = serde_json::from_str(&graph.output).expect("JSON");
        let links = graph["uses"].as_array().expect("a list").iter().filter(|used| used["role"] == "links");
        let links: Vec<(String, String)> = links
            .map(|used| (used["plugin"].to_string(), used["reason"].as_str().unwrap_or_default().to_owned()))
            .collect();
        (text_of(&frames), links)
    };
    let (words, links) = said("").await;
    assert_eq!(words, "tie it, meddled with (4 words)");
    assert_eq!(links[0].0, "\"meddler\"");
    let (words, links) = said("[order]\n\"agent/turn.input\" = [\"word-count\", \"meddler\"]\n").await;
    assert_eq!(words, "tie it (2 words), meddled with");
    let reason = "the manifest's `[order]`".to_owned();
    assert_eq!(links, [("\"word-count\"".to_owned(), reason.clone()), ("\"meddler\"".to_owned(), reason)]);
}
