//! The servers of working folders: nothing of them starts before they are trusted, and none is shared by accident.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use transom_agent::trust::{TRUST, TRUST_CHANGED, TrustChanged};
use transom_plugin_api::Maybe;
use transom_testkit::{both_ways, both_ways_paused};

use crate::world::{
    World, call, call_in, cli, get, is_running, names, read, script, server, tools, tools_in, until_gone,
    until_it_is, write_file,
};

fn marked(name: &str, marker: &Path) -> serde_json::Value {
    let mut server = server(name);
    server["environment"]["MARKER"] = marker.display().to_string().into();
    server
}

#[test]
fn nothing_of_a_folder_starts_before_its_file_is_trusted() {
    both_ways(async |stand| {
        let (world, marker) = (World::default(), stand.root().join("marker"));
        write_file(&stand.root(), &[("local", marked("local", &marker))]);
        let stand = world.start(stand, json!({"wait_ms": 4_000})).await;
        assert!(tools(&stand).await.is_empty());
        assert_eq!(get(&stand, "/mcp").await["servers"], json!([]));
        let asked = world.state().asked[0].clone();
        let folder = stand.root().to_str().expect("text").to_owned();
        assert_eq!((asked.folder.as_str(), asked.name.as_str()), (folder.as_str(), ".mcp.json"));
        let told = get(&stand, "/conversations/c/mcp").await;
        assert_eq!((&told["cwd"], &told["file"]["state"]), (&json!(folder), &json!("untrusted")));
        assert!(cli(&stand, &["c"]).await.output.contains("waits to be trusted"));
        assert!(!marker.exists());

        world.trust_the_last();
        assert!(names(&tools(&stand).await).contains(&"local__echo"));
        assert_eq!(call(&stand, "local__echo", json!({"text": "x"})).await.content, "local: x");
        assert_eq!(call(&stand, "local__where", json!({})).await.content, folder.as_str());
        assert!(marker.exists());
        let told = get(&stand, "/conversations/c/mcp").await;
        assert_eq!(
            (&told["file"]["state"], &told["servers"][0]["source"]),
            (&json!("used"), &json!(".mcp.json"))
        );
        stand.stop().await;
    });
}

#[test]
fn a_changed_file_asks_again_and_the_old_server_stops() {
    both_ways(async |stand| {
        let (world, marker) = (World::default(), stand.root().join("marker"));
        write_file(&stand.root(), &[("local", marked("one", &marker))]);
        let stand = world.start(stand, json!({"wait_ms": 4_000})).await;
        tools(&stand).await;
        world.trust_the_last();
        assert!(!tools(&stand).await.is_empty());
        let process = read(&marker).await;
        write_file(&stand.root(), &[("local", marked("two", &marker))]);
        assert!(tools(&stand).await.is_empty(), "what nobody trusts is not offered");
        until_gone(&process).await;
        let answer = call_in(&stand, &stand.root(), "local__echo", json!({"text": "x"})).await;
        assert!(answer.is_err_and(|error| error.message.contains("local__echo")));
        world.trust_the_last();
        tools(&stand).await;
        assert_eq!(call(&stand, "local__echo", json!({"text": "x"})).await.content, "two: x");
        stand.stop().await;
    });
}

#[test]
fn a_server_stops_as_soon_as_its_file_is_not_trusted_any_more() {
    both_ways(async |stand| {
        let (world, marker) = (World::default(), stand.root().join("marker"));
        write_file(&stand.root(), &[("local", marked("local", &marker))]);
        let stand = world.start(stand, json!({"wait_ms": 4_000})).await;
        tools(&stand).await;
        world.trust_the_last();
        tools(&stand).await;
        let process = read(&marker).await;
        world.state().trusted.clear();
        stand.emitter(TRUST_CHANGED).emit(&TrustChanged {
            folder: stand.root().to_str().expect("text").into(),
            name: Maybe::Some(".mcp.json".into()),
            sha256: Maybe::None,
            trusted: Maybe::None,
        });
        until_gone(&process).await;
        stand.stop().await;
    });
}

#[test]
fn two_folders_with_one_server_name_never_share_a_server() {
    both_ways(async |stand| {
        let world = World::default();
        let folders = ["one", "two"].map(|name| stand.root().join(name));
        for folder in &folders {
            std::fs::create_dir(folder).expect("made");
            // The very same file in both.
            write_file(folder, &[("local", server("local"))]);
        }
        let stand = world.start(stand, json!({"wait_ms": 4_000})).await;
        tools_in(&stand, &folders[0]).await;
        world.trust_the_last();
        assert!(!tools_in(&stand, &folders[0]).await.is_empty());
        let elsewhere = call_in(&stand, &folders[1], "local__where", json!({})).await.expect("it answers");
        assert_eq!(elsewhere.content, "no server of this folder has this tool any more");
        assert!(tools_in(&stand, &stand.root()).await.is_empty(), "it is offered in its folder alone");
        assert!(!tools_in(&stand, &folders[1]).await.is_empty());
        for folder in &folders {
            let told = call_in(&stand, folder, "local__where", json!({})).await.expect("it answers");
            assert_eq!(told.content, folder.to_str().expect("text"));
        }
        stand.stop().await;
    });
}

