//! What the log costs: many who write at once, and one who reads a long one from its beginning.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{get, http, seen, turn};
use crate::figures::{Figures, millis};
use crate::host::Host;
use crate::provider::Provider;

/// Durable changes of so many conversations at once, each made by a client of its own.
pub(crate) async fn writers(provider: &Provider, figures: &mut Figures) {
    for (durability, how) in [("full", ""), ("normal", ", not synced")] {
        write_with(provider, durability, how, figures).await;
    }
}

async fn write_with(provider: &Provider, durability: &str, how: &str, figures: &mut Figures) {
    const CHANGES: usize = 50;
    let host = Host::start_with(provider, durability).await;
    for writers in [1, 8, 64] {
        let began = Instant::now();
        let all = (0..writers).map(|number| tokio::spawn(write(host.address.clone(), number, CHANGES)));
        let mut times = Vec::new();
        for one in all.collect::<Vec<_>>() {
            times.extend(one.await.expect("no writer panics"));
        }
        let rate = (writers * CHANGES) as f64 / began.elapsed().as_secs_f64();
        figures.times(&format!("a change over HTTP, {writers} writers{how}"), times);
        figures.add("changes a second", format!("{rate:.0}"));
    }
    host.stop().await;
}

async fn write(address: String, number: usize, changes: usize) -> Vec<Duration> {
    let (http, id) = (http(), format!("w{number}"));
    turn(&http, &address, &id, "label=x tokens=1").await;
    let url = format!("{address}/conversations/{id}/title");
    let mut times = Vec::with_capacity(changes);
    for change in 0..changes {
        let began = Instant::now();
        let sent = http.put(&url).json(&json!({ "title": format!("title {change}") })).send().await;
        assert!(sent.expect("an answer").status().is_success());
        times.push(began.elapsed());
    }
    times
}

/// A viewer who comes to a log of 100,000 entries.
pub(crate) async fn replay(provider: &Provider, figures: &mut Figures) {
    const ENTRIES: u64 = 100_000;
    let (host, http) = (Host::start(provider).await, http());
    let url = format!("{}/conversations/long", host.address);
    let latest = loop {
        // Each word is an entry, since every other one is a thought.
        turn(&http, &host.address, "long", "label=x tokens=10000 mixed=1").await;
        let latest = get(&http, &format!("{url}?limit=1")).await["latestSeq"].as_u64().expect("a number");
        eprintln!("  {latest} entries");
        if latest >= ENTRIES {
            break latest;
        }
    };
    // The last turn is known by what it asked for.
    turn(&http, &host.address, "long", "the-last-turn tokens=1").await;
    let mut times = Vec::new();
    for _ in 0..5 {
        let request = http.get(format!("{url}/events?after=0:0:0")).header("accept", "application/x-ndjson");
        let seen = seen(request, b"\"type\"", b"the-last-turn").await;
        times.push(seen.whole());
    }
    let fastest = times.iter().min().copied().unwrap_or_default();
    figures.times(&format!("the frames of {latest} entries, read from the beginning"), times);
    figures.add("entries a second", format!("{:.0}", latest as f64 / millis(fastest) * 1000.0));
    host.stop().await;
}
