//! Crashes: a copy of the files at some moment is what a killed process leaves behind.

use super::append::AppendWrite;
use super::changed::Changed;
use super::writer::Write;
use super::*;

/// The files as they are now, or with only so many bytes of the write-ahead log.
pub(super) fn crash(folder: &Path, log_bytes: Option<usize>) -> TempDir {
    let crashed = tempfile::tempdir().expect("a temporary folder");
    let (database, log) = ("conversations.db", "conversations.db-wal");
    std::fs::copy(folder.join(database), crashed.path().join(database)).expect("copied");
    let mut bytes = std::fs::read(folder.join(log)).expect("a log");
    bytes.truncate(log_bytes.unwrap_or(bytes.len()));
    std::fs::write(crashed.path().join(log), bytes).expect("written");
    crashed
}

fn log_length(folder: &Path) -> usize {
    let length = std::fs::metadata(folder.join("conversations.db-wal")).expect("a log").len();
    usize::try_from(length).expect("short")
}

#[tokio::test]
async fn an_answered_append_survives_a_crash_right_behind_its_answer() {
    let folder = folder();
    let store = open(folder.path());
    for number in 0..10 {
        let last =
            store.append(append("c", [long(&number.to_string(), 2)])).await.expect("appended").last_seq;
        let crashed = crash(folder.path(), None);
        let repaired = open(crashed.path());
        assert_eq!(repaired.find("c").await.expect("is there").latest_seq, last);
        assert_sound(&repaired, "c").await;
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_batch_leaves_nothing_of_it() {
    let folder = folder();
    let claimed = Database::claim(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    let mut connection = claimed.open_to_write(Durability::Full).unwrap_or_else(|error| panic!("{error}"));
    let write = |conversation: &str, message| {
        AppendWrite::prepare(append(conversation, [message]), 1).expect("prepared")
    };
    let transaction = connection.transaction().expect("begun");
    write("c", user("1", "kept")).apply(&transaction, &mut Changed::default()).expect("written");
    transaction.commit().expect("committed");
    let committed = log_length(folder.path());
    // A cache of one page spills what is uncommitted into the write-ahead log.
    connection.pragma_update(None, "cache_size", 1).expect("set");
    let transaction = connection.transaction().expect("begun");
    write("c", long("2", 200)).apply(&transaction, &mut Changed::default()).expect("written");
    write("d", user("1", "hi")).apply(&transaction, &mut Changed::default()).expect("written");
    let crashed = crash(folder.path(), None);
    drop(transaction);
    assert!(log_length(crashed.path()) > committed, "the copy has pages of the batch");
    let repaired = open(crashed.path());
    assert_eq!(**repaired.history(history_of("c")).await.expect("loads").messages, [user("1", "kept")]);
    assert!(repaired.find("d").await.is_err());
    let next = repaired.append(append("c", [user("2", "other content than the lost one")])).await;
    assert_eq!(seqs(next), (2, 2));
}

#[tokio::test]
async fn wherever_a_write_is_torn_the_log_is_whole_up_to_some_append() {
    let folder = folder();
    let store = open(folder.path());
    for number in 0..8 {
        store
            .append(append("c", [user(&number.to_string(), "hello"), long(&format!("{number}a"), 3)]))
            .await
            .expect("appended");
    }
    let length = log_length(folder.path());
    let mut seen = std::collections::BTreeSet::new();
    // An odd stride meets heads, middles and ends of frames.
    for cut in (0..=length).step_by(2_039).chain([length]) {
        let crashed = crash(folder.path(), Some(cut));
        let repaired = open(crashed.path());
        let Ok(conversation) = repaired.find("c").await else { continue };
        assert_sound(&repaired, "c").await;
        assert_eq!(conversation.latest_seq % 4, 0, "an append is whole or not there");
        assert_eq!(conversation.title, "hello");
        seen.insert(conversation.latest_seq);
    }
    assert_eq!(seen.last(), Some(&32));
    assert!(seen.len() > 2, "{seen:?}");
}
