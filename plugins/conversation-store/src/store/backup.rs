//! Copies of the file, made on a thread of their own while others read and write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::backup::{Backup as Copy, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{oneshot, watch};
use transom_agent::log::{BackedUp, Backup, BackupProgress};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Maybe, StartError};

use super::database::Database;
use super::failure::Failure;
use super::lane::{Jobs, Lane, closed};
use super::target::{Target, Unfinished};

/// Pages that are copied between two looks at whether somebody still waits.
const PAGES: i32 = 256;

/// Instructions of SQLite between two such looks while a copy is examined: some milliseconds.
const INSTRUCTIONS: i32 = 100_000;

/// Bytes that are copied, and bytes there are.
type Progress = (u64, u64);

/// Makes one copy at a time.
pub(crate) struct Copier {
    lane: Lane<Job>,
    is_closing: Arc<AtomicBool>,
}

struct Job {
    backup: Backup,
    wanted: Wanted,
    outcome: oneshot::Sender<Result<BackedUp, Failure>>,
}

/// Tells how far a copy is, and knows whether it is still wanted.
#[derive(Clone)]
struct Wanted {
    progress: Arc<watch::Sender<Progress>>,
    is_closing: Arc<AtomicBool>,
}

impl Wanted {
    fn is_over(&self) -> bool {
        self.progress.is_closed() || self.is_closing.load(Ordering::Relaxed)
    }

    fn check(&self) -> Result<(), Failure> {
        if self.is_over() { Err(closed().into()) } else { Ok(()) }
    }
}

/// A copy that is being made. Dropping it gives it up.
pub(crate) struct Copying {
    progress: watch::Receiver<Progress>,
    outcome: Option<oneshot::Receiver<Result<BackedUp, Failure>>>,
}

impl Copier {
    pub(crate) fn start(database: &Arc<Database>) -> Result<Self, StartError> {
        let database = Arc::clone(database);
        let work = move |jobs: Jobs<Job>| {
            while let Some(Job { backup, wanted, outcome }) = jobs.next() {
                // Whoever asked may have gone away meanwhile.
                let _ = outcome.send(copy(&database, &backup, &wanted));
            }
        };
        let lane = Lane::start("conversation-copier", [work])?;
        Ok(Self { lane, is_closing: Arc::default() })
    }

    /// Begins a copy; it waits for one that is being made.
    pub(crate) async fn begin(&self, backup: Backup) -> Result<Copying, CallError> {
        let (progress, told) = watch::channel((0, 0));
        let (outcome, answer) = oneshot::channel();
        let wanted = Wanted { progress: Arc::new(progress), is_closing: Arc::clone(&self.is_closing) };
        self.lane.send(Job { backup, wanted, outcome }).await?;
        Ok(Copying { progress: told, outcome: Some(answer) })
    }

    /// Gives up what is being copied.
    pub(crate) async fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.lane.close().await;
    }
}

impl Copying {
    /// How far it is, whenever that is further; `None` behind the end.
    pub(crate) async fn next(&mut self) -> Option<Result<BackupProgress, CallError>> {
        self.outcome.as_ref()?;
        if self.progress.changed().await.is_ok() {
            let (bytes, of) = *self.progress.borrow_and_update();
            return Some(Ok(BackupProgress { bytes, of, complete: Maybe::None }));
        }
        let outcome = self.outcome.take()?.await.unwrap_or_else(|_| Err(closed().into()));
        Some(outcome.map_err(CallError::from).map(|copied| {
            let bytes = copied.bytes;
            BackupProgress { bytes, of: bytes, complete: Maybe::Some(copied) }
        }))
    }
}

fn copy(database: &Database, backup: &Backup, wanted: &Wanted) -> Result<BackedUp, Failure> {
    wanted.check()?;
    let target = Target::at(&backup.path, backup.replace, database.folder())?;
    let unfinished = target.begin()?;
    copy_pages(database, &target, &unfinished, wanted)?;
    let copied = examine(&target, &unfinished, wanted)?;
    wanted.check()?;
    target.complete(unfinished)?;
    Ok(copied)
}

fn copy_pages(
    database: &Database,
    target: &Target,
    unfinished: &Unfinished,
    wanted: &Wanted,
) -> Result<(), Failure> {
    let unwritten = |error| failure_of_copy(target, error);
    if sabotaged("copy-the-file-alone") {
        std::fs::copy(database.path(), unfinished.path()).map_err(|error| target.unwritten(&error))?;
        return Ok(());
    }
    let source = database.open_to_read().map_err(|error| CallError::unavailable(error.to_string()))?;
    // One moment of the database for all of it: nobody who writes meanwhile has it begin anew.
    let moment = source.unchecked_transaction()?;
    let page: u64 = moment.query_row("PRAGMA page_size", (), |row| row.get::<_, i64>(0))?.unsigned_abs();
    let _: i64 = moment.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    let mut copy = open_copy(unfinished, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(unwritten)?;
    // What is not complete is thrown away after a crash, so there is nothing to roll back to.
    copy.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF",
    )
    .map_err(unwritten)?;
    let copying = Copy::new(&moment, &mut copy)?;
    loop {
        wanted.check()?;
        let step = copying.step(PAGES).map_err(unwritten)?;
        let progress = copying.progress();
        let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * page;
        let copied = bytes(progress.pagecount - progress.remaining);
        wanted.progress.send_replace((copied, bytes(progress.pagecount)));
        match step {
            StepResult::More => {}
            StepResult::Done => break,
            _ => return Err(CallError::unavailable("the backup is locked by another program").into()),
        }
    }
    drop(copying);
    // One file that whoever opens it needs no other for, and that a store knows as a copy.
    copy.execute_batch("PRAGMA journal_mode = DELETE").map_err(unwritten)?;
    copy.close().map_err(|(_, error)| unwritten(error))
}

/// What the copy holds, when it is whole.
fn examine(target: &Target, unfinished: &Unfinished, wanted: &Wanted) -> Result<BackedUp, Failure> {
    let unread = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => closed().into(),
        _ => failure_of_copy(target, error),
    };
    let mut copy = open_copy(unfinished, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(unread)?;
    let handler = wanted.clone();
    copy.progress_handler(INSTRUCTIONS, Some(move || handler.is_over())).map_err(unread)?;
    let damage: String = copy.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0)).map_err(unread)?;
    if damage != "ok" {
        let message = format!(
            "`{}` is damaged, and no backup was made: {damage}; restore an earlier backup",
            super::database::FILE
        );
        return Err(CallError::failed(message).into());
    }
    let count = |sql| copy.query_row(sql, (), |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    let conversations = "SELECT count(*) FROM conversations WHERE id IS NOT NULL";
    let entries = "SELECT count(*) FROM messages m JOIN conversations c ON c.number = m.conversation WHERE c.id IS NOT NULL";
    Ok(BackedUp {
        conversations: count(conversations).map_err(unread)?,
        entries: count(entries).map_err(unread)?,
        bytes: unfinished.bytes().map_err(|error| target.unwritten(&error))?,
    })
}

fn open_copy(unfinished: &Unfinished, flags: OpenFlags) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(unfinished.path(), flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// Where reading failed it is the store's file that is named.
fn failure_of_copy(target: &Target, error: rusqlite::Error) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => error.into(),
        _ => target.unwritten(&error).into(),
    }
}
