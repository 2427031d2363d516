//! What an operator can ask of a running host, also of one whose threads are all blocked.

use std::io::{PipeReader, PipeWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::fs::{OFlags, fcntl_setfl};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Child;

use super::support::{Client, Host, Manner, Scene, dylib, eventually, linked_and_dylib, text_of, within};

linked_and_dylib![
    the_status_tells_plugins_faults_and_traffic,
    the_status_tells_how_long_what_most_and_what_few_took,
    a_plugin_is_quarantined_and_released_by_the_operator,
    with_every_thread_blocked_the_status_names_who_blocks_them,
    a_line_about_memory_that_nobody_reads_takes_neither_the_status_nor_signals_away,
    who_blocks_threads_is_told_where_nobody_reads_the_log,
    figures_and_memory_are_told_and_ends_are_there_after_a_restart,
];

fn unruly(manner: Manner, host: &str) -> Scene {
    let source = dylib("unruly").display().to_string();
    let tables = format!("[[plugin]]\nid = \"unruly\"\nsource = \"{source}\"\n");
    Scene::new(manner).with_host(host).with_tables(&tables)
}

fn plugin<'a>(status: &'a Value, id: &str) -> &'a Value {
    let plugins = status["plugins"].as_array().expect("a list");
    plugins.iter().find(|plugin| plugin["id"] == id).expect("it is listed")
}

async fn the_status_tells_plugins_faults_and_traffic(manner: Manner) {
    let scene = unruly(manner, "");
    let host = scene.start().await;
    host.client.turn("c", "[[say: aye]]").await;
    assert_eq!(host.client.ask("/x/unruly").await.0, 500);
    let told = scene.status().await;
    assert_eq!(
        (&told["host"]["pid"], &told["host"]["address"]),
        (&json!(host.pid()), &json!(host.client.address))
    );
    assert_eq!(plugin(&told, "skills")["state"], "running");
    assert_eq!(plugin(&told, "unruly")["faults"][0]["count"], 1);
    let points = told["points"].as_array().expect("a list");
    let turns = points.iter().find(|point| point["point"] == "agent/turn.started").expect("it was said");
    assert_eq!(turns["count"], 1);
    let shown = scene.run(&["status"]).await;
    assert!(
        shown.output.contains("1 × at `http/route`, last: panicked: slammed the door"),
        "{}",
        shown.output
    );
    assert!(shown.output.contains("agent/turn.started"), "{}", shown.output);

    let socket = scene.data().join("control.sock");
    let mode = socket.metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only its owner may ask");
    for nonsense in ["", "nonsense\n", "{\"ask\":\"nonsense\"}\n", &format!("{}\n", "x".repeat(100_000))] {
        let mut stream = UnixStream::connect(&socket).await.expect("it listens");
        // The host may close before it has read all of it.
        let _ = stream.write_all(nonsense.as_bytes()).await;
        let _ = stream.shutdown().await;
        let mut answer = String::new();
        let read = within("an answer to nonsense", stream.read_to_string(&mut answer)).await;
        assert!(read.is_err() || answer.contains("is not understood"), "{answer}");
    }
    scene.status().await;
    host.stop().await;
    assert!(!socket.exists(), "nobody listens there any more");
    let nobody = scene.run(&["status"]).await;
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.errors.starts_with("error: no host runs on the data folder"), "{}", nobody.errors);
}

async fn the_status_tells_how_long_what_most_and_what_few_took(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let timed = async || {
        // One dispatch in some hundreds is timed, so there must be many.
        for _ in 0..64 {
            host.client.get("/models").await;
        }
        let points = scene.status().await["points"].clone();
        let points = points.as_array().expect("a list");
        points.iter().find(|point| point["timed"].as_u64() > Some(0)).cloned()
    };
    let point = eventually("a point that was timed", timed, Option::is_some).await.expect("it is there");
    let time = |key: &str| point[key].as_u64().unwrap_or_else(|| panic!("`{key}` is a number: {point}"));
    let times = ["p50Ns", "p90Ns", "p99Ns", "maxNs"].map(time);
    assert!(times[0] > 0 && times.is_sorted(), "{point}");
    assert!((1..=time("maxNs")).contains(&time("meanNs")), "{point}");
    let shown = scene.run(&["status"]).await.output;
    let name = point["point"].as_str().expect("text");
    let line = shown.lines().find(|line| line.trim_start().starts_with(name) && line.contains(" each; p50 "));
    assert!(line.is_some_and(|line| line.contains(", p99 ") && line.contains(", max ")), "{shown}");
    host.stop().await;
}

