//! Clients that mean harm, or do not know better: every route and every operation, with everything that can be wrong.

mod crowds;
mod operations;
mod routes;
mod socket;
mod unread;
mod wire;

use serde_json::Value;

use super::support::{Host, eventually};

/// What a host holds that clients could make it hold for ever.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    threads: usize,
}

impl Held {
    fn by(host: &Host) -> Self {
        let count = |folder: &str| {
            let entries = std::fs::read_dir(format!("/proc/{}/{folder}", host.pid()));
            entries.expect("the process runs").count()
        };
        Self { descriptors: count("fd"), threads: count("task") }
    }

    /// Waits until a host holds no more than before, but for what a few idle connections and readers of the log take.
    async fn is_back(&self, host: &Host) {
        const SLACK: usize = 12;
        let now = async || Self::by(host);
        let is_back =
            |now: &Self| now.descriptors <= self.descriptors + SLACK && now.threads <= self.threads + SLACK;
        eventually("what was held to be let go of", now, is_back).await;
    }
}

/// Everything runs, and a turn still finds its end.
async fn check_healthy(host: &Host) {
    let health = host.client.get("/health").await;
    assert_eq!((&health["ok"], health["degraded"].as_array().map(Vec::len)), (&Value::Bool(true), Some(0)));
    let plugins = host.client.get("/plugins").await;
    for plugin in plugins["plugins"].as_array().expect("a list") {
        assert_eq!(plugin["faults"].as_array().map_or(0, Vec::len), 0, "{plugin}");
    }
    let frames = host.client.turn("still-here", "[[say: aye]]").await;
    assert_eq!(frames.last().map(|frame| &frame["type"]), Some(&Value::from("turn-sealed")));
}
