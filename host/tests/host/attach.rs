//! The ways to attach plugins: inside the program, from files, and some of each.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;

use super::support::{Host, Manner, Scene, eventually, linked_and_dylib, text_of};

linked_and_dylib![a_plugin_added_in_three_lines_changes_words_serves_a_tool_and_a_route];

async fn a_plugin_added_in_three_lines_changes_words_serves_a_tool_and_a_route(manner: Manner) {
    let scene = Scene::new(manner).with("word-count", "");
    let host = scene.start().await;
    let body = json!({ "conversationId": "c", "message": "tie the knot", "model": "scripted/echo" });
    let frames = host.client.chat(&body).await.rest().await;
    assert_eq!(frames[0]["text"], "tie the knot (3 words)");
    assert_eq!(text_of(&frames), "tie the knot (3 words)");
    let report = async || host.client.get("/x/word-count").await;
    let report = eventually("the count", report, |report| report["total"] != 0).await;
    assert_eq!(report, json!({ "conversations": { "c": 5 }, "total": 5 }));
    let frames = host
        .client
        .turn("d", r#"[[tool: count_words {"text":"a b c d"}]] [[results]] [[finish: stop]]"#)
        .await;
    let result = frames.iter().find(|frame| frame["type"] == "tool-result").expect("a result");
    assert_eq!((&result["content"], &result["isError"]), (&json!("4"), &json!(false)));
}

#[tokio::test]
async fn each_plugin_from_a_file_runs_from_one_private_image() {
    let scene =
        Scene::new(Manner::Dylib).with("word-count", "").with("provider-openai", "list_models = false");
    let host = scene.start().await;
    check_attachments(&scene, &host, Manner::Dylib).await;
    let images = mapped_images(&scene, &host);
    assert_eq!(images.len(), scene.plugins().count());
    for image in images {
        let mode = std::fs::metadata(&image).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o377, 0, "`{}` has the mode {mode:o}", image.display());
    }
}

#[tokio::test]
async fn linked_plugins_have_no_image() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    check_attachments(&scene, &host, Manner::Linked).await;
    assert_eq!(mapped_images(&scene, &host), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn linked_plugins_and_those_from_files_hold_a_turn_together() {
    let scene = Scene::new(Manner::Mixed);
    scene.file("chart.txt", "here be dragons\n");
    let host = scene.start().await;
    check_attachments(&scene, &host, Manner::Mixed).await;
    let frames = host.client.turn("c", r#"[[tool: read_file {"path":"chart.txt"}]] [[results]]"#).await;
    assert!(text_of(&frames).contains("here be dragons"), "{frames:#?}");
    host.stop().await;
}

/// Compares what the host says of its plugins with where the manifest had them from, and with what it has mapped.
async fn check_attachments(scene: &Scene, host: &Host, manner: Manner) {
    let document = host.client.get("/plugins").await;
    let plugins = document["plugins"].as_array().expect("a list");
    assert_eq!(plugins.len(), scene.plugins().count());
    let images = mapped_images(scene, host);
    for plugin in plugins {
        let id = plugin["id"].as_str().expect("text");
        assert_eq!(plugin["attach"], manner.attach(id), "{id}");
        let own = images.iter().filter(|image| is_image_of(image, id)).count();
        assert_eq!(own, usize::from(manner.attach(id) == "dylib"), "{id} in {images:?}");
    }
}

/// The files below `<data>/images` that the host's process has mapped, each once.
fn mapped_images(scene: &Scene, host: &Host) -> Vec<PathBuf> {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", host.pid())).expect("the process runs");
    let folder = scene.data().canonicalize().expect("the data folder is there").join("images");
    let files = maps.lines().filter_map(|line| line.find('/').map(|at| PathBuf::from(&line[at..])));
    let mut images: Vec<PathBuf> = files.filter(|file| file.starts_with(&folder)).collect();
    images.sort();
    images.dedup();
    images
}

fn is_image_of(image: &std::path::Path, id: &str) -> bool {
    let name = image.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let behind = name.strip_prefix(id).and_then(|rest| rest.strip_prefix('-'));
    behind.is_some_and(|generation| generation.starts_with(|first: char| first.is_ascii_digit()))
}