async fn a_plugin_is_quarantined_and_released_by_the_operator(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let outcome = scene.run(&["quarantine", "provider-scripted"]).await;
    assert_eq!(
        (outcome.code, outcome.output.as_str()),
        (Some(0), "plugin `provider-scripted` is quarantined\n")
    );
    assert_eq!(host.client.get("/models").await["models"], json!([]));
    assert_eq!(plugin(&scene.status().await, "provider-scripted")["reason"], "the operator asked for it");
    let again = scene.run(&["quarantine", "provider-scripted"]).await;
    assert_eq!(again.code, Some(2), "{again:?}");

    let outcome = scene.run(&["release", "provider-scripted"]).await;
    assert_eq!(
        (outcome.code, outcome.output.as_str()),
        (Some(0), "plugin `provider-scripted` is released\n")
    );
    assert_eq!(text_of(&host.client.turn("c", "[[say: back]]").await), "back");
    let again = scene.run(&["release", "provider-scripted"]).await;
    assert!(again.errors.contains("is in quarantine"), "{again:?}");
    host.stop().await;
}

/// Asks more often for a handler that never comes back than the host has threads.
fn block(client: &Client) -> Vec<tokio::task::JoinHandle<()>> {
    let threads = std::thread::available_parallelism().map_or(8, std::num::NonZero::get);
    let ask = |_| {
        let client = client.clone();
        tokio::spawn(async move {
            // It has no answer; the connection ends with the host.
            let _ = client.request(reqwest::Method::GET, "/x/unruly/block").send().await;
        })
    };
    (0..threads * 2 + 2).map(ask).collect()
}

/// Fills a pipe, so that whoever writes to it has to wait.
fn fill(mut pipe: PipeWriter) -> PipeWriter {
    fcntl_setfl(&pipe, OFlags::NONBLOCK).expect("a pipe");
    for length in [4096, 1] {
        while pipe.write(&vec![b'.'; length]).is_ok() {}
    }
    fcntl_setfl(&pipe, OFlags::empty()).expect("a pipe");
    pipe
}

/// A host whose log nobody reads, and which waits when it writes there.
struct Unread {
    host: Child,
    client: Client,
    _log: (PipeReader, PipeWriter),
}