#[test]
fn a_server_of_the_operators_wins_over_one_of_the_same_name_in_a_file() {
    both_ways(async |stand| {
        let (world, marker) = (World::default(), stand.root().join("marker"));
        write_file(&stand.root(), &[("real", marked("of the file", &marker)), ("other", server("other"))]);
        let settings = json!({"servers": {"real": server("of the operator")}, "wait_ms": 4_000});
        let stand = world.start(stand, settings).await;
        tools(&stand).await;
        world.trust_the_last();
        for _ in 0..3 {
            assert!(names(&tools(&stand).await).contains(&"other__echo"));
        }
        let told = call(&stand, "real__echo", json!({"text": "x"})).await.content;
        assert_eq!(told, "of the operator: x");
        assert!(!marker.exists());
        let warnings = stand.log().iter().filter(|line| line.message.contains("server `real` of")).count();
        assert_eq!(warnings, 1, "{:#?}", stand.log());
        stand.stop().await;
    });
}

#[test]
fn without_anybody_who_knows_what_is_trusted_nothing_of_a_folder_starts() {
    both_ways(async |stand| {
        let marker = stand.root().join("marker");
        write_file(&stand.root(), &[("local", marked("local", &marker))]);
        let stand = stand.plugin::<transom_mcp::Mcp>(json!({}));
        stand.start().await.expect("it starts");
        assert!(tools(&stand).await.is_empty());
        assert_eq!(get(&stand, "/mcp").await["servers"], json!([]));
        assert!(!marker.exists());
        stand.stop().await;
    });
}

#[test]
fn who_does_not_say_whether_a_file_is_trusted_holds_up_no_turn_for_long() {
    both_ways_paused(async |stand| {
        let marker = stand.root().join("marker");
        write_file(&stand.root(), &[("local", marked("local", &marker))]);
        let stand = stand.plugin::<transom_mcp::Mcp>(json!({}));
        let asked = Arc::new(AtomicBool::new(false));
        let is_asked = Arc::clone(&asked);
        stand.serve(TRUST, move |_, _| {
            is_asked.store(true, Ordering::SeqCst);
            std::future::pending()
        });
        stand.start().await.expect("it starts");
        let (tools, ()) = tokio::join!(tools(&stand), async {
            stand.until(|| asked.load(Ordering::SeqCst)).await;
            stand.advance(Duration::from_secs(3)).await;
        });
        assert!(tools.is_empty() && !marker.exists());
        assert!(stand.faults("mcp").is_empty(), "its link keeps its deadline");
        stand.stop().await;
    });
}

#[test]
fn a_hostile_file_neither_holds_up_a_turn_nor_leads_out_of_its_folder() {
    both_ways(async |stand| {
        let (world, root) = (World::default(), stand.root());
        let outside = root.parent().expect("a folder around it").join("outside.json");
        let marker = root.join("marker");
        write_file(&root, &[("local", marked("local", &marker))]);
        std::fs::rename(root.join(".mcp.json"), &outside).expect("moved");
        std::os::unix::fs::symlink("../outside.json", root.join(".mcp.json")).expect("linked");
        let stand = world.start(stand, json!({"wait_ms": 4_000})).await;
        assert!(tools(&stand).await.is_empty());
        let told = get(&stand, "/conversations/c/mcp").await;
        assert_eq!(told["file"]["reason"], "it leads out of the folder");
        assert!(world.state().asked.is_empty());
        std::fs::remove_file(root.join(".mcp.json")).expect("removed");
        let status = std::process::Command::new("mkfifo").arg(root.join(".mcp.json")).status();
        assert!(status.expect("there is `mkfifo`").success());
        assert!(tools(&stand).await.is_empty());
        stand.stop().await;
    });
}

#[test]
fn many_folders_run_no_more_servers_than_they_may() {
    both_ways(async |stand| {
        let world = World::default();
        let folders: Vec<_> = (0..34).map(|number| stand.root().join(number.to_string())).collect();
        for folder in &folders {
            std::fs::create_dir(folder).expect("made");
            write_file(folder, &[("local", script("exec sleep 1000"))]);
        }
        let stand = world.start(stand, json!({"wait_ms": 0})).await;
        tools_in(&stand, &folders[0]).await;
        world.trust_the_last();
        for folder in &folders {
            tools_in(&stand, folder).await;
        }
        let told = get(&stand, "/mcp").await;
        let running = told["servers"].as_array().expect("a list");
        assert_eq!(running.len(), 32);
        let has = |folder: &Path| running.iter().any(|one| one["folder"] == folder.to_str().expect("text"));
        assert!(!has(&folders[0]) && !has(&folders[1]) && has(&folders[2]));
        stand.stop().await;
    });
}

#[test]
fn a_server_is_started_anew_when_a_person_says_so() {
    both_ways(async |stand| {
        let (world, marker) = (World::default(), stand.root().join("marker"));
        let settings = json!({"servers": {"real": marked("real", &marker), "off": {"command": ["x"], "disabled": true}}, "wait_ms": 4_000});
        let stand = world.start(stand, settings).await;
        tools(&stand).await;
        let process = read(&marker).await;
        assert!(is_running(&process));
        assert_eq!(cli(&stand, &["restart", "real"]).await.output, "`real` is started anew\n");
        until_gone(&process).await;
        until_it_is(&stand, "real", "ready").await;
        let printed = cli(&stand, &[]).await.output;
        assert!(printed.contains("disabled      0 tools  x\n"), "{printed}");
        assert_eq!(cli(&stand, &["restart", "none"]).await.complaint, "error: there is no server `none`");
        assert_eq!(cli(&stand, &["restart", "off"]).await.complaint, "error: server `off` is disabled");
        stand.stop().await;
    });
}
