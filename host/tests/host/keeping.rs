//! Backups and examinations, with a host that runs and without one, and a restore behind a kill.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::support::{Client, Host, Manner, Outcome, Scene, eventually, linked_and_dylib, text_of, within};

linked_and_dylib![
    what_was_acknowledged_before_a_backup_began_is_there_after_a_kill_and_a_restore,
    without_a_host_conversations_are_copied_and_examined_all_the_same,
    without_a_host_what_other_plugins_need_may_be_missing,
];

/// The store's file.
fn database(scene: &Scene) -> PathBuf {
    scene.data().join("plugins/conversation-store/conversations.db")
}

fn kept(scene: &Scene) -> PathBuf {
    scene.work().join("kept.db")
}

#[track_caller]
fn document(outcome: &Outcome, code: i32) -> Value {
    assert_eq!((outcome.code, outcome.errors.as_str()), (Some(code), ""), "{outcome:?}");
    serde_json::from_str(&outcome.output).unwrap_or_else(|_| panic!("not JSON: {outcome:?}"))
}

#[track_caller]
fn complaint(outcome: &Outcome, code: i32) -> &str {
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(code), ""), "{outcome:?}");
    &outcome.errors
}

fn unfinished(scene: &Scene) -> usize {
    let entries = std::fs::read_dir(scene.work()).expect("a folder");
    let is_one = |name: &str| name.ends_with(".unfinished");
    entries.filter(|entry| is_one(&entry.as_ref().expect("an entry").file_name().to_string_lossy())).count()
}

/// Puts a copy in the place of the store's file, as the guide says.
fn restore(scene: &Scene, copy: &Path) {
    let database = database(scene);
    for end in ["db", "db-wal", "db-shm"] {
        let path = database.with_extension(end);
        assert!(path.exists() || end != "db", "the store's file is not where the guide says");
        let _ = std::fs::remove_file(path);
    }
    std::fs::copy(copy, database).expect("it can be put there");
}

/// What was answered to somebody: conversation and words.
type Acknowledged = Arc<Mutex<Vec<(String, String)>>>;

