//! Keeping what was chosen and what came of it, so that it is there behind a restart.

use std::sync::Arc;
use std::time::Duration;

use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Text};

use super::Warmer;
use crate::record::Record;
use crate::shelf;

/// The first pause behind a failure of the storage; twice as long behind each further one, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long somebody waits until what was stored is read.
const PATIENCE: Duration = Duration::from_secs(10);

impl Warmer {
    /// Reads everybody who was opted in before, page by page.
    pub(crate) async fn restore(self: Arc<Self>) {
        let (mut after, mut pause) = (None, FIRST_PAUSE);
        loop {
            match shelf::page(&self.ports, after.clone()).await {
                Ok(page) => {
                    self.take_in(page.rows);
                    if page.after.is_none() {
                        break;
                    }
                    (after, pause) = (page.after, FIRST_PAUSE);
                }
                Err(error) => {
                    tracing::warn!("who was opted in before cannot be read yet: {error}");
                    self.host.sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        self.is_read.send_replace(true);
    }

    fn take_in(&self, rows: Vec<(Text, serde_json::Value)>) {
        let rows = rows.into_iter().filter_map(|(id, row)| Some((id, Record::stored(row)?)));
        self.change(|book, now_ms| {
            for (id, record) in rows.filter(|(_, record)| record.enabled) {
                if !sabotaged("forget-the-opt-in") {
                    book.restore(&id, record, now_ms);
                }
            }
        });
    }

    /// Waits until everybody was read who was opted in before.
    ///
    /// # Errors
    /// `Unavailable` when that takes too long.
    async fn until_read(&self) -> Result<(), CallError> {
        let mut is_read = self.is_read.subscribe();
        let waiting = async { is_read.wait_for(|is_read| *is_read).await.map(drop) };
        match self.host.within(PATIENCE, waiting).await {
            Some(Ok(())) => Ok(()),
            _ => Err(CallError::unavailable("who is opted in is being read; try again later")),
        }
    }

    /// The record of a conversation that was made then.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn record(&self, id: &Text, created_at: i64) -> Result<Record, CallError> {
        self.until_read().await?;
        let known = self.book().record(id).filter(|record| record.created_at == created_at).cloned();
        match known {
            Some(known) => Ok(known),
            None => Ok(Record::read(shelf::read(&self.ports, id).await?, created_at)),
        }
    }

    /// Changes what is chosen for a conversation that was made then, durably.
    ///
    /// # Errors
    /// When it cannot be read or stored; nothing has changed then.
    pub(crate) async fn choose(
        &self,
        id: &Text,
        created_at: i64,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), CallError> {
        let _writing = self.writing.lock().await;
        let mut record = self.record(id, created_at).await?;
        change(&mut record);
        shelf::write(&self.ports, id, &record).await?;
        self.change_of(id, |book, _| book.choose(id, record));
        Ok(())
    }

    /// Stores what is to be stored, for ever.
    pub(crate) async fn keep(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        loop {
            self.unwritten.notified().await;
            while let Err(error) = self.write_all().await {
                tracing::warn!("what came of asking prompts again is not stored yet: {error}");
                self.host.sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            pause = FIRST_PAUSE;
        }
    }

    /// Stores what is to be stored, as far as that is done in time.
    pub(crate) async fn write_last(&self, patience: Duration) {
        if let Some(Err(error)) = self.host.within(patience, self.write_all()).await {
            tracing::warn!("what came of asking prompts again last is not stored: {error}");
        }
    }

    /// Stores what is to be stored.
    ///
    /// # Errors
    /// When something cannot be; it is still to be stored then.
    async fn write_all(&self) -> Result<(), CallError> {
        loop {
            let _writing = self.writing.lock().await;
            let next = self.book().first_unwritten();
            let Some((id, record)) = next.filter(|_| !self.is_leaving()) else { return Ok(()) };
            shelf::write(&self.ports, &id, &record).await?;
            self.book().written(&id, &record);
        }
    }
}
