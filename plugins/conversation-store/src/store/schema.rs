//! The tables, and how an older file becomes a newer one.

use rusqlite::{Connection, TransactionBehavior};

use super::failure::Failure;
use super::migration;

/// The version this program writes.
pub(crate) const VERSION: i32 = 3;

// Entries are the log; everything else but `storage` and `workspaces` follows from them. They are kept by `place`, the
// conversation's number and the seq in one key: a table with another key would put every text of more than a thousand
// bytes on pages of its own. What belongs to a whole message stands with its first chunk. `shown` is the position, kept
// like the place. A deleted conversation has no id until its rows are gone. A turn without a state was only named yet.
const TABLES: &str = "
CREATE TABLE conversations (
    number           INTEGER PRIMARY KEY CHECK (number BETWEEN 1 AND 2147483647),
    id               TEXT    UNIQUE,
    created_at       INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL,
    first_words      TEXT    NOT NULL DEFAULT '',
    title            TEXT,
    closed           INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1)),
    latest_seq       INTEGER NOT NULL DEFAULT 0,
    latest_position  INTEGER NOT NULL DEFAULT 0,
    generation       INTEGER NOT NULL DEFAULT 0,
    workspace        TEXT    NOT NULL DEFAULT 'default',
    cwd              TEXT,
    model            TEXT,
    reasoning_effort TEXT,
    summary_seq      INTEGER
) STRICT;
CREATE INDEX conversations_by_workspace ON conversations (workspace) WHERE id IS NOT NULL;

CREATE TABLE entries (
    place       INTEGER PRIMARY KEY,
    chunk_index INTEGER NOT NULL,
    shown       INTEGER,
    message_id  TEXT,
    role        TEXT CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    turn        INTEGER,
    created_at  INTEGER,
    chunk       TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX entries_as_shown ON entries (shown) WHERE shown IS NOT NULL;

CREATE TABLE messages (
    conversation INTEGER NOT NULL,
    message_id   TEXT    NOT NULL,
    first_seq    INTEGER NOT NULL,
    chunks       INTEGER NOT NULL,
    PRIMARY KEY (conversation, message_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE turns (
    number       INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    turn_id      TEXT    NOT NULL,
    first_seq    INTEGER NOT NULL,
    state        TEXT    CHECK (state IN ('running', 'parked', 'ended')),
    started_seq  INTEGER,
    ended_seq    INTEGER,
    ended_at     INTEGER,
    reason       TEXT,
    questions    TEXT,
    UNIQUE (conversation, turn_id)
) STRICT;
CREATE UNIQUE INDEX one_turn_at_a_time ON turns (conversation) WHERE state IN ('running', 'parked');
CREATE INDEX turns_as_ended ON turns (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE drafts (
    number       INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    offset       INTEGER NOT NULL,
    turn         INTEGER NOT NULL,
    message_id   TEXT    NOT NULL,
    role         TEXT    NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    chunk        TEXT    NOT NULL,
    UNIQUE (conversation, position, offset)
) STRICT;

CREATE TABLE workspaces (
    id               TEXT    PRIMARY KEY,
    title            TEXT,
    default_cwd      TEXT,
    created_at       INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE storage (
    number INTEGER PRIMARY KEY,
    plugin TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    UNIQUE (plugin, key)
) STRICT;
";

/// The version of an open file; 0 for a new one.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA user_version", (), |row| row.get(0))
}

/// Makes the tables in an empty database.
pub(crate) fn make(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)
}

/// Makes the tables, or brings those of an older version to this one, in one transaction with the version number.
pub(crate) fn bring_up_to_date(connection: &mut Connection) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match version(&transaction)? {
        0 => make(&transaction)?,
        1 => migration::from_first(&transaction)?,
        2 => migration::from_second(&transaction)?,
        _ => return Ok(()),
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}