/// One turn after the other in a conversation, until the host is gone.
fn speak(client: &Client, id: &str, acknowledged: &Acknowledged) -> JoinHandle<()> {
    let (client, id, acknowledged) = (Client::new(&client.address), id.to_owned(), Arc::clone(acknowledged));
    tokio::spawn(async move {
        for number in 0.. {
            let words = format!("words-{id}-{number}-end");
            let message = format!(r#"{words} [[say: aye]] [[tool: read_file {{"path":"chart.txt"}}]]"#);
            let body = json!({ "conversationId": id, "message": message });
            let request = client.request(Method::POST, "/chat").json(&body);
            let Ok(mut response) = within("an answer", request.send()).await else { return };
            let mut is_acknowledged = false;
            while let Ok(Some(_)) = within("a frame", response.chunk()).await {
                if !std::mem::replace(&mut is_acknowledged, true) {
                    acknowledged.lock().expect("whole").push((id.clone(), words.clone()));
                }
            }
        }
    })
}

async fn what_was_acknowledged_before_a_backup_began_is_there_after_a_kill_and_a_restore(manner: Manner) {
    let scene = Scene::new(manner);
    scene.file("chart.txt", &"here be dragons\n".repeat(40));
    let host = scene.start().await;
    let acknowledged = Acknowledged::default();
    let speakers: Vec<_> = ["a", "b", "c"].map(|id| speak(&host.client, id, &acknowledged)).into();
    let count = async || acknowledged.lock().expect("whole").len();
    eventually("some turns", count, |count| *count > 12).await;
    let before = acknowledged.lock().expect("whole").clone();
    let file = kept(&scene);
    let copied = document(&scene.run(&["backup", "kept.db", "--json"]).await, 0);
    let behind = count().await;
    eventually("turns behind the backup", count, |count| *count > behind + 3).await;
    host.kill().await;
    for speaker in speakers {
        within("the end of a client", speaker).await.expect("it does not panic");
    }
    let metadata = file.metadata().expect("it is there");
    assert_eq!((metadata.permissions().mode() & 0o777, unfinished(&scene)), (0o600, 0));
    assert_eq!(
        (&copied["path"], &copied["bytes"], &copied["conversations"]),
        (&json!(file), &json!(metadata.len()), &json!(3))
    );

    restore(&scene, &file);
    let host = scene.start().await;
    for id in ["a", "b", "c"] {
        host.client.idle(id).await;
        let log = json!(host.client.log(id).await).to_string();
        for (_, words) in before.iter().filter(|(of, _)| of == id) {
            assert!(log.contains(words), "`{words}` was acknowledged, and is not in the backup");
        }
    }
    scene.assert_well().await;
    assert_eq!(text_of(&host.client.turn("a", "[[say: all well]]").await), "all well");
    host.stop().await;
}

async fn without_a_host_conversations_are_copied_and_examined_all_the_same(manner: Manner) {
    let scene = Scene::new(manner);
    let nothing = scene.run(&["backup", "kept.db"]).await;
    assert!(complaint(&nothing, 2).contains("there is no data folder"), "{nothing:?}");
    assert!(!scene.data().exists(), "and none is made");
    let host = scene.start().await;
    host.client.turn("c", "[[say: hello]]").await;
    host.client.turn("d", "[[say: hello]]").await;
    let running = document(&scene.run(&["backup", "running.db", "--json"]).await, 0);
    host.kill().await;
    let copied = scene.run(&["backup", "kept.db"]).await;
    let entries = running["entries"].as_u64().expect("a number");
    let told = format!("{}: 2 conversations, {entries} entries, ", kept(&scene).display());
    assert!(copied.code == Some(0) && copied.output.starts_with(&told), "{copied:?}");
    assert_eq!(
        document(&scene.run(&["doctor", "--json"]).await, 0),
        json!({ "conversations": 2, "faults": [], "ok": true })
    );
    assert!(!scene.data().join("run.json").exists(), "nobody was told of a host");
    assert_eq!(unfinished(&scene), 0);

    // One of the two places where a title stands: in the log, or beside it.
    let path = database(&scene);
    let mut bytes = std::fs::read(&path).expect("a file");
    let place = bytes.windows(7).position(|window| window == b"[[say: ").expect("what was said");
    bytes[place + 7] = b'j';
    std::fs::write(&path, bytes).expect("damaged");
    let ill = scene.run(&["doctor"]).await;
    assert_eq!((ill.code, ill.errors.as_str()), (Some(1), ""), "{ill:?}");
    assert!(ill.output.starts_with("2 conversations, 1 fault\nconversation `"), "{ill:?}");
    assert!(ill.output.contains("jello") && ill.output.contains("\n  help: "), "{ill:?}");
    restore(&scene, &kept(&scene));
    scene.assert_well().await;
}

async fn without_a_host_what_other_plugins_need_may_be_missing(manner: Manner) {
    let scene = Scene::new(manner)
        .with("provider-openai", "key = \"env:OPENAI_KEY\"\nlist_models = false")
        .with_tables("[secrets]\nharbour = \"env:HARBOUR_KEY\"\n")
        .with_variable("OPENAI_KEY", "a key")
        .with_variable("HARBOUR_KEY", "another");
    let host = scene.start().await;
    host.client.turn("c", "[[say: hello]]").await;
    host.stop().await;
    let without = async |arguments: &[&str]| {
        let mut command = scene.command(arguments);
        command.env_remove("OPENAI_KEY").env_remove("HARBOUR_KEY");
        Outcome::of(command).await
    };
    let refused = without(&["check"]).await;
    assert!(complaint(&refused, 2).contains("OPENAI_KEY"), "{refused:?}");
    assert!(refused.errors.contains("HARBOUR_KEY"), "{refused:?}");
    let copied = without(&["backup", "kept.db"]).await;
    assert!(copied.code == Some(0) && copied.output.contains(": 1 conversation, "), "{copied:?}");
    assert_eq!(document(&without(&["doctor", "--json"]).await, 0)["ok"], true);
}

#[tokio::test]
async fn a_manifest_that_was_named_and_does_not_tell_where_its_host_is_stands_for_no_other() {
    let scene = Scene::new(Manner::Linked);
    // The host of the folder that is meant when nobody names one.
    let host = Host::start(scene.bare_command(&["up", "--listen", "127.0.0.1:0", "--json"])).await;
    let odd = "[host]\nlog_limit = 0\n[[plugin]]\nid = \"conversation-store\"\n";
    scene.file("odd.toml", odd);
    scene.file("torn.toml", "[host\n");
    for command in [&["backup", "kept.db"][..], &["doctor"], &["status"], &["list"], &["plugins"]] {
        for manifest in ["typo.toml", "odd.toml", "torn.toml"] {
            let arguments = [command, &["--manifest", manifest]].concat();
            let told = Outcome::of(scene.bare_command(&arguments)).await;
            assert!(complaint(&told, 2).contains(manifest), "{arguments:?}: {told:?}");
        }
        let kept = scene.bare_command(command);
        assert_eq!(Outcome::of(kept).await.code, Some(0), "{command:?}");
        // Neither does one that lies there.
        for manifest in [odd, "[host\n"] {
            let found = scene.file("transom.toml", manifest);
            let told = Outcome::of(scene.bare_command(command)).await;
            assert!(complaint(&told, 2).contains("transom.toml"), "{command:?}: {told:?}");
            std::fs::remove_file(found).expect("it was there");
        }
    }
    host.stop().await;
}

#[tokio::test]
async fn a_backup_takes_no_other_file_s_place_and_is_made_where_it_can_be() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    host.client.turn("c", "[[say: hello]]").await;
    scene.file("kept.db", "dear");
    let own = database(&scene).with_file_name("copy.db").display().to_string();
    for (arguments, problem) in [
        (vec!["backup", "kept.db"], "is there already, and is left as it is\n  help: `--force` replaces it"),
        (vec!["backup", "nowhere/kept.db"], "make it first"),
        (vec!["backup", "."], "is no regular file"),
        (vec!["backup", "/"], "expected the absolute path of a file"),
        (vec!["backup", own.as_str(), "--force"], "choose another folder"),
        (vec!["backup"], "<FILE>"),
    ] {
        let told = scene.run(&arguments).await;
        assert!(complaint(&told, 2).contains(problem), "{told:?}");
    }
    let told = scene.run(&["backup", "kept.db", "--json"]).await;
    let answer: Value = serde_json::from_str(&told.output).expect("JSON");
    assert_eq!((told.code, &answer["ok"]), (Some(2), &json!(false)), "{told:?}");
    assert_eq!(std::fs::read(kept(&scene)).expect("a file"), b"dear");
    let copied = scene.run(&["backup", "kept.db", "--force"]).await;
    assert!(copied.code == Some(0) && copied.output.contains(": 1 conversation, "), "{copied:?}");
    assert_eq!(unfinished(&scene), 0);
    host.stop().await;
}

