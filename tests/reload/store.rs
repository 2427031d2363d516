//! The store is replaced under writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use transom_agent::conversation::Status;
use transom_agent::log::{Append, Entry, Read};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::ReasoningEffort;
use transom_plugin_api::prelude::*;

use super::stage::{Stage, UserPorts, soon};

const STORE: &str = "conversation-store";
const DRAIN: Duration = Duration::from_secs(20);
const RELOADS: usize = 20;
const WRITERS: usize = 4;

fn append_of(conversation: &str, message: Message, turn_id: Maybe<Text>) -> Append {
    let entry = Entry { message, turn_id, positions: List::new() };
    Append { conversation_id: conversation.into(), entries: List::from([entry]) }
}

/// Appends until it is told to stop; answers the ids of what was stored, in order.
async fn write(
    user: Arc<UserPorts>,
    conversation: String,
    over: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> Vec<String> {
    let mut ids = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let id = format!("{conversation}-{}", ids.len());
        let message = Message::text(id.as_str(), Role::User, "words");
        let append = append_of(&conversation, message, Maybe::None);
        let appended = user.append.call(append).await.expect("no append fails");
        assert_eq!(appended.last_seq, ids.len() as i64 + 1);
        ids.push(id);
        done.fetch_add(1, Ordering::Relaxed);
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answered_append_is_in_the_log_after_twenty_reloads() {
    let settings = r#"{"durability":"normal"}"#;
    let stage = Stage::with(&[(STORE, settings)]).await;
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let writing = write(stage.user.clone(), format!("c{number}"), over.clone(), done.clone());
            tokio::spawn(writing)
        })
        .collect();
    for _ in 0..RELOADS {
        let before = done.load(Ordering::Relaxed);
        let cut_off = stage.reload(STORE, settings, DRAIN).await.expect("it is replaced");
        assert_eq!(cut_off, None);
        soon(async {
            while done.load(Ordering::Relaxed) == before {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    over.store(true, Ordering::Relaxed);
    for (number, writer) in writers.into_iter().enumerate() {
        let written = writer.await.expect("no writer panics");
        let read = Read { conversation_id: format!("c{number}").into(), ..Read::default() };
        let log = soon(stage.user.read.call(read)).await.expect("it is read").chunks;
        let stored: Vec<_> = log.iter().map(|chunk| chunk.message_id.to_string()).collect();
        // The log may be longer than what one answer tells.
        assert!(!stored.is_empty() && written.ends_with(&stored), "{} of {}", stored.len(), written.len());
        assert!(log.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "it has a gap");
    }
    assert_eq!(stage.kernel.plugins()[0].generation, RELOADS as u32 + 1);
    stage.stop().await;
}

#[tokio::test]
async fn a_conversation_whose_turn_runs_is_active_after_a_reload() {
    let stage = Stage::with(&[(STORE, "{}")]).await;
    let start = Chunk::TurnStart {
        turn_id: "t".into(),
        model: "a/one".into(),
        cwd: "/".into(),
        reasoning_effort: ReasoningEffort::High,
    };
    let message = Message { id: "begin".into(), role: Role::System, chunks: List::from([start]) };
    let append = append_of("c", message, Maybe::Some("t".into()));
    stage.user.append.call(append).await.expect("the turn begins");
    stage.reload(STORE, "{}", DRAIN).await.expect("it is replaced");
    let found = stage.user.find.call("c".into()).await.expect("it is there");
    assert_eq!(found.status, Status::Active);
    stage.stop().await;
}
