//! A disk that fails under a running host: what is not written is not acknowledged, reads go on, and so does writing when it can.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Pid, Resource, Rlimit, geteuid, prlimit};
use serde_json::json;

use super::support::{Host, Manner, Scene, eventually, text_of, within};

/// Limits the size of files that a host may write, in bytes; `None` lifts the limit.
fn limit_files(host: &Host, bytes: Option<u64>) {
    let pid = i32::try_from(host.pid()).ok().and_then(Pid::from_raw).expect("a process");
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(pid), Resource::Fsize, limit).expect("it is ours");
}

/// What keeps the store from its work, by the status.
async fn hamper(scene: &Scene) -> Option<String> {
    let status = scene.status().await;
    let plugins = status["plugins"].as_array().expect("a list");
    let store = plugins.iter().find(|plugin| plugin["id"] == "conversation-store").expect("it is listed");
    store["hampered"]["by"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_full_disk_ends_turns_with_an_error_and_writing_goes_on_when_there_is_room() {
    let scene = Scene::new(Manner::Linked);
    scene.file("log.txt", "day 3: west wind\n");
    let host = scene.start().await;
    host.client.turn("c", "[[say: before]]").await;
    let before = host.client.log("c").await;
    let slowly: String = (0..40).map(|word| format!("{word} fathoms ")).collect();
    let message = format!(r#"[[pace: 20]] [[say: {slowly}]] [[tool: read_file {{"path":"log.txt"}}]]"#);
    let mut chat = host.client.chat(&json!({ "conversationId": "c", "message": message })).await;
    chat.until("text-delta").await;
    limit_files(&host, Some(1));
    let told = chat.until("error").await;
    assert_eq!(told["code"], "storage", "{told}");

    let body = json!({ "conversationId": "d", "message": "words-that-have-no-room" });
    let (code, refused) = host.client.post("/chat", &body).await;
    assert_eq!(code, 503, "{refused}");
    let log = host.client.log("c").await;
    assert_eq!(log[..before.len()], before, "reads go on");
    let by = hamper(&scene).await.expect("the status tells");
    assert!(by.contains("`conversations.db`"), "{by}");
    let shown = scene.run(&["status"]).await.output;
    assert!(shown.contains(&by), "{shown}");
    let behind = &log[before.len()..];
    assert!(
        behind.iter().all(|entry| entry["chunk"]["type"] != "turn-end"),
        "what is not written is not told as over"
    );

    limit_files(&host, None);
    let done = chat.until("done").await;
    assert_eq!(done["reason"], "error", "{done}");
    chat.until("turn-sealed").await;
    let log = host.client.log("c").await;
    let end = &log.last().expect("an end")["chunk"]["record"];
    assert_eq!((&end["reason"], &end["errorClass"]), (&json!("error"), &json!("storage")), "{end}");
    assert_eq!(text_of(&host.client.turn("d", "[[say: there is room]]").await), "there is room");
    assert!(
        !json!(host.client.log("d").await).to_string().contains("no-room"),
        "what was refused is not there"
    );
    assert_eq!(hamper(&scene).await, None);
    scene.assert_well().await;
    host.stop().await;
}

#[tokio::test]
async fn a_lock_of_another_program_holds_writing_up_until_it_is_gone() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    host.client.turn("c", "[[say: before]]").await;
    let index = scene.data().join("plugins/conversation-store/conversations.db-shm");
    let lock = File::open(index).expect("the store's file is open");
    // Whoever reads the whole of it keeps everybody from the bytes by which one becomes the one who writes.
    fcntl_lock(&lock, FlockOperation::NonBlockingLockShared).expect("nobody writes");
    let client = host.client.clone();
    let chat = tokio::spawn(async move { client.turn("c", "[[say: at last]]").await });
    let by = async || hamper(&scene).await;
    let by = eventually("the word of it in the status", by, Option::is_some).await;
    assert!(by.as_ref().is_some_and(|by| by.contains("is locked by another program")), "{by:?}");
    assert_eq!(host.client.said("c").await.len(), 2, "reads go on");
    assert!(!chat.is_finished());
    drop(lock);
    let frames = within("the turn that waited", chat).await.expect("it goes well");
    assert_eq!(text_of(&frames), "at last");
    assert_eq!(hamper(&scene).await, None);
    scene.assert_well().await;
    host.stop().await;
}

/// A scene whose programs are stopped by permissions, also where an administrator runs the tests.
fn unprivileged() -> Scene {
    let scene = Scene::new(Manner::Linked);
    if geteuid().is_root() {
        scene.behind(&["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
    } else {
        scene
    }
}

fn change_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

#[tokio::test]
async fn of_a_file_that_cannot_be_written_everything_is_read_and_nothing_is_acknowledged() {
    let scene = unprivileged();
    let host = scene.start().await;
    host.client.turn("c", "[[say: before]]").await;
    host.stop().await;
    let file = scene.data().join("plugins/conversation-store/conversations.db");
    change_mode(&file, 0o400);
    let host = scene.start().await;
    assert_eq!(host.client.said("c").await.len(), 2, "reads go on");
    let body = json!({ "conversationId": "c", "message": "words-that-cannot-be-written" });
    let (code, refused) = host.client.post("/chat", &body).await;
    assert_eq!(code, 503, "{refused}");
    let by = hamper(&scene).await.expect("the status tells");
    assert!(by.contains("cannot be written; check its permissions"), "{by}");
    host.stop().await;

    for end in ["db", "db-wal", "db-shm"] {
        // SQLite gives the files beside it the mode of the file.
        let path = file.with_extension(end);
        if path.exists() {
            change_mode(&path, 0o600);
        }
    }
    let host = scene.start().await;
    assert_eq!(text_of(&host.client.turn("c", "[[say: and on]]").await), "and on");
    assert!(!json!(host.client.log("c").await).to_string().contains("cannot-be-written"));
    scene.assert_well().await;
    host.stop().await;
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_written_is_refused() {
    let scene = unprivileged();
    scene.start().await.stop().await;
    change_mode(&scene.data(), 0o500);
    let refused = scene.run(&["up", "--listen", "127.0.0.1:0"]).await;
    change_mode(&scene.data(), 0o700);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.errors.contains("cannot be used: ") && refused.errors.contains("help: "), "{refused:?}");
    scene.start().await.stop().await;
}
