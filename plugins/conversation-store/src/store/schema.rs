//! The tables, and how an older file becomes a newer one.

use rusqlite::{Connection, TransactionBehavior};

/// The version this program writes.
pub(crate) const VERSION: i32 = 1;

/// What leads from each version to the next.
const STEPS: [&str; VERSION as usize] = [FIRST];

// Entries are clustered by conversation and seq, so that a window of a log is one range of the tree. The text id of a
// conversation stands once; elsewhere it is a number.
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
";

/// The version of an open file; 0 for a new one.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA user_version", (), |row| row.get(0))
}

/// Takes every step that is missing, each in one transaction with its version number.
pub(crate) fn bring_up_to_date(connection: &mut Connection) -> rusqlite::Result<()> {
    let present = version(connection)?;
    for (next, step) in (1..).zip(STEPS).filter(|(next, _)| *next > present) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.commit()?;
    }
    Ok(())
}
