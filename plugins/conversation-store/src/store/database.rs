//! The file: claimed for one process, checked, opened.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use transom_plugin_api::StartError;
use transom_plugin_api::sabotage::sabotaged;

use super::schema;
use crate::Durability;

/// The database's name in the plugin's folder.
pub(crate) const FILE: &str = "conversations.db";

/// How many statements a connection keeps ready: more than there are.
pub(crate) const STATEMENTS: usize = 128;

/// How long a connection waits for a lock that some other program holds.
const BUSY: Duration = Duration::from_secs(5);

/// The write-ahead log is cut back to this many bytes once it was larger.
const LOG_LIMIT: i64 = 64 << 20;

/// A database that belongs to this process, as long as this value lives.
pub(crate) struct Database {
    path: PathBuf,
    /// Goes after every connection, since closing it drops the locks that SQLite holds in the same process.
    file: File,
    _claim: File,
}

impl Database {
    /// Claims the database in `folder`, and makes the file when it is not there. Refuses one that another process, or
    /// another image in this one, has open, and one that a newer program has written; neither is touched.
    pub(crate) fn claim(folder: &Path) -> Result<Self, StartError> {
        let path = folder.join(FILE);
        let claim = claim(&folder.join("conversations.lock"), &path)?;
        // Only now: closing any handle of the file drops the locks that SQLite holds in the same process.
        let header = header_of(&path)?;
        refuse_newer(&path, version_in(&header, &path)?)?;
        refuse_foreign_log(&header, &path)?;
        if !make(folder, &path)? && header.is_empty() && !has_log(&path) {
            tracing::warn!(
                "`{}` is an empty file, and is taken for a new one; if conversations were in it, stop the host and restore a backup",
                path.display()
            );
        }
        let file = File::open(&path)?;
        Ok(Self { path, file, _claim: claim })
    }

    /// Whether the file was removed, moved or replaced while it was open: then nobody can find what is written to it.
    pub(crate) fn is_gone(&self) -> bool {
        let Ok(open) = self.file.metadata() else { return true };
        let is_gone = match std::fs::metadata(&self.path) {
            Ok(found) => (found.dev(), found.ino()) != (open.dev(), open.ino()),
            // One that cannot be looked at just now is not gone.
            Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        is_gone && !sabotaged("acknowledge-into-a-removed-file")
    }

    /// Opens the one connection that writes.
    pub(crate) fn open_to_write(&self, durability: Durability) -> Result<Connection, StartError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = self.open(flags)?;
        self.check_version(&connection)?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
        if mode != "wal" {
            let path = self.path.display();
            return Err(StartError::new(format!("`{path}` is in journal mode `{mode}`, expected `wal`"))
                .help("keep the data folder on a local disk"));
        }
        let synchronous = match durability {
            _ if sabotaged("commit-without-sync") => "OFF",
            Durability::Full => "FULL",
            Durability::Normal => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        if !sabotaged("tell-before-it-lasts") {
            make_last(&connection);
        }
        connection.pragma_update(None, "foreign_keys", false)?;
        // What savepoints keep of many jobs would be written to a file, made and deleted for each transaction.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
        self.keep_a_copy(&connection)?;
        schema::bring_up_to_date(&mut connection)?;
        Ok(connection)
    }

    /// Keeps a copy of an older file beside it before its tables are changed, whole or not at all.
    fn keep_a_copy(&self, connection: &Connection) -> Result<(), StartError> {
        let version = schema::version(connection)?;
        if !(1..schema::VERSION).contains(&version) {
            return Ok(());
        }
        let copy = self.path.with_extension(format!("db.v{version}"));
        let unfinished = self.path.with_extension(format!("db.v{version}.unfinished"));
        let failed = |error: &dyn std::fmt::Display| {
            StartError::new(format!("a copy of the old file cannot be kept at `{}`: {error}", copy.display()))
                .help("make room beside it; nothing was changed")
        };
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&error)),
            _ => {}
        }
        // SQLite fills an empty file, and would make one that others can read.
        let file = private(OpenOptions::new().create_new(true)).open(&unfinished);
        let file = file.map_err(|error| failed(&error))?;
        let path = unfinished.to_string_lossy();
        connection.execute("VACUUM INTO ?1", [&*path]).map_err(|error| failed(&error))?;
        file.sync_all().and_then(|()| std::fs::rename(&unfinished, &copy)).map_err(|error| failed(&error))?;
        File::open(self.folder()).and_then(|folder| folder.sync_all()).map_err(|error| failed(&error))?;
        tracing::info!(
            "`{FILE}` is brought to schema version {}; the old one stays as `{}`",
            schema::VERSION,
            copy.display()
        );
        Ok(())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The plugin's folder, in which it is.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Opens a connection that cannot write.
    pub(crate) fn open_to_read(&self) -> Result<Connection, StartError> {
        self.open(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
    }

    fn open(&self, flags: OpenFlags) -> Result<Connection, StartError> {
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.busy_timeout(BUSY)?;
        // Else a statement is compiled anew whenever a number that it compares with is another, which is at every use.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(connection)
    }

    /// The version in the header may be older than one in a write-ahead log that was left behind.
    fn check_version(&self, connection: &Connection) -> Result<(), StartError> {
        let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        connection.set_db_config(keep_log, true)?;
        let version = schema::version(connection).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => not_a_database(&self.path),
            _ => error.into(),
        });
        refuse_newer(&self.path, version?)?;
        connection.set_db_config(keep_log, false)?;
        Ok(())
    }
}

