//! A host that is killed at random moments under load, again and again on the same data: everything that was acknowledged
//! is there, every turn has ended once, and whoever watched sees what the log says.
//!
//! `TRANSOM_KILLS` says how often, `TRANSOM_SEED` which moments: the seed of a run stands in its output.

mod book;
mod load;
mod random;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::book::Book;
use self::load::{Acknowledged, Conversation};
use self::random::Random;
use super::support::{Client, Host, Manner, Scene};

/// Conversations that go on at the same time.
const CONVERSATIONS: usize = 5;

/// Kills after which other conversations go on: each kill has all of theirs read, and would take longer than the one before.
const ROUND: u64 = 25;

/// The longest that a host lives under load, in milliseconds.
const LIFE_MS: u64 = 700;

fn kills() -> u64 {
    std::env::var("TRANSOM_KILLS").map_or(6, |kills| kills.parse().expect("`TRANSOM_KILLS` is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_whenever_the_host_is_killed() {
    let mut random = Random::seeded();
    let scene = Scene::new(Manner::Linked);
    scene.file("chart.txt", &"here be dragons\n".repeat(40));
    let (mut lost_bytes, mut finished) = (0, Vec::new());
    for round in 0..kills().div_ceil(ROUND) {
        let number = |nth| Arc::new(Conversation::new(round as usize * CONVERSATIONS + nth));
        let conversations: Vec<_> = (0..CONVERSATIONS).map(number).collect();
        for _ in 0..ROUND.min(kills() - round * ROUND) {
            let host = scene.start().await;
            // What the host before was killed over is in order before anything else is asked for.
            lost_bytes = lost_bytes.max(check(&host.client, &conversations).await);
            let load = load::begin(&host.client, &conversations, &mut random);
            tokio::time::sleep(Duration::from_millis(5 + random.below(LIFE_MS))).await;
            host.kill().await;
            load.end().await;
        }
        let host = scene.start().await;
        lost_bytes = lost_bytes.max(check(&host.client, &conversations).await);
        finish(&host, &conversations).await;
        host.stop().await;
        finished.extend(conversations);
        eprintln!("round {}, at most {lost_bytes} bytes of text taken back", round + 1);
    }
    let host = scene.start().await;
    check(&host.client, &finished).await;
    host.stop().await;
}

/// Each conversation is as everybody was told; answers the most bytes of one text that had to be taken back.
async fn check(client: &Client, conversations: &[Arc<Conversation>]) -> u64 {
    let mut most = 0;
    for conversation in conversations {
        let path = format!("/conversations/{}", conversation.id);
        // Answered as soon as what the kill left is repaired.
        let (status, now) = client.ask(&format!("{path}/status")).await;
        if status == 404 {
            assert!(conversation.is_untouched(), "{} is gone", conversation.id);
            continue;
        }
        // What waits may have begun a turn by now; nothing else may run.
        let has_waited = conversation.has_enqueued();
        assert!(has_waited || now["status"] == "idle", "{now}");
        let document = settled(client, conversation, &path).await;
        check_log(&conversation.id, document["chunks"].as_array().expect("a list"));
        let replayed =
            replay(client, &conversation.id, document["latestPosition"].as_i64().expect("a position")).await;
        most = most.max(conversation.compare(&replayed));
    }
    most
}

/// `seq` has no gap; every call has one result, behind it; every turn that began has one end at most; no answer is empty.
fn check_log(id: &str, log: &[Value]) {
    let seqs: Vec<_> = log.iter().map(|entry| entry["seq"].as_i64().expect("a number")).collect();
    assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>(), "{id}");
    let mut positions: Vec<_> = log.iter().filter_map(|entry| entry["position"].as_i64()).collect();
    let ends = log.iter().filter(|entry| entry["chunk"]["type"] == "turn-end");
    // The seal has no entry of its own.
    positions.extend(ends.filter_map(|entry| Some(entry["position"].as_i64()? + 1)));
    positions.sort_unstable();
    assert_eq!(positions, (1..=positions.len() as i64).collect::<Vec<_>>(), "{id}");
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    let mut turns: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for entry in log {
        let chunk = &entry["chunk"];
        let text = |field: &str| chunk[field].as_str().unwrap_or_default().to_owned();
        let call = || format!("{} {}", entry["turnId"], text("toolCallId"));
        match chunk["type"].as_str().expect("a type") {
            "tool-call" => assert_eq!(calls.insert(call(), 0), None, "{id}: {entry}"),
            "tool-result" => *calls.get_mut(&call()).unwrap_or_else(|| panic!("{id}: {entry}")) += 1,
            "turn-start" => turns.entry(text("turnId")).or_default().0 += 1,
            "turn-end" => {
                let turn = chunk["record"]["turnId"].as_str().expect("a turn").to_owned();
                turns.entry(turn).or_default().1 += 1;
            }
            "text" | "thinking" => assert_ne!(text("text"), "", "{id}: {entry}"),
            _ => {}
        }
    }
    let running = turns.values().filter(|(_, ends)| *ends == 0).count();
    assert!(turns.values().all(|(starts, ends)| *starts == 1 && *ends <= 1), "{id}: {turns:?}");
    // The last turn may run again, of what waited.
    assert!(running <= 1, "{id}: {turns:?}");
    let open = calls.values().filter(|results| **results == 0).count();
    assert!(calls.values().all(|results| *results <= 1) && (running == 1 || open == 0), "{id}: {calls:?}");
}

/// The log, once everything that was answered to somebody is in it or waits.
///
/// The two are read one after the other: what goes over from the one to the other in between is seen in both or in neither,
/// and what was delivered before the kill waits until the queue has looked.
async fn settled(client: &Client, conversation: &Conversation, path: &str) -> Value {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let (waits, document) = (client.get(&format!("{path}/queue")).await, client.get(path).await);
        match misplaced(conversation, &document, &waits) {
            None => return document,
            Some(fault) => assert!(Instant::now() < patience, "{fault}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A message that is neither in the log nor waits, or does both.
fn misplaced(conversation: &Conversation, document: &Value, waits: &Value) -> Option<String> {
    let said = document["chunks"].to_string();
    let waiting = waits["queue"].to_string();
    conversation.acknowledged().into_iter().find_map(|Acknowledged { words, is_queued }| {
        // The model of these tests says what it was told, so that words in the log stand there more than once.
        let (in_log, waits) = (said.contains(&words), is_queued && waiting.contains(&words));
        match (in_log, waits) {
            (true, false) | (false, true) => None,
            (false, false) => Some(format!("`{words}` of {} is lost", conversation.id)),
            (true, true) => Some(format!("`{words}` of {} is there and waits as well", conversation.id)),
        }
    })
}

/// Everything that viewers are shown up to a position, read from the beginning.
async fn replay(client: &Client, id: &str, position: i64) -> Book {
    let mut book = Book::default();
    let mut frames = load::events(client, id, "0:0:0").await;
    while book.position() < position {
        let frame = frames.next().await.expect("the host runs");
        // It begins with what was taken back when positions were.
        book.take(&frame);
    }
    book
}

/// The host serves all of them as if nothing had happened.
async fn finish(host: &Host, conversations: &[Arc<Conversation>]) {
    for conversation in conversations {
        host.client.idle(&conversation.id).await;
        let body = json!({ "conversationId": conversation.id, "message": "[[say: all well]]" });
        let mut chat = host.client.chat(&body).await;
        assert_eq!(chat.until("done").await["reason"], "stop");
        chat.until("turn-sealed").await;
        let document = host.client.get(&format!("/conversations/{}", conversation.id)).await;
        let position = document["latestPosition"].as_i64().expect("a position");
        conversation.watch_up_to(&host.client, position).await;
        conversation.check_watched(&replay(&host.client, &conversation.id, position).await);
    }
    let diagnosis = host.client.get("/diagnostics/turns?limit=500").await;
    let reasons = diagnosis["counts"].clone();
    eprintln!("turns by their ends: {reasons}");
}
