//! The one thread that writes. Whatever waits is written in one transaction, so that many callers share one sync to
//! the disk; each is answered when that is done.

use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;
use transom_agent::conversation::Conversation;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, StartError};

use super::changed::Changed;
use super::database::{self, Database};
use super::delete::purge_some;
use super::failure::Failure;
use super::lane::{Jobs, Lane, Next, closed};

/// The most jobs in one transaction, so that the first of them does not wait for ever.
const BATCH: usize = 256;

/// Something to be written, all of it or nothing.
///
/// It may be tried twice, the first time in a transaction that is rolled back.
pub(crate) trait Write: Send + 'static {
    /// What the caller is told when it is durable.
    type Answer: Send + 'static;

    /// Writes it inside a transaction, and notes the conversations that it changes; a failure undoes what it wrote, and
    /// nothing else.
    fn apply(&self, connection: &Connection, changed: &mut Changed) -> Result<Self::Answer, Failure>;
}

/// What the writer tells, whoever waits.
pub(crate) enum News<'a> {
    /// A transaction is durable that has changed this conversation.
    Changed(&'a Conversation),
    /// Nothing can be written, and why; or writing goes well, told once.
    Hampered(Option<&'a Failure>),
}

/// Takes writes, and answers when they are durable.
pub(crate) struct Writer {
    lane: Lane<Box<dyn Job>>,
}

impl Writer {
    /// Starts the thread. `say` is told what is new.
    pub(crate) fn start(
        connection: Connection,
        claim: Arc<Database>,
        say: impl Fn(News<'_>) + Send + 'static,
    ) -> Result<Self, StartError> {
        let work = move |jobs: Jobs<Box<dyn Job>>| {
            let mut desk = Desk { connection, claim, say, hampered: None };
            desk.work(&jobs);
            database::close_after_writing(desk.connection);
            // It outlives the connection, or another host could open the file while this one has locks on it.
            drop(desk.claim);
        };
        Ok(Self { lane: Lane::start("conversation-writer", [work])? })
    }

    /// Writes. Once queued it happens, whether or not the caller goes on waiting.
    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Answer, CallError> {
        let (reply, answer) = oneshot::channel();
        self.lane
            .send(Box::new(Pending { write, outcome: None, changed: Changed::default(), reply }))
            .await?;
        answer.await.map_err(|_| closed())?.map_err(CallError::from)
    }

    pub(crate) async fn close(&self) {
        self.lane.close().await;
    }
}

/// What the writing thread has.
struct Desk<Say> {
    connection: Connection,
    claim: Arc<Database>,
    say: Say,
    /// What was told last; nothing when nothing was written yet.
    hampered: Option<bool>,
}

impl<Say: Fn(News<'_>)> Desk<Say> {
    /// Writes what comes, and takes out what was deleted while nothing does.
    fn work(&mut self, jobs: &Jobs<Box<dyn Job>>) {
        let mut may_purge = true;
        loop {
            let first = match jobs.next_now() {
                Next::Job(first) => first,
                Next::Closed => return,
                Next::Empty if may_purge => {
                    may_purge = self.purge();
                    continue;
                }
                Next::Empty => match jobs.next() {
                    Some(first) => first,
                    None => return,
                },
            };
            let more = std::iter::from_fn(|| jobs.next_now().job()).take(BATCH - 1);
            self.write_together(std::iter::once(first).chain(more).collect());
            may_purge = true;
        }
    }

    /// Answers whether there may be more. What cannot be taken out now is tried again after the next write.
    fn purge(&mut self) -> bool {
        purge_some(&mut self.connection).unwrap_or_else(|error| {
            tracing::warn!("what was deleted could not be taken out of `{}`: {error}", database::FILE);
            false
        })
    }

    fn write_together(&mut self, mut batch: Batch) {
        if sabotaged("answer-before-commit") {
            let _ = self.begin().and_then(|transaction| fill_without_commit(transaction, &mut batch));
            return settle(batch, &Ok(()));
        }
        let before = self.connection.total_changes();
        let (has_begun, outcome) = match self.begin() {
            Ok(transaction) => (true, fill(transaction, &mut batch)),
            Err(failure) => (false, Err(failure)),
        };
        if outcome.is_err() && has_begun && batch.len() > 1 {
            // One job may have been too large for all of them: now each stands for itself.
            return batch.into_iter().for_each(|job| self.write_together(vec![job]));
        }
        let outcome = outcome.and_then(|()| self.check_file());
        let has_written = outcome.is_ok() && self.connection.total_changes() > before;
        self.look(&batch, &outcome, has_written);
        let is_durable = outcome.is_ok() || sabotaged("say-what-was-not-written");
        let changed = if is_durable { changed_by(&batch) } else { Changed::default() };
        settle(batch, &outcome);
        changed.iter().for_each(|changed| (self.say)(News::Changed(changed)));
    }

    /// Behind a commit, so that nothing is acknowledged that went into a file which nobody can find.
    fn check_file(&self) -> Result<(), Failure> {
        if self.claim.is_gone() { Err(Failure::gone()) } else { Ok(()) }
    }

    fn begin(&mut self) -> Result<Transaction<'_>, Failure> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// Tells when writing fails for a reason that may pass, and when it goes well again. What is refused says nothing, and
    /// neither does what has changed nothing: a file that cannot be written takes that, too.
    fn look(&mut self, batch: &Batch, outcome: &Result<(), Failure>, has_written: bool) {
        let own = || batch.iter().filter_map(|job| job.outcome()?.err());
        let failure = outcome.as_ref().err().into_iter().chain(own()).find(|failure| failure.is_passing());
        let goes_well = has_written && batch.iter().any(|job| matches!(job.outcome(), Some(Ok(()))));
        let now = match failure {
            _ if goes_well => None,
            Some(failure) if !sabotaged("keep-troubles-secret") => Some(failure),
            _ => return,
        };
        let before = self.hampered.replace(now.is_some());
        match now {
            _ if before == Some(now.is_some()) => return,
            Some(failure) => tracing::error!("nothing can be written: {failure}"),
            None if before == Some(true) => tracing::info!("`{}` is written again", database::FILE),
            None => {}
        }
        (self.say)(News::Hampered(now));
    }
}

fn changed_by(batch: &Batch) -> Changed {
    let mut changed = Changed::default();
    batch.iter().for_each(|job| changed.add(job.changed()));
    changed
}

/// A write and who waits for it, without its type.
trait Job: Send {
    /// Tries the write and remembers the outcome; says whether it went well.
    fn attempt(&mut self, connection: &Connection) -> bool;

    /// What came of the last attempt, if there was one.
    fn outcome(&self) -> Option<Result<(), &Failure>>;

    /// What it changed, if it went well.
    fn changed(&self) -> &Changed;

    /// Answers: with the write's own failure if it had one, else with what became of the transaction.
    fn settle(self: Box<Self>, transaction: Result<(), Failure>);
}

struct Pending<W: Write> {
    write: W,
    outcome: Option<Result<W::Answer, Failure>>,
    changed: Changed,
    reply: oneshot::Sender<Result<W::Answer, Failure>>,
}

impl<W: Write> Job for Pending<W> {
    fn attempt(&mut self, connection: &Connection) -> bool {
        self.changed = Changed::default();
        let outcome = self.write.apply(connection, &mut self.changed);
        if outcome.is_err() {
            self.changed = Changed::default();
        }
        self.outcome.insert(outcome).is_ok()
    }

    fn outcome(&self) -> Option<Result<(), &Failure>> {
        self.outcome.as_ref().map(|outcome| outcome.as_ref().map(|_| ()))
    }

    fn changed(&self) -> &Changed {
        &self.changed
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

/// Attempts each job under a savepoint of its own, then commits. Fails when the whole transaction is lost.
fn fill(mut transaction: Transaction<'_>, batch: &mut Batch) -> Result<(), Failure> {
    // One that is alone needs no savepoint, which would copy every page that it changes.
    if let [job] = &mut batch[..]
        && !job.attempt(&transaction)
    {
        return Ok(transaction.rollback()?);
    }
    if batch.len() > 1 {
        attempt_all(&mut transaction, batch)?;
    }
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
