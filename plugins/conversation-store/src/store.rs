//! The store: conversations in one SQLite file, written by one thread and read by others.

mod append;
mod conversations;
mod database;
mod failure;
mod lane;
mod log;
mod readers;
mod schema;
mod update;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use transom_agent::conversation::{
    Append, Appended, Chunks, Conversation, Conversations, History, Query, Read, Update,
};
use transom_plugin_api::{CallError, Shared, StartError};

use self::append::AppendWrite;
use self::database::Database;
use self::readers::Readers;
use self::update::UpdateWrite;
use self::writer::Writer;
use crate::Durability;
use crate::identity::check_conversation_id;
use crate::reconcile::{Repairs, reconcile};

/// Milliseconds since the epoch.
type Clock = Box<dyn Fn() -> i64 + Send + Sync>;

/// The open store. Dropping it ends its threads once they have done what they were given.
pub(crate) struct Store {
    writer: Writer,
    readers: Readers,
    clock: Clock,
}

impl Store {
    /// Opens the store in `folder`, for this process alone. Conversations that were active are idle from now on: no
    /// turn outlives its host.
    pub(crate) fn open(
        folder: &Path,
        durability: Durability,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let settle = |connection: &Connection| {
            let interrupted = conversations::settle_active(connection)?;
            if interrupted > 0 {
                tracing::info!(
                    "{interrupted} conversations were active when the host ended; they are idle now"
                );
            }
            Ok(())
        };
        Self::open_and(folder, durability, clock, settle)
    }

    /// As [`open`](Self::open), after another store of the same host: turns outlive that, so active conversations stay
    /// active.
    pub(crate) fn reopen(
        folder: &Path,
        durability: Durability,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        Self::open_and(folder, durability, clock, |_| Ok(()))
    }

    fn open_and(
        folder: &Path,
        durability: Durability,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
        first: impl FnOnce(&Connection) -> Result<(), StartError>,
    ) -> Result<Self, StartError> {
        let database = Arc::new(Database::claim(folder)?);
        let connection = database.open_to_write(durability)?;
        first(&connection)?;
        let readers = Readers::start(&database)?;
        let writer = Writer::start(connection, database)?;
        Ok(Self { writer, readers, clock: Box::new(clock) })
    }

    /// Appends; answers when it is durable. Happens even if the caller stops waiting.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, CallError> {
        self.writer.write(AppendWrite::prepare(&append, (self.clock)())?).await
    }

    /// Changes what is known about a conversation.
    pub(crate) async fn update(&self, update: Update) -> Result<Conversation, CallError> {
        self.writer.write(UpdateWrite::prepare(update, (self.clock)())?).await
    }

    /// The repaired history of a conversation; empty for an unknown one.
    pub(crate) async fn history(&self, id: &str) -> Result<History, CallError> {
        check_conversation_id("conversationId", id)?;
        let wanted = id.to_owned();
        let look = move |connection: &_| {
            let Some(row) = conversations::find(connection, &wanted)? else {
                return Ok(History { messages: Shared::default(), latest_seq: 0 });
            };
            let (messages, repairs) = reconcile(log::messages(connection, row.number)?);
            if repairs != Repairs::default() {
                tracing::debug!(conversation = wanted, ?repairs, "the history was repaired for the model");
            }
            Ok(History { messages: Shared::new(messages.into()), latest_seq: row.conversation.latest_seq })
        };
        self.readers.read(look).await
    }

    /// A part of a log.
    pub(crate) async fn read(&self, read: Read) -> Result<Chunks, CallError> {
        check_conversation_id("conversationId", &read.conversation_id)?;
        let look = move |connection: &_| {
            let row = conversations::find_known(connection, &read.conversation_id)?;
            let chunks = log::window(connection, row.number, &read)?;
            Ok(Chunks { chunks: chunks.into(), latest_seq: row.conversation.latest_seq })
        };
        self.readers.read(look).await
    }

    /// The conversations asked for, the most recently active first.
    pub(crate) async fn list(&self, query: Query) -> Result<Conversations, CallError> {
        self.readers.read(move |connection| Ok(conversations::list(connection, &query)?)).await
    }

    /// One conversation.
    pub(crate) async fn find(&self, id: &str) -> Result<Conversation, CallError> {
        check_conversation_id("conversationId", id)?;
        let wanted = id.to_owned();
        let look = move |connection: &_| Ok(conversations::find_known(connection, &wanted)?.conversation);
        self.readers.read(look).await
    }

    /// Takes nothing more, finishes what was accepted, and closes the file. Later calls are `unavailable`.
    pub(crate) async fn close(&self) {
        // The writer comes last: the last connection to close folds the write-ahead log into the file.
        self.readers.close().await;
        self.writer.close().await;
    }
}