/// Syncs what a process has left that was killed, before anybody is told of it: the power may go yet.
fn make_last(connection: &Connection) {
    // The log is synced before anything else is written, so that a disk without room is no reason not to open.
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint", (), |_| Ok(())) {
        tracing::warn!("what an earlier run has left in the log of `{FILE}` stays there: {error}");
    }
}

/// Folds the write-ahead log into the file, and closes it.
pub(crate) fn close_after_writing(connection: Connection) {
    let folded = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
    if let Err(error) = folded.and_then(|()| connection.close().map_err(|(_, error)| error)) {
        tracing::warn!(
            "`{FILE}` was not closed cleanly: {error}; nothing is lost, the next start repairs it"
        );
    }
}

fn claim(lock: &Path, database: &Path) -> Result<File, StartError> {
    let file = private(OpenOptions::new().create(true).truncate(false)).open(lock);
    let file =
        file.map_err(|error| StartError::new(format!("`{}` cannot be opened: {error}", lock.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StartError::new(format!("`{}` is in use by another host", database.display()))
                .help("stop the other host, or give this one a data folder of its own"))
        }
        Err(TryLockError::Error(error)) => {
            Err(StartError::new(format!("`{}` cannot be locked: {error}", lock.display())))
        }
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.read(true).write(true).mode(0o600)
}

/// Makes an empty file for the owner only, and says whether it was not there before; SQLite gives its other files the same
/// mode.
fn make(folder: &Path, path: &Path) -> Result<bool, StartError> {
    match private(OpenOptions::new().create_new(true)).open(path) {
        Ok(_) => {
            File::open(folder).and_then(|folder| folder.sync_all())?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(StartError::new(format!("`{}` cannot be made: {error}", path.display()))),
    }
}

/// Reads the head of the file without SQLite, which would leave files of its own beside the database; empty when the file is,
/// or is not there.
fn header_of(path: &Path) -> Result<Vec<u8>, StartError> {
    let mut header = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(64).read_to_end(&mut header)?,
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(StartError::new(format!("`{}` cannot be opened: {error}", path.display()))),
    };
    Ok(header)
}

/// The schema's version.
fn version_in(header: &[u8], path: &Path) -> Result<i32, StartError> {
    if header.is_empty() {
        return Ok(0);
    }
    match header.get(60..64).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()) {
        Some(version) if header.starts_with(b"SQLite format 3\0") => Ok(i32::from_be_bytes(version)),
        // A loss of power may have torn the first page; then SQLite makes it whole from its log, or says what it is.
        _ if has_log(path) && !sabotaged("refuse-a-torn-page") => Ok(0),
        _ => Err(not_a_database(path)),
    }
}

fn has_log(path: &Path) -> bool {
    ["db-wal", "db-journal"]
        .iter()
        .any(|log| std::fs::metadata(path.with_extension(log)).is_ok_and(|found| found.len() > 0))
}

fn not_a_database(path: &Path) -> StartError {
    StartError::new(format!("`{}` is not an SQLite database", path.display()))
        .help("move it away, or restore it from a backup")
}

/// A file of this store's says from its first write on that it has a write-ahead log; a backup says that it has none. One
/// that lies beside a backup belongs to the file that was there before, and would be written over what was restored.
fn refuse_foreign_log(header: &[u8], path: &Path) -> Result<(), StartError> {
    let is_copy = header.get(18) == Some(&1);
    let log = path.with_extension("db-wal");
    let has_log = log.metadata().is_ok_and(|log| log.len() > 0);
    if !(is_copy && has_log) || sabotaged("use-the-log-of-another-file") {
        return Ok(());
    }
    let (path, log) = (path.display(), log.display());
    Err(StartError::new(format!("`{log}` does not belong to `{path}`, which is a restored backup"))
        .help("move it away together with the `.db-shm` beside it; nothing was changed"))
}

fn refuse_newer(path: &Path, version: i32) -> Result<(), StartError> {
    if version <= schema::VERSION {
        return Ok(());
    }
    let (path, newest) = (path.display(), schema::VERSION);
    Err(StartError::new(format!("`{path}` has schema version {version}, this host knows up to {newest}"))
        .help("update the host; nothing was changed"))
}