impl Unread {
    async fn start(scene: &Scene) -> Self {
        let (unread, log) = std::io::pipe().expect("a pipe");
        let mut command = scene.command(&["up", "--listen", "127.0.0.1:0", "--json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        command.stderr(log.try_clone().expect("another end"));
        let mut host = command.spawn().expect("the program can be run");
        let mut lines = BufReader::new(host.stdout.take().expect("it is piped")).lines();
        let ready = within("the line of a host that is ready", lines.next_line()).await.expect("text");
        let ready: Value = serde_json::from_str(&ready.expect("a line")).expect("JSON");
        let client = Client::new(ready["address"].as_str().expect("an address"));
        Self { host, client, _log: (unread, fill(log)) }
    }

    /// Signals are heard: the first ends it in order, and where that cannot be, the second ends it at once. Answers the exit code.
    async fn interrupt(mut self) -> Option<i32> {
        let pid = self.host.id().expect("it runs").to_string();
        let ended = async || {
            let sent = tokio::process::Command::new("kill").args(["-s", "INT", &pid]).status().await;
            sent.expect("a command");
            self.host.try_wait().expect("it is ours")
        };
        let ended = eventually("the end of the host", ended, Option::is_some).await;
        ended.and_then(|status| status.code())
    }
}

async fn a_line_about_memory_that_nobody_reads_takes_neither_the_status_nor_signals_away(manner: Manner) {
    let scene = unruly(manner, "memory_log_s = 1");
    let unread = Unread::start(&scene).await;
    // Meanwhile some of those lines are due.
    let uptime = async || scene.status().await["host"]["uptimeMs"].as_u64();
    eventually("some seconds", uptime, |uptime| *uptime > Some(2_500)).await;
    let code = unread.interrupt().await;
    // In order, where no line was being written just then.
    assert!(matches!(code, Some(0 | 130)), "{code:?}");
}

async fn who_blocks_threads_is_told_where_nobody_reads_the_log(manner: Manner) {
    let scene = unruly(manner, "memory_log_s = 0");
    let unread = Unread::start(&scene).await;
    let asking = block(&unread.client);
    let blocked = |status: &Value| {
        let running = status["running"].as_array().expect("a list");
        running.iter().any(|one| one["plugin"] == "unruly")
    };
    let since = eventually("who blocks them", async || scene.status().await, blocked).await;
    let uptime = async || scene.status().await["host"]["uptimeMs"].as_u64();
    // Meanwhile the line about that is due.
    let due = since["host"]["uptimeMs"].as_u64().map(|since| since + 2_000);
    eventually("some seconds", uptime, |uptime| *uptime > due).await;
    assert!(blocked(&scene.status().await));
    assert_eq!(unread.interrupt().await, Some(130), "orderly it cannot end");
    asking.into_iter().for_each(|asking| asking.abort());
}

async fn with_every_thread_blocked_the_status_names_who_blocks_them(manner: Manner) {
    let scene = unruly(manner, "");
    let host = scene.start().await;
    let asking = block(&host.client);
    let blocked = async || {
        let running = scene.status().await["running"].clone();
        running.as_array().is_some_and(|running| {
            running.iter().any(|one| {
                one["plugin"] == "unruly"
                    && one["point"] == "http/route"
                    && one["runningForMs"].as_u64() > Some(0)
            })
        })
    };
    eventually("the name of who blocks", blocked, |blocked| *blocked).await;
    let told = async || host.errors().contains("a handler has kept thread");
    eventually("a line in the log", told, |told| *told).await;
    // Orderly it cannot end any more; the second signal is heard all the same.
    host.signal("INT").await;
    let stopping = async || host.errors().contains("stopping; once more ends at once");
    eventually("the first signal to be heard", stopping, |stopping| *stopping).await;
    host.signal("INT").await;
    let (ended, errors) = host.ended().await;
    assert_eq!(ended.code(), Some(130), "{errors}");
    asking.into_iter().for_each(|asking| asking.abort());
}

#[tokio::test]
async fn the_watchdog_ends_a_host_with_a_blocked_thread() {
    let scene = unruly(Manner::Linked, "watchdog_s = 1");
    let mut command = scene.command(&["up", "--listen", "127.0.0.1:0", "--json"]);
    command.stdin(Stdio::null());
    let host = Host::start(command).await;
    let asking = block(&host.client);
    let (ended, errors) = host.ended().await;
    assert_eq!(ended.code(), Some(70), "{errors}");
    let last = errors.lines().last().unwrap_or_default();
    assert!(
        last.starts_with(
            "error: the watchdog ends the host: plugin `unruly` has blocked a thread at `http/route` for "
        ),
        "{errors}"
    );
    asking.into_iter().for_each(|asking| asking.abort());
}

async fn figures_and_memory_are_told_and_ends_are_there_after_a_restart(manner: Manner) {
    let scene = Scene::new(manner).with_host("memory_log_s = 1");
    let host = scene.start().await;
    host.client.turn("c", "[[say: aye]]").await;
    let told = async || scene.status().await;
    let ended = |told: &Value| told["sums"]["turns-ended"] == 1 && told["sums"]["turns"] == 0;
    let told = eventually("the figures of a turn", told, ended).await;
    assert_eq!(told["figures"]["session-orchestrator"]["stalled"], 0);
    assert!(told["host"]["mailboxes"].is_u64());
    let line = async || {
        host.errors().lines().any(|line| line.contains("memory: ") && line.contains("turns-ended 1"))
    };
    eventually("a line about memory", line, |told| *told).await;
    let told = async || scene.status().await["host"]["sinceLastMemoryLine"]["grownBytes"].is_i64();
    eventually("the last difference", told, |told| *told).await;
    let shown = scene.run(&["status"]).await;
    assert!(
        shown.output.contains(" events in mailboxes") && shown.output.contains("; memory "),
        "{}",
        shown.output
    );
    host.stop().await;

    let host = scene.start().await;
    let streams = host.client.get("/diagnostics/streams").await;
    assert_eq!(streams["total"]["counts"], json!({ "finished": 1 }), "{streams}");
    assert_eq!(streams["streams"][0]["conversationId"], "c");
    let turns = host.client.get("/diagnostics/turns").await;
    assert_eq!(turns["total"]["counts"], json!({ "stop": 1 }), "{turns}");
    host.stop().await;
}
