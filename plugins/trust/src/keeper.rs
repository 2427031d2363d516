//! [`Keeper`]: a [`Book`] that many ask at once, durable.
//!
//! An answer holds when it is durable. What waits is written behind the look that found it, so that nobody who looks waits for a
//! disk; where the host ends before that, it is found again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use transom_agent::refusal::shown;
use transom_agent::storage::{StorageRead, StorageWrite, StorageWrites};
use transom_agent::trust::{Found, Trust, TrustChanged};
use transom_plugin_api::{CallError, CallErrorKind, Host, Maybe, StartError};

use crate::TrustPorts;
use crate::book::{Answer, Book, MOST_ANSWERS, Waiting};
use crate::row;
use crate::subject::Subject;

/// Characters of a purpose that are kept.
const LONGEST_PURPOSE: usize = 100;
/// How long one waits before one tries again to write.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// Keeps what the operator says.
pub(crate) struct Keeper {
    ports: TrustPorts,
    pub(crate) host: Host,
    state: Mutex<State>,
    /// Held by who writes, so that what is written last is what was said last.
    writing: tokio::sync::Mutex<()>,
    found: Notify,
}

struct State {
    book: Book,
    /// Files of which something else waits than what is written.
    unwritten: BTreeSet<Subject>,
}

impl Keeper {
    /// Takes up what was kept before.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn open(mut book: Book, ports: TrustPorts, host: Host) -> Result<Arc<Self>, StartError> {
        let mut after = Maybe::None;
        loop {
            let page = match ports.read.call(StorageRead { after, ..StorageRead::default() }).await {
                Ok(page) => page,
                Err(error) if error.kind == CallErrorKind::NoProvider => break,
                Err(error) => {
                    return Err(StartError::new(format!("the answers so far cannot be read: {error}")));
                }
            };
            page.rows.iter().for_each(|kept| row::restore(kept, &mut book));
            match page.rows.last() {
                Some(last) if page.more => after = Maybe::Some(last.key.clone()),
                _ => break,
            }
        }
        let state = Mutex::new(State { book, unwritten: BTreeSet::new() });
        Ok(Arc::new(Self {
            ports,
            host,
            state,
            writing: tokio::sync::Mutex::default(),
            found: Notify::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the operator says of something that was found.
    ///
    /// # Errors
    /// `InvalidInput` when it names nothing.
    pub(crate) fn look(&self, found: Found) -> Result<Trust, CallError> {
        let content = Subject::found(&found)?;
        let purpose = shown(&found.purpose, LONGEST_PURPOSE);
        let looked = {
            let mut state = self.state();
            let looked = state.book.look(&content, &purpose, self.host.now_ms());
            state.unwritten.extend(looked.changed.iter().cloned());
            looked
        };
        if !looked.changed.is_empty() {
            self.found.notify_one();
        }
        if looked.is_new {
            tracing::info!(
                "`{}` in `{}` waits to be trusted; see `transom trust`",
                shown(&found.name, 200),
                shown(&found.folder, 200)
            );
            self.ports.asked.emit(&Found { purpose: purpose.into(), ..found });
        }
        Ok(looked.trust)
    }

    /// Keeps an answer; it holds when this returns.
    ///
    /// # Errors
    /// `Conflict` when there are too many, `Unavailable` when nobody keeps anything, else what the store says.
    pub(crate) async fn answer(&self, subject: Subject, trusted: bool) -> Result<(), CallError> {
        let _writing = self.writing.lock().await;
        let answer = Answer { trusted, at: self.host.now_ms() };
        let writes = self.writes_of(&subject, answer)?;
        self.write(writes).await?;
        self.state().book.answer(subject.clone(), answer);
        self.tell(subject, Some(trusted));
        Ok(())
    }

    fn writes_of(&self, subject: &Subject, answer: Answer) -> Result<Vec<StorageWrite>, CallError> {
        let state = self.state();
        if !state.book.has_room(subject) {
            return Err(CallError::conflict(format!(
                "{MOST_ANSWERS} answers are kept already; forget some with `transom trust FOLDER --forget`"
            )));
        }
        let (narrower, waiting) = state.book.covered(subject);
        let mut writes = vec![row::kept(subject, answer)];
        writes.extend(narrower.iter().map(row::forgotten));
        writes.extend(waiting.iter().map(|file| row::waits(file, None)));
        Ok(writes)
    }

    /// Forgets the answers about a subject and everything narrower; how many there were.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub(crate) async fn forget(&self, subject: &Subject) -> Result<usize, CallError> {
        let _writing = self.writing.lock().await;
        let answered = self.state().book.answered_within(subject);
        if !answered.is_empty() {
            self.write(answered.iter().map(row::forgotten).collect()).await?;
        }
        for subject in &answered {
            self.state().book.forget(subject);
            self.tell(subject.clone(), None);
        }
        Ok(answered.len())
    }

    fn tell(&self, Subject { folder, name, sha256 }: Subject, trusted: Option<bool>) {
        let text = |text: Option<String>| text.map(Into::into).into();
        self.ports.changed.emit(&TrustChanged {
            folder: folder.into(),
            name: text(name),
            sha256: text(sha256),
            trusted: trusted.into(),
        });
    }

    async fn write(&self, writes: Vec<StorageWrite>) -> Result<(), CallError> {
        let written = self.ports.write.call(StorageWrites { writes: writes.into_iter().collect() }).await;
        written.map(drop).map_err(|error| match error.kind {
            CallErrorKind::NoProvider => {
                CallError::unavailable("nobody keeps answers here; run `conversation-store`")
            }
            _ => error,
        })
    }

    /// Writes what waits, as long as the plugin runs.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.found.notified().await;
            while self.flush().await.is_err() {
                self.host.sleep(WRITE_AGAIN).await;
            }
        }
    }

    /// Writes what waits now and is not written.
    ///
    /// # Errors
    /// When it cannot be; it is still to be written then.
    pub(crate) async fn flush(&self) -> Result<(), CallError> {
        let _writing = self.writing.lock().await;
        let (files, writes) = {
            let mut state = self.state();
            let files = std::mem::take(&mut state.unwritten);
            let writes = files.iter().map(|file| row::waits(file, state.book.waiting().get(file)));
            let writes: Vec<_> = writes.collect();
            (files, writes)
        };
        if writes.is_empty() {
            return Ok(());
        }
        match self.ports.write.call(StorageWrites { writes: writes.into_iter().collect() }).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == CallErrorKind::NoProvider => Ok(()),
            Err(error) => {
                tracing::warn!("what waits to be trusted is not durable yet: {error}");
                self.state().unwritten.extend(files);
                Err(error)
            }
        }
    }

    /// What there is, for a look at it.
    pub(crate) fn book(&self) -> Book {
        self.state().book.clone()
    }

    /// What waits, as a person is shown it from now on.
    pub(crate) fn listed(&self) -> Vec<(Subject, Waiting)> {
        let mut state = self.state();
        state.book.list();
        state.book.waiting().iter().map(|(file, waiting)| (file.clone(), waiting.clone())).collect()
    }
}