#[tokio::test]
async fn a_backup_that_nobody_waits_for_leaves_nothing_half() {
    let scene = Scene::new(Manner::Linked);
    scene.file("large.txt", &"here be dragons\n".repeat(2_000));
    let host = scene.start().await;
    let reads = r#"[[tool: read_file {"path":"large.txt"}]]"#.repeat(8);
    for number in 0..8 {
        host.client.turn(&format!("c{number}"), &format!("[[say: look]] {reads}")).await;
    }
    let stream = UnixStream::connect(scene.data().join("control.sock")).await.expect("it listens");
    let mut stream = BufReader::new(stream);
    let question = json!({ "ask": "backup", "path": kept(&scene), "replace": false });
    stream.write_all(format!("{question}\n").as_bytes()).await.expect("it is heard");
    let mut progress = json!({ "atWork": true });
    while progress["atWork"] == true {
        let mut line = String::new();
        within("the first progress", stream.read_line(&mut line)).await.expect("a line");
        progress = serde_json::from_str(&line).expect("JSON");
    }
    assert!(progress["bytes"].as_u64() <= progress["of"].as_u64(), "{progress}");
    drop(stream);
    eventually("the end of the copy", async || unfinished(&scene), |count| *count == 0).await;
    // One that had been completed by then is a whole one.
    let copied = document(&scene.run(&["backup", "kept.db", "--force", "--json"]).await, 0);
    assert_eq!(copied["conversations"], 8);
    host.stop().await;
}

/// A control socket where no host is.
struct Stage {
    /// The first question.
    question: mpsc::Receiver<Value>,
    /// Whether who asked has closed the connection.
    has_left: JoinHandle<bool>,
}

