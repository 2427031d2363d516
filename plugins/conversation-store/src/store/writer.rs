//! The one thread that writes. Whatever waits is written in one transaction, so that many callers share one sync to
//! the disk; each is answered when that is done.

use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;
use transom_plugin_api::{CallError, StartError};

use super::database::{self, Database};
use super::failure::Failure;
use super::lane::{Jobs, Lane, closed};

/// The most jobs in one transaction, so that the first of them does not wait for ever.
const BATCH: usize = 256;

/// Something to be written, all of it or nothing.
///
/// It may be tried twice, the first time in a transaction that is rolled back.
pub(crate) trait Write: Send + 'static {
    /// What the caller is told when it is durable.
    type Answer: Send + 'static;

    /// Writes it inside a transaction; a failure undoes what it wrote, and nothing else.
    fn apply(&self, connection: &Connection) -> Result<Self::Answer, Failure>;
}

/// Takes writes, and answers when they are durable.
pub(crate) struct Writer {
    lane: Lane<Box<dyn Job>>,
}

impl Writer {
    pub(crate) fn start(mut connection: Connection, claim: Arc<Database>) -> Result<Self, StartError> {
        let work = move |jobs: Jobs<Box<dyn Job>>| {
            while let Some(first) = jobs.next() {
                let more = std::iter::from_fn(|| jobs.next_now()).take(BATCH - 1);
                write_together(&mut connection, std::iter::once(first).chain(more).collect());
            }
            database::close_after_writing(connection);
            drop(claim);
        };
        Ok(Self { lane: Lane::start("conversation-writer", [work])? })
    }

    /// Writes. Once queued it happens, whether or not the caller goes on waiting.
    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Answer, CallError> {
        let (reply, answer) = oneshot::channel();
        self.lane.send(Box::new(Pending { write, outcome: None, reply })).await?;
        answer.await.map_err(|_| closed())?.map_err(CallError::from)
    }

    pub(crate) async fn close(&self) {
        self.lane.close().await;
    }
}

/// A write and who waits for it, without its type.
trait Job: Send {
    /// Tries the write and remembers the outcome; says whether it went well.
    fn attempt(&mut self, connection: &Connection) -> bool;

    /// Answers: with the write's own failure if it had one, else with what became of the transaction.
    fn settle(self: Box<Self>, transaction: Result<(), Failure>);
}

struct Pending<W: Write> {
    write: W,
    outcome: Option<Result<W::Answer, Failure>>,
    reply: oneshot::Sender<Result<W::Answer, Failure>>,
}

impl<W: Write> Job for Pending<W> {
    fn attempt(&mut self, connection: &Connection) -> bool {
        self.outcome.insert(self.write.apply(connection)).is_ok()
    }

    fn settle(self: Box<Self>, transaction: Result<(), Failure>) {
        let answer = match (self.outcome, transaction) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(common)) => Err(common),
            (Some(Ok(answer)), Ok(())) => Ok(answer),
            (None, Ok(())) => Err(closed().into()),
        };
        // Whoever asked may have gone away; what is written stays.
        let _ = self.reply.send(answer);
    }
}

type Batch = Vec<Box<dyn Job>>;

fn write_together(connection: &mut Connection, mut batch: Batch) {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => return settle(batch, &Err(error.into())),
    };
    if transom_plugin_api::sabotage::sabotaged("answer-before-commit") {
        let _ = fill_without_commit(transaction, &mut batch);
        return settle(batch, &Ok(()));
    }
    match fill(transaction, &mut batch) {
        Err(_) if batch.len() > 1 => {
            // One job may have been too large for all of them: now each stands for itself.
            for job in batch {
                write_together(connection, vec![job]);
            }
        }
        outcome => settle(batch, &outcome),
    }
}

/// Attempts each job under a savepoint of its own, then commits. Fails when the whole transaction is lost.
fn fill(mut transaction: Transaction<'_>, batch: &mut Batch) -> Result<(), Failure> {
    attempt_all(&mut transaction, batch)?;
    Ok(transaction.commit()?)
}

/// What `answer-before-commit` does in place of [`fill`]: the answers go out, the rows never come in.
fn fill_without_commit(mut transaction: Transaction<'_>, batch: &mut Batch) -> Result<(), Failure> {
    attempt_all(&mut transaction, batch)
}

fn attempt_all(transaction: &mut Transaction<'_>, batch: &mut Batch) -> Result<(), Failure> {
    for job in batch {
        let savepoint = transaction.savepoint()?;
        if job.attempt(&savepoint) {
            savepoint.commit()?;
        } else {
            // After some failures SQLite has rolled back everything, the work of other jobs too.
            savepoint.finish()?;
        }
        if transaction.is_autocommit() {
            return Err(CallError::unavailable("the transaction was rolled back; try again").into());
        }
    }
    Ok(())
}

fn settle(batch: Batch, outcome: &Result<(), Failure>) {
    for job in batch {
        job.settle(outcome.clone());
    }
}
