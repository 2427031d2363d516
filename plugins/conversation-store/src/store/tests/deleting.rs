//! Deletions: gone at once for everybody, and some time later from the file.

use std::time::{Duration, Instant};

use transom_agent::conversation::Query;
use transom_plugin_api::CallErrorKind;

use super::scripts::*;
use super::*;

/// Waits until only so many rows of each table are left.
async fn until_left(store: &Store, rows: [i64; 4]) {
    let began = Instant::now();
    loop {
        let mut left = [0; 4];
        for (left, table) in left.iter_mut().zip(["conversations", "entries", "messages", "turns"]) {
            *left = count(store, table).await;
        }
        if left == rows {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{left:?} are left, expected {rows:?}");
    }
}

#[tokio::test]
async fn what_is_deleted_is_gone_at_once_and_its_rows_go_when_nobody_writes() {
    let folder = folder();
    let store = open(folder.path());
    run_turn(&store, "c", "t", 0).await;
    store.append(append("c", (0..900).map(|number| long(&number.to_string(), 2)))).await.expect("appended");
    run_turn(&store, "d", "t", 0).await;
    assert!(store.delete("c").await.expect("deleted").deleted);
    for error in [store.find("c").await.map(|_| ()), store.read(everything("c")).await.map(|_| ())] {
        assert_eq!(error.expect_err("gone").kind, CallErrorKind::NotFound);
    }
    assert_eq!(store.history(history_of("c")).await.expect("empty").messages.len(), 0);
    assert_eq!(store.list(Query::default()).await.expect("lists").conversations.len(), 1);
    let told = store.ended_lately(Lately { since: 0, limit: 9 }).await.expect("told");
    assert_eq!(told.turns.len(), 1);
    assert!(!store.delete("c").await.expect("answered").deleted);
    until_left(&store, [1, 4, 4, 1]).await;
    assert_sound(&store, "d").await;
}

#[tokio::test]
async fn a_conversation_of_the_same_id_is_another_one() {
    let folder = folder();
    let store = open(folder.path());
    run_turn(&store, "c", "t", 0).await;
    store.delete("c").await.expect("deleted");
    run_turn(&store, "c", "t", 0).await;
    let known = store.find("c").await.expect("is there");
    assert_eq!((known.latest_seq, known.latest_position), (4, 5));
    assert_sound(&store, "c").await;
    until_left(&store, [1, 4, 4, 1]).await;
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn what_was_deleted_before_a_crash_goes_after_the_next_start() {
    let folder = folder();
    let store = open(folder.path());
    run_turn(&store, "c", "t", 0).await;
    store.close().await;
    let raw = rusqlite::Connection::open(folder.path().join(database::FILE)).expect("opens");
    raw.execute("UPDATE conversations SET id = NULL", ()).expect("marked");
    raw.close().expect("closed");
    until_left(&open(folder.path()), [0, 0, 0, 0]).await;
}

#[tokio::test]
async fn a_conversation_stays_while_a_turn_runs_in_it() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    let error = store.delete("c").await.expect_err("refused");
    assert_eq!(error.kind, CallErrorKind::Conflict);
    assert_eq!(error.message, "turn `t` of conversation `c` runs; stop it first");
    store.append(of_entries("c", [entry("q", Role::System, "t", 3, [question("1")])])).await.expect("asked");
    assert!(store.delete("c").await.expect("a parked turn goes with it").deleted);
    let repaired = store.repair(Repair::default()).await.expect("repaired");
    assert_eq!((repaired.lost.len(), repaired.parked.len()), (0, 0));
}
