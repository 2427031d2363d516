//! [`Desk`]: where everything that happens to the queue of one conversation does so in order.
//!
//! A desk is there while somebody is at it. Its lock is held over calls of the store, which never asks back, and never
//! while a turn is started: the turn may ask for what steers it before its start was answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use transom_agent::storage::StorageRead;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Text};

use crate::edges::Edges;
use crate::line::{Change, Line};
use crate::rows;

/// How long one waits before one looks again, at first and at last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The desks at which somebody is.
#[derive(Debug, Default)]
pub(crate) struct Desks(Mutex<HashMap<Text, Weak<Desk>>>);

/// One conversation's. Whoever is at it holds it; it is taken away when nobody does.
#[derive(Debug)]
pub(crate) struct Desk {
    desks: Arc<Desks>,
    conversation_id: Text,
    /// What waits; `None` until it was read, and while nobody knows whether a change became durable.
    book: tokio::sync::Mutex<Option<Line>>,
    memory: Mutex<Memory>,
}

/// What a desk remembers beside its line.
#[derive(Debug, Default)]
struct Memory {
    /// The number of the last message that was given one.
    last_number: u64,
    /// Whether somebody is about to start a turn.
    is_starting: bool,
    /// Whether something happened meanwhile, so that one has to look again.
    look_again: bool,
    /// Whether somebody will look again some time later.
    is_waking: bool,
    /// Attempts without success since the last one with.
    failures: u32,
}

impl Desks {
    fn lock(&self) -> MutexGuard<'_, HashMap<Text, Weak<Desk>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes to a conversation's desk.
    pub(crate) fn at(self: &Arc<Self>, conversation_id: &Text) -> Arc<Desk> {
        let mut desks = self.lock();
        if let Some(desk) = desks.get(conversation_id).and_then(Weak::upgrade) {
            return desk;
        }
        let desk = Arc::new(Desk {
            desks: Arc::clone(self),
            conversation_id: conversation_id.clone(),
            book: tokio::sync::Mutex::default(),
            memory: Mutex::default(),
        });
        desks.insert(conversation_id.clone(), Arc::downgrade(&desk));
        desk
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let mut desks = self.desks.lock();
        // Another one may stand in its place already.
        if desks.get(&self.conversation_id).is_some_and(|desk| desk.strong_count() == 0) {
            desks.remove(&self.conversation_id);
        }
    }
}

impl Desk {
    /// Whose it is.
    pub(crate) const fn conversation_id(&self) -> &Text {
        &self.conversation_id
    }

    /// Opens the book, when everybody before is done with it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn open<'a, E: Edges>(&'a self, edges: &'a E) -> Result<Open<'a, E>, CallError> {
        let mut book = self.book.lock().await;
        let line = match book.take() {
            Some(line) => line,
            None => load(edges, &self.conversation_id).await?,
        };
        Ok(Open { desk: self, edges, book, line: Some(line) })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody is about to start a turn. Who is told so is looked after when that was done.
    pub(crate) fn leave_to_the_one_who_starts(&self) -> bool {
        let mut memory = self.memory();
        memory.look_again |= memory.is_starting;
        memory.is_starting
    }

    /// Says that a turn is about to be started, until the answer ends. The book is to be open, so that there is only one.
    pub(crate) fn starting(self: &Arc<Self>) -> Starting {
        self.memory().is_starting = true;
        Starting { desk: Arc::clone(self), has_ended: false }
    }

    /// How long to wait before one looks again; `None` when somebody waits already. Longer each time.
    pub(crate) fn wait_to_look_again(&self) -> Option<Duration> {
        let mut memory = self.memory();
        if memory.is_waking {
            return None;
        }
        memory.is_waking = true;
        let pause = FIRST_PAUSE.saturating_mul(1 << memory.failures.min(16)).min(LONGEST_PAUSE);
        memory.failures = memory.failures.saturating_add(1);
        Some(pause)
    }

    /// The wait is over.
    pub(crate) fn waited(&self) {
        self.memory().is_waking = false;
    }

    /// Has the next one read what waits anew.
    pub(crate) async fn forget(&self) {
        *self.book.lock().await = None;
    }

    /// All is as it should be.
    pub(crate) fn succeeded(&self) {
        self.memory().failures = 0;
    }
}

/// Somebody is about to start a turn.
#[derive(Debug)]
pub(crate) struct Starting {
    desk: Arc<Desk>,
    has_ended: bool,
}

impl Starting {
    /// It was done, or was not; whether something happened meanwhile.
    pub(crate) fn ended(mut self) -> bool {
        self.end()
    }

    /// In one step, so that whoever comes is either told to leave it to this one, or sees that nobody starts any more.
    fn end(&mut self) -> bool {
        self.has_ended = true;
        let mut memory = self.desk.memory();
        memory.is_starting = false;
        std::mem::take(&mut memory.look_again)
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end();
        }
    }
}

/// An open book; nobody else reads or writes in it.
pub(crate) struct Open<'a, E> {
    desk: &'a Desk,
    edges: &'a E,
    book: tokio::sync::MutexGuard<'a, Option<Line>>,
    /// `None` only when a write failed, or was dropped in the middle: then the next one reads it anew.
    line: Option<Line>,
}

impl<E: Edges> Open<'_, E> {
    /// What waits.
    ///
    /// # Errors
    /// When a write before this failed.
    pub(crate) fn line(&mut self) -> Result<&mut Line, CallError> {
        self.line.as_mut().ok_or_else(|| CallError::failed("the queue could not be written"))
    }

    /// Makes changes, once they are durable.
    ///
    /// # Errors
    /// When they could not be stored; some time later the book shows what became of them.
    pub(crate) async fn keep(&mut self, changes: Vec<Change>) -> Result<(), CallError> {
        if changes.is_empty() {
            return Ok(());
        }
        let writes = changes.iter().map(|change| rows::write(&self.desk.conversation_id, change));
        let writes = writes.collect::<Result<_, _>>()?;
        let mut line = std::mem::take(self.line()?);
        self.line = None;
        if !sabotaged("acknowledge-before-storage") {
            self.edges.write(writes).await?;
        }
        changes.into_iter().for_each(|change| line.apply(change));
        self.line = Some(line);
        if !sabotaged("queue-leave-the-surface-as-it-is") {
            self.edges.changed(&self.desk.conversation_id);
        }
        Ok(())
    }

    /// The number of a message that comes now.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub(crate) fn number(&mut self) -> Result<u64, CallError> {
        let next = self.line()?.next_number();
        let mut memory = self.desk.memory();
        // One that is on its way to the orchestrator stands in no line.
        memory.last_number = next.max(memory.last_number.saturating_add(1));
        Ok(memory.last_number)
    }
}

impl<E> Drop for Open<'_, E> {
    fn drop(&mut self) {
        *self.book = self.line.take();
    }
}

/// Reads a line from its rows.
async fn load<E: Edges>(edges: &E, conversation_id: &Text) -> Result<Line, CallError> {
    let mut line = Line::default();
    let mut after = None;
    loop {
        let read =
            StorageRead { prefix: rows::prefix(conversation_id), after: after.into(), ..Default::default() };
        let found = edges.read(read).await?;
        found.rows.iter().try_for_each(|row| rows::read(row, &mut line))?;
        after = found.rows.last().map(|row| row.key.clone());
        if !found.more || after.is_none() {
            return Ok(line);
        }
    }
}
