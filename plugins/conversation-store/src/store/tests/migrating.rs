//! Files of the first version: everything in them is there afterwards, and a copy of the old one beside it.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use transom_agent::conversation::Status;
use transom_agent::turn::{EndReason, TurnState};

use super::scripts::run_turn;
use super::*;

/// The tables of the first version, as it made them.
const FIRST: &str = "
CREATE TABLE conversations (
    number           INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL UNIQUE,
    created_at       INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL,
    title            TEXT    NOT NULL DEFAULT '',
    status           TEXT    NOT NULL DEFAULT 'idle' CHECK (status IN ('active', 'idle', 'closed')),
    latest_seq       INTEGER NOT NULL DEFAULT 0,
    cwd              TEXT,
    model            TEXT
) STRICT;
CREATE TABLE entries (
    conversation INTEGER NOT NULL REFERENCES conversations (number),
    seq          INTEGER NOT NULL CHECK (seq >= 1),
    message_id   TEXT    NOT NULL,
    chunk_index  INTEGER NOT NULL,
    role         TEXT    NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    chunk        TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (conversation, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
    conversation INTEGER NOT NULL REFERENCES conversations (number),
    message_id   TEXT    NOT NULL,
    first_seq    INTEGER NOT NULL,
    chunks       INTEGER NOT NULL,
    PRIMARY KEY (conversation, message_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE turns (
    conversation INTEGER NOT NULL REFERENCES conversations (number),
    turn_id      TEXT    NOT NULL,
    record       TEXT    NOT NULL,
    PRIMARY KEY (conversation, turn_id)
) STRICT, WITHOUT ROWID;

INSERT INTO conversations VALUES
    (3, 'plain', 10, 40, 'hello', 'active', 4, '/srv', 'a/b'), (7, 'closed', 20, 20, '', 'closed', 0, NULL, '');
INSERT INTO messages VALUES (3, 'm1', 1, 1), (3, 'm2', 2, 2), (3, 'm3', 4, 1);
INSERT INTO entries VALUES
    (3, 1, 'm1', 0, 'user', '{\"type\":\"text\",\"text\":\"hello\"}', 10),
    (3, 2, 'm2', 0, 'assistant', '{\"type\":\"thinking\",\"text\":\"hm\"}', 20),
    (3, 3, 'm2', 1, 'assistant', '{\"type\":\"text\",\"text\":\"hi\"}', 20),
    (3, 4, 'm3', 0, 'user', 'unreadable', 40);
INSERT INTO turns VALUES
    (3, 't2', '{\"turnId\":\"t2\",\"model\":\"a/b\",\"reason\":\"error\",\"usage\":{\"inputTokens\":2,\"outputTokens\":1},
               \"steps\":1,\"startedAt\":30,\"durationMs\":5}'),
    (3, 't1', '{\"turnId\":\"t1\",\"model\":\"a/b\",\"reason\":\"stop\",\"usage\":{\"inputTokens\":1,\"outputTokens\":1},
               \"steps\":2,\"startedAt\":10,\"durationMs\":9}');
PRAGMA user_version = 1;
";

pub(super) fn first_version(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join(database::FILE)).expect("opens");
    connection.pragma_update(None, "journal_mode", "wal").expect("set");
    connection.execute_batch(FIRST).expect("made");
    connection
}

#[tokio::test]
async fn everything_of_the_first_version_is_in_the_log_afterwards() {
    let folder = folder();
    first_version(folder.path()).close().expect("closed");
    let store = open(folder.path());
    let plain = store.find("plain").await.expect("is there");
    assert_eq!((plain.created_at, plain.last_activity_at, plain.title.as_str()), (10, 40, "hello"));
    assert_eq!((plain.cwd.as_deref(), plain.model.as_deref()), (Some("/srv"), Some("a/b")));
    assert_eq!((&plain.status, plain.latest_position), (&Status::Idle, 0));
    assert_eq!(store.find("closed").await.expect("is there").status, Status::Closed);
    let log = chunks(&store, "plain").await;
    let ids: Vec<_> = log[..4].iter().map(|chunk| (chunk.message_id.as_str(), chunk.created_at)).collect();
    assert_eq!(ids, [("m1", 10), ("m2", 20), ("m2", 20), ("m3", 40)]);
    let turns = store.metrics("plain").await.expect("told").turns;
    let told: Vec<_> = turns
        .iter()
        .map(|turn| (turn.turn_id.as_str(), &turn.state, turn.reason.clone(), turn.usage.input_tokens))
        .collect();
    let ended = &TurnState::Ended;
    assert_eq!(told, [("t1", ended, EndReason::Stop.into(), 1), ("t2", ended, EndReason::Error.into(), 2)]);
    let history = store.history(history_of("plain")).await.expect("loads");
    assert_eq!(history.messages.len(), 2, "what cannot be read is not sent");
    let faults = store.diagnose().await.expect("examined").faults;
    let faults: Vec<_> =
        faults.iter().map(|fault| (fault.projection.as_str(), fault.problem.as_str())).collect();
    assert!(
        matches!(faults[..], [("log", problem)] if problem.starts_with("seq 4 cannot be read")),
        "{faults:?}"
    );
    run_turn(&store, "plain", "t3", 0).await;
    assert_eq!(seqs(store.append(append("plain", [user("m1", "hello")])).await), (1, 1));
}

#[tokio::test]
async fn a_file_of_the_second_version_gets_what_the_third_one_has() {
    let folder = folder();
    let store = open(folder.path());
    run_turn(&store, "c", "t", 0).await;
    store.close().await;
    let raw = Connection::open(folder.path().join(database::FILE)).expect("opens");
    raw.execute_batch("ALTER TABLE conversations DROP COLUMN summary_seq; PRAGMA user_version = 2")
        .expect("changed");
    raw.close().expect("closed");
    let store = open(folder.path());
    run_turn(&store, "c", "u", 5).await;
    store.append(super::summing_up::summary("summary/1", "u-said")).await.expect("appended");
    assert_sound(&store, "c").await;
    assert!(folder.path().join("conversations.db.v2").exists());
}

#[tokio::test]
async fn the_old_file_stays_beside_the_new_one_for_its_owner_only() {
    let folder = folder();
    let living = first_version(folder.path());
    // What is in the write-ahead log only belongs to it, too.
    living.execute("UPDATE conversations SET title = 'latest' WHERE number = 3", ()).expect("written");
    living.close().expect("closed");
    open(folder.path()).close().await;
    let copy = folder.path().join("conversations.db.v1");
    let mode = std::fs::metadata(&copy).expect("a copy").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let old = Connection::open(&copy).expect("opens");
    assert_eq!(schema::version(&old), Ok(1));
    let title: String = old
        .query_row("SELECT title FROM conversations WHERE number = 3", (), |row| row.get(0))
        .expect("is there");
    assert_eq!(title, "latest");
    let turns: i64 = old.query_row("SELECT count(*) FROM turns", (), |row| row.get(0)).expect("counted");
    assert_eq!(turns, 2);
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_file_as_it_was_and_can_be_tried_again() {
    let folder = folder();
    let broken = first_version(folder.path());
    let orphan = "INSERT INTO entries VALUES (7, 1, 'm', 1, 'user', '{}', 1)";
    broken.execute(orphan, ()).expect("written");
    broken.close().expect("closed");
    let refused =
        Store::open(folder.path(), Durability::Full, || 0, |_| ()).map(|_| ()).expect_err("refused");
    assert!(refused.to_string().contains("message `m` has no beginning"), "{refused}");
    let raw = Connection::open(folder.path().join(database::FILE)).expect("opens");
    assert_eq!(schema::version(&raw), Ok(1));
    raw.execute("DELETE FROM entries WHERE conversation = 7", ()).expect("mended");
    raw.close().expect("closed");
    let store = open(folder.path());
    assert_eq!(store.find("plain").await.expect("is there").title, "hello");
}

#[tokio::test]
async fn a_new_file_has_no_older_one_beside_it() {
    let folder = folder();
    open(folder.path()).close().await;
    assert!(!folder.path().join("conversations.db.v1").exists());
}