/// What is asked first is answered with `lines`, and then nothing more is said.
async fn stage(scene: &Scene, lines: &[Value]) -> Stage {
    std::fs::create_dir_all(scene.data()).expect("a folder");
    let socket = UnixListener::bind(scene.data().join("control.sock")).expect("a socket");
    let said: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let (tell, question) = mpsc::channel(1);
    let has_left = tokio::spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.expect("somebody asks");
            let mut stream = BufReader::new(stream);
            let mut question = String::new();
            // Who only looks whether somebody answers says nothing.
            if matches!(stream.read_line(&mut question).await, Ok(1..)) {
                stream.write_all(said.as_bytes()).await.expect("somebody listens");
                tell.send(serde_json::from_str(&question).expect("JSON")).await.expect("the test waits");
                // Who leaves before having read everything resets the connection.
                return matches!(stream.read(&mut [0]).await, Ok(0) | Err(_));
            }
        }
    });
    Stage { question, has_left }
}

#[tokio::test]
async fn an_interrupted_backup_gives_the_copy_up_and_says_so() {
    for signal in ["INT", "TERM"] {
        let scene = Scene::new(Manner::Linked);
        let mut asked = stage(&scene, &[json!({ "bytes": 1 << 20, "of": 9 << 20 })]).await;
        let mut command = scene.command(&["backup", "kept.db"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let process = command.spawn().expect("the program can be run");
        let pid = process.id().expect("it runs").to_string();
        // Whoever asks has begun to hear signals before.
        within("the question", asked.question.recv()).await.expect("asked");
        let sent = tokio::process::Command::new("kill").args(["-s", signal, &pid]).status().await;
        assert!(sent.expect("a command").success());
        let ended = within("the end of the command", process.wait_with_output()).await.expect("it ends");
        let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!((ended.status.code(), errors.as_str()), (Some(130), "interrupted; no backup was made\n"));
        assert!(ended.stdout.is_empty());
        assert!(within("the end of the connection", asked.has_left).await.expect("it ends"));
    }
}

#[tokio::test]
async fn faults_that_a_host_finds_are_told_with_their_remedies() {
    let scene = Scene::new(Manner::Linked);
    let fault = json!({ "conversationId": "c", "projection": "turns", "problem": "it is odd" });
    let found = json!({ "conversations": 3, "faults": [fault] });
    let mut asked = stage(&scene, std::slice::from_ref(&found)).await;
    let told = document(&scene.run(&["doctor", "--json"]).await, 1);
    assert_eq!((&told["ok"], &told["conversations"]), (&json!(false), &json!(3)));
    let help = told["faults"][0]["help"].as_str().expect("a remedy");
    assert!(help.contains("`transom fork c`"), "{help}");
    let question = within("the question", asked.question.recv()).await;
    assert_eq!(question, Some(json!({ "ask": "doctor" })));
}

#[tokio::test]
async fn a_file_that_is_empty_is_told_as_such() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    host.client.turn("c", "[[say: hello]]").await;
    host.stop().await;
    std::fs::write(database(&scene), "").expect("it can be emptied");
    let told = scene.run(&["doctor"]).await;
    assert_eq!(
        told.output, "0 conversations, no faults: the database is empty, as a new one is\n",
        "{told:?}"
    );
    assert!(told.errors.contains("conversations.db` is an empty file"), "{told:?}");
}

#[tokio::test]
async fn the_host_of_a_chat_is_asked_as_any_other() {
    let scene = Scene::new(Manner::Linked);
    let mut chat = scene.command(&["chat", "[[say: aye]] [[hang]]"]);
    chat.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut chat = chat.spawn().expect("the program can be run");
    let mut out = chat.stdout.take().expect("it is piped");
    within("the first word", out.read_exact(&mut [0; 3])).await.expect("a word");
    assert_eq!(scene.status().await["host"]["pid"], json!(chat.id()));
    let copied = scene.run(&["backup", "kept.db"]).await;
    assert!(copied.code == Some(0) && copied.output.contains(": 1 conversation, "), "{copied:?}");
    scene.assert_well().await;
    let pid = chat.id().expect("it runs").to_string();
    let sent = tokio::process::Command::new("kill").args(["-s", "INT", &pid]).status().await;
    assert!(sent.expect("a command").success());
    let ended = within("its end", chat.wait()).await.expect("it can be waited for");
    assert_eq!(ended.code(), Some(130));
    assert!(!scene.data().join("control.sock").exists(), "nobody listens there any more");
}
