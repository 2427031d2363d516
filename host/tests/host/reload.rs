//! Every bundled plugin is replaced again and again, each from its file, under turns that are watched over HTTP.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{BOUND, Client, Host, Manner, Scene, eventually, text_of, within};

/// Conversations that go on at the same time.
const CONVERSATIONS: usize = 8;

/// Words of an answer, each a piece of its own.
const WORDS: usize = 40;

/// What one reload may leave behind in memory besides the image that it opened.
const LEFT_KIB: u64 = 1024;

/// What the conversations themselves may take meanwhile: the orchestrator keeps so much of what was said.
const SAID_KIB: u64 = 16 * 1024;

/// Descriptors of files that may be opened by the last generation only and not by the first: fewer than one for each round.
const OPENED_LATE: usize = 2;

/// The plugins with a runtime of their own. Where tokio was built with signals, as it is together with the host, each image
/// of one keeps a pair of sockets in its statics.
const WITH_RUNTIME: [&str; 3] = ["provider-openai", "transport-http", "transport-ws"];

/// How often each plugin is replaced: few times, unless a campaign asks for more.
fn rounds() -> usize {
    let asked = std::env::var("TRANSOM_RELOADS").ok();
    asked.map_or(3, |rounds| rounds.parse().expect("`TRANSOM_RELOADS` is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turns_go_on_while_every_plugin_is_replaced_and_nothing_of_the_old_ones_stays() {
    let scene = Scene::new(Manner::Dylib)
        .with("provider-openai", "list_models = false")
        .with_host("retired_images = 10000")
        // What the allocator keeps for each thread that came and went is not what a reload leaves behind.
        .with_variable("MALLOC_ARENA_MAX", "1");
    scene.file("chart.txt", "here be dragons\n");
    let host = scene.start().await;
    let sockets = Use::of(&host).sockets;

    replace_under_turns(&scene, &host, "warm", 1).await;
    let before = until_idle(&host, |taken| taken.sockets <= sockets + left_by(1)).await;
    let rounds = rounds();
    replace_under_turns(&scene, &host, "more", rounds).await;
    let after = until_idle(&host, |taken| taken.is_within(&before, left_by(rounds) + OPENED_LATE)).await;

    let replaced = (rounds * scene.plugins().count()) as u64;
    let grown = after.resident_kib.saturating_sub(before.resident_kib);
    assert!(
        grown <= SAID_KIB + replaced * LEFT_KIB,
        "{replaced} reloads left {grown} KiB: {before:?}, {after:?}"
    );
    host.stop().await;
}

/// Sockets that stay when each plugin was replaced so often.
fn left_by(rounds: usize) -> usize {
    2 * WITH_RUNTIME.len() * rounds
}

/// Replaces each plugin so many times while conversations go on. No turn fails, and none loses or repeats a word.
async fn replace_under_turns(scene: &Scene, host: &Host, name: &str, rounds: usize) {
    let over = Arc::new(AtomicBool::new(false));
    let turns = Arc::new(AtomicUsize::new(0));
    // With connections of its own, which are closed with it.
    let client = Client::new(&host.client.address);
    let conversations: Vec<_> = (0..CONVERSATIONS)
        .map(|number| {
            let (client, over, turns) = (client.clone(), over.clone(), turns.clone());
            let conversing = converse(client, format!("{name}-{number}"), over, turns);
            tokio::spawn(conversing)
        })
        .collect();
    drop(client);
    for _ in 0..rounds {
        for plugin in scene.plugins() {
            replace(scene, plugin).await;
            // Some of the turns around it begin before it, and some after it.
            let so_far = turns.load(Ordering::Relaxed);
            let count = async || turns.load(Ordering::Relaxed);
            let broke_off = || conversations.iter().any(tokio::task::JoinHandle::is_finished);
            let enough = |now: &usize| *now > so_far + CONVERSATIONS || broke_off();
            eventually("the end of turns", count, enough).await;
        }
    }
    over.store(true, Ordering::Relaxed);
    for conversation in conversations {
        within("the end of a conversation", conversation).await.expect("no turn fails");
    }
}

async fn replace(scene: &Scene, plugin: &str) {
    let outcome = scene.run(&["reload", plugin, "--json"]).await;
    assert_eq!(outcome.code, Some(0), "{plugin}: {outcome:?}");
    let told: Value = serde_json::from_str(&outcome.output).expect("JSON");
    let reloaded = &told["reloaded"][0];
    assert_eq!((&reloaded["plugin"], &reloaded["cutOff"]), (&json!(plugin), &Value::Null), "{told}");
}

/// One turn after the other, until it is over.
async fn converse(client: Client, id: String, over: Arc<AtomicBool>, turns: Arc<AtomicUsize>) {
    let mut said = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let words: String = (0..WORDS).map(|word| format!("{}.{word} ", said.len())).collect();
        let message = format!(
            r#"[[pace: 3]] [[say: {words}]] [[tool: read_file {{"path":"chart.txt"}}]] [[step]] [[say: so it is]]"#
        );
        let frames = client.turn(&id, &message).await;
        check_turn(&frames, &words);
        said.push(words);
        turns.fetch_add(1, Ordering::Relaxed);
    }
    check_log(&client.log(&id).await, &said);
}

fn check_turn(frames: &[Value], words: &str) {
    let of = |kind: &str| frames.iter().filter(|frame| frame["type"] == kind).collect::<Vec<_>>();
    let ends = [frames.first(), frames.last()].map(|frame| frame.map(|frame| frame["type"].clone()));
    assert_eq!(ends, [Some(json!("user-message")), Some(json!("turn-sealed"))], "{frames:#?}");
    assert_eq!(text_of(frames), format!("{}so it is", words.trim()), "each word once, in order");
    let [result] = of("tool-result")[..] else { panic!("one answer of the tool: {frames:#?}") };
    assert_eq!((&result["isError"], result["content"].is_string()), (&json!(false), true), "{result}");
    let [done] = of("done")[..] else { panic!("one end: {frames:#?}") };
    assert_eq!(done["reason"], "stop", "{frames:#?}");
}

/// The newest part of a log has everything that was said, once and without a gap.
fn check_log(chunks: &[Value], said: &[String]) {
    let seqs: Vec<i64> = chunks.iter().map(|chunk| chunk["seq"].as_i64().expect("a number")).collect();
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
    let of_messages = |chunk: &&Value| chunk["role"] != "system";
    let text = serde_json::to_string(&chunks.iter().filter(of_messages).collect::<Vec<_>>()).expect("JSON");
    for words in said.iter().rev().take(3) {
        // Once in the person's message, once in the answer.
        assert_eq!(text.matches(words.trim()).count(), 2, "`{words}`");
    }
}

/// What a process takes.
#[derive(Debug)]
struct Use {
    /// Threads by name, but for those that the host keeps a while for what may block.
    threads: BTreeMap<String, usize>,
    descriptors: usize,
    sockets: usize,
    /// Without the images of plugins.
    resident_kib: u64,
}

impl Use {
    fn of(host: &Host) -> Self {
        let process = Path::new("/proc").join(host.pid().to_string());
        let links = std::fs::read_dir(process.join("fd")).expect("the process runs");
        // What is closed between the two looks was none.
        let links: Vec<_> =
            links.filter_map(|link| std::fs::read_link(link.expect("an entry").path()).ok()).collect();
        let is_socket = |link: &&std::path::PathBuf| link.to_string_lossy().starts_with("socket:");
        Self {
            threads: threads(&process),
            descriptors: links.len(),
            sockets: links.iter().filter(is_socket).count(),
            resident_kib: resident_kib(&process),
        }
    }

    /// Whether it takes no thread more, and no descriptor but so many.
    fn is_within(&self, other: &Self, more: usize) -> bool {
        let has = |(name, count): (&String, &usize)| other.threads.get(name).is_some_and(|had| had >= count);
        self.descriptors <= other.descriptors + more && self.threads.iter().all(has)
    }
}

fn threads(process: &Path) -> BTreeMap<String, usize> {
    let mut threads = BTreeMap::new();
    for task in std::fs::read_dir(process.join("task")).expect("the process runs") {
        let Ok(name) = std::fs::read_to_string(task.expect("an entry").path().join("comm")) else { continue };
        if !name.starts_with("tokio-") {
            *threads.entry(name.trim().to_owned()).or_default() += 1;
        }
    }
    threads
}

fn resident_kib(process: &Path) -> u64 {
    let maps = std::fs::read_to_string(process.join("smaps")).expect("the process runs");
    let (mut sum, mut is_image) = (0, false);
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("Rss:"), Some(kib)) if !is_image => sum += kib.parse::<u64>().expect("a number"),
            (Some(key), _) if !key.ends_with(':') => {
                is_image = line.contains("/images/") && line.trim_end().ends_with(".so");
            }
            _ => {}
        }
    }
    sum
}

/// Waits until the process takes what is wanted.
async fn until_idle(host: &Host, wanted: impl Fn(&Use) -> bool) -> Use {
    let mut taken = Use::of(host);
    let given_back = async {
        while !wanted(&taken) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            taken = Use::of(host);
        }
    };
    let in_time = tokio::time::timeout(BOUND, given_back).await.is_ok();
    assert!(in_time, "threads or descriptors are not given back: {taken:#?}");
    taken
}
