//! The store: conversations in one SQLite file, written by one thread and read by others.

mod append;
mod backup;
mod changed;
mod conversations;
mod database;
mod delete;
pub(crate) mod diagnostics;
mod doctor;
mod drafts;
mod ends;
mod failure;
mod fold;
mod fork;
mod lane;
mod log;
mod metrics;
mod migration;
pub(crate) mod place;
mod positions;
mod readers;
mod repair;
mod schema;
mod scratch;
mod storage;
mod streams;
mod summary;
mod tally;
mod target;
mod turns;
mod update;
mod workspaces;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use transom_agent::conversation::{Conversation, Conversations, Deleted, Fork, Metrics, Query, Update};
use transom_agent::log::{
    Append, Appended, Backup, Chunks, Diagnosis, Draft, Drafted, History, HistoryOf, Located, MessageOf,
    Read, Repair, Repaired,
};
use transom_agent::refusal::check_conversation_id;
use transom_agent::storage::{StorageRead, StorageRows, StorageWrites, StorageWritten};
use transom_agent::stream::StreamEnded;
use transom_agent::workspace::{
    Workspace, WorkspaceDeleted, WorkspaceFolder, WorkspaceQuery, WorkspaceUpdate, Workspaces,
};
use transom_plugin_api::{CallError, List, Shared, StartError};

use self::append::AppendWrite;
use self::backup::{Copier, Copying};
use self::conversations::Known;
use self::database::Database;
use self::delete::DeleteWrite;
use self::diagnostics::{EndedTurns, Lately};
use self::drafts::DraftWrite;
use self::failure::Failure;
use self::fork::ForkWrite;
use self::readers::Readers;
use self::repair::RepairWrite;
use self::scratch::Scratch;
use self::storage::StorageWrite;
use self::streams::{EndedStreams, Heard};
use self::update::UpdateWrite;
use self::workspaces::{WorkspaceDelete, WorkspaceWrite};
pub(crate) use self::writer::News;
use self::writer::Writer;
use crate::Durability;
use crate::reconcile::{Repairs, reconcile};

/// Milliseconds since the epoch.
type Clock = Box<dyn Fn() -> i64 + Send + Sync>;

/// The open store. Dropping it ends its threads once they have done what they were given.
pub(crate) struct Store {
    writer: Writer,
    readers: Readers,
    copier: Copier,
    streams: Heard,
    clock: Clock,
    /// The folders in which agents may work.
    roots: Vec<PathBuf>,
}

impl Store {
    /// Opens the store in `folder`, for this process alone. `say` is told each conversation of which something else is
    /// known than before, once that is durable, and whether anything can be written.
    pub(crate) fn open(
        folder: &Path,
        durability: Durability,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
        say: impl Fn(News<'_>) + Send + 'static,
    ) -> Result<Self, StartError> {
        let database = Arc::new(Database::claim(folder)?);
        let connection = database.open_to_write(durability)?;
        Self::over(database, connection, clock, say)
    }

    fn over(
        database: Arc<Database>,
        connection: Connection,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
        say: impl Fn(News<'_>) + Send + 'static,
    ) -> Result<Self, StartError> {
        let readers = Readers::start(&database)?;
        let copier = Copier::start(&database)?;
        let writer = Writer::start(connection, database, say)?;
        Ok(Self {
            writer,
            readers,
            copier,
            streams: Heard::default(),
            clock: Box::new(clock),
            roots: Vec::new(),
        })
    }

    /// Takes folders of workspaces that lie in one of these; without any it takes none.
    pub(crate) fn within(mut self, roots: impl IntoIterator<Item = PathBuf>) -> Self {
        self.roots = roots.into_iter().collect();
        self
    }

    /// The time.
    pub(crate) fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    /// Appends; answers when it is durable. Happens even if the caller stops waiting.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, CallError> {
        self.writer.write(AppendWrite::prepare(append, self.now_ms())?).await
    }

    /// Keeps what was shown of a running turn.
    pub(crate) async fn draft(&self, draft: Draft) -> Result<Drafted, CallError> {
        self.writer.write(DraftWrite::prepare(draft)?).await
    }

    /// Ends every turn that runs by the log and is not alive, so many in one transaction.
    pub(crate) async fn repair(&self, repair: Repair) -> Result<Repaired, CallError> {
        let alive: Arc<HashSet<_>> = Arc::new(repair.alive.into_iter().collect());
        let (mut lost, mut after) = (List::new(), 0);
        loop {
            let part = RepairWrite { alive: alive.clone(), after, now: self.now_ms() };
            let part = self.writer.write(part).await?;
            lost.extend(part.lost);
            match part.up_to {
                Some(up_to) => after = up_to,
                None => break,
            }
        }
        let parked = self.readers.read(|connection| Ok(repair::parked(connection)?)).await?;
        Ok(Repaired { lost, parked })
    }

    /// Changes what is known about a conversation.
    pub(crate) async fn update(&self, update: Update) -> Result<Conversation, CallError> {
        self.writer.write(UpdateWrite::prepare(&update, self.now_ms())?).await
    }

    /// Copies a conversation.
    pub(crate) async fn fork(&self, fork: Fork) -> Result<Conversation, CallError> {
        self.writer.write(ForkWrite::prepare(fork, self.now_ms())?).await
    }

    /// Deletes a conversation: it is gone when this answers, its rows some time later.
    pub(crate) async fn delete(&self, id: &str) -> Result<Deleted, CallError> {
        self.writer.write(DeleteWrite::prepare(id)?).await
    }

    /// The repaired history of a conversation, or the end of it; empty for an unknown one.
    pub(crate) async fn history(&self, of: HistoryOf) -> Result<History, CallError> {
        check_conversation_id("conversationId", &of.conversation_id)?;
        let look = move |connection: &_| {
            let Some(known) = conversations::find(connection, &of.conversation_id)? else {
                return Ok(History { messages: Shared::default(), latest_seq: 0 });
            };
            check_end_of_turn(connection, &known, of.after_seq)?;
            let shown = shown_behind(connection, &known, of.after_seq)?;
            let from = shown.as_ref().map_or(of.after_seq + 1, |shown| shown.kept_from);
            let (messages, repairs) =
                reconcile(log::messages(connection, known.number, from, of.before_seq.into_option())?);
            if repairs != Repairs::default() {
                tracing::debug!(conversation = known.id, ?repairs, "the history was repaired for the model");
            }
            let messages = shown.map(|shown| shown.message).into_iter().chain(messages).collect();
            Ok(History { messages: Shared::new(messages), latest_seq: known.latest_seq })
        };
        self.readers.read(look).await
    }

    /// A part of a log.
    pub(crate) async fn read(&self, read: Read) -> Result<Chunks, CallError> {
        check_conversation_id("conversationId", &read.conversation_id)?;
        let look = move |connection: &_| {
            let known = conversations::find_known(connection, &read.conversation_id)?;
            let chunks = log::window(connection, known.number, &read)?.into();
            Ok(Chunks { chunks, latest_seq: known.latest_seq, latest_position: known.latest_position })
        };
        self.readers.read(look).await
    }

    /// Where a message stands.
    pub(crate) async fn locate(&self, of: MessageOf) -> Result<Located, CallError> {
        check_conversation_id("conversationId", &of.conversation_id)?;
        let look = move |connection: &_| {
            let MessageOf { conversation_id, message_id } = &of;
            let known = conversations::find_known(connection, conversation_id)?;
            let located = log::locate(connection, known.number, message_id)?;
            located.ok_or_else(|| {
                let message =
                    format!("there is no message `{message_id}` in conversation `{conversation_id}`");
                CallError::not_found(message).into()
            })
        };
        self.readers.glance(look).await
    }

    /// The conversations asked for, the most recently active first.
    pub(crate) async fn list(&self, query: Query) -> Result<Conversations, CallError> {
        self.readers.read(move |connection| Ok(conversations::list(connection, &query)?)).await
    }

    /// One conversation.
    pub(crate) async fn find(&self, id: &str) -> Result<Conversation, CallError> {
        check_conversation_id("conversationId", id)?;
        let id = id.to_owned();
        let look = move |connection: &_| Ok(conversations::find_known(connection, &id)?.conversation());
        self.readers.glance(look).await
    }

    /// How the turns of a conversation went.
    pub(crate) async fn metrics(&self, id: &str) -> Result<Metrics, CallError> {
        self.of_known(id, |connection, known| Ok(metrics::of(connection, known.number)?)).await
    }

    async fn of_known<T: Send + 'static>(
        &self,
        id: &str,
        look: impl FnOnce(&rusqlite::Connection, &Known) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, CallError> {
        check_conversation_id("conversationId", id)?;
        let id = id.to_owned();
        self.readers
            .read(move |connection| look(connection, &conversations::find_known(connection, &id)?))
            .await
    }

    /// How turns ended lately, over all conversations.
    pub(crate) async fn ended_lately(&self, wanted: Lately) -> Result<EndedTurns, CallError> {
        self.readers.read(move |connection| Ok(diagnostics::lately(connection, &wanted)?)).await
    }

    /// How streams to viewers ended lately, as far as it is written.
    pub(crate) async fn ended_streams(&self, wanted: Lately) -> Result<EndedStreams, CallError> {
        self.readers.read(move |connection| Ok(streams::lately(connection, &wanted)?)).await
    }

    /// Takes in that a stream to a viewer has ended.
    pub(crate) fn stream_ended(&self, ended: StreamEnded) {
        self.streams.add(ended, self.now_ms());
    }

    /// Waits until a stream has ended that is not written.
    pub(crate) async fn until_stream_ended(&self) {
        self.streams.came().await;
    }

    /// Writes what was heard of streams; what cannot be written now is kept.
    pub(crate) async fn keep_stream_ends(&self) {
        let Some(heard) = self.streams.take() else { return };
        if let Err(error) = self.writer.write(heard.clone()).await {
            // It is tried again each second, and why nothing can be written was told by the writer, once.
            tracing::debug!("how streams to viewers ended is not written yet: {error}");
            self.streams.give_back(heard);
        }
    }

    /// Reads every log from its beginning, and tells what does not follow from it.
    pub(crate) async fn diagnose(&self) -> Result<Diagnosis, CallError> {
        // In a file that is damaged nothing else can be trusted.
        let faults = self.readers.read(doctor::examine_file).await?;
        if !faults.is_empty() {
            return Ok(Diagnosis { conversations: 0, faults: faults.into() });
        }
        let (mut conversations, mut after, mut faults) = (0, 0, Vec::new());
        loop {
            let look = move |connection: &_| {
                let mut faults = Vec::new();
                let examined = doctor::examine_some(connection, &Scratch::new()?, after, &mut faults)?;
                Ok((examined, faults))
            };
            let ((examined, up_to), found) = self.readers.read(look).await?;
            conversations += examined as u64;
            faults.extend(found);
            match up_to {
                Some(up_to) => after = up_to,
                None => break,
            }
        }
        faults.truncate(doctor::MOST_FAULTS);
        Ok(Diagnosis { conversations, faults: faults.into() })
    }

    /// Begins to copy everything into a file.
    pub(crate) async fn backup(&self, backup: Backup) -> Result<Copying, CallError> {
        self.copier.begin(backup).await
    }

    /// The workspaces asked for.
    pub(crate) async fn workspaces(&self, query: WorkspaceQuery) -> Result<Workspaces, CallError> {
        self.readers.read(move |connection| Ok(workspaces::list(connection, &query)?)).await
    }

    /// The folder of a workspace.
    pub(crate) async fn workspace_folder(&self, id: &str) -> Result<WorkspaceFolder, CallError> {
        let id = id.to_owned();
        self.readers.glance(move |connection| Ok(workspaces::folder(connection, &id)?)).await
    }

    /// Makes or changes a workspace.
    pub(crate) async fn update_workspace(&self, update: WorkspaceUpdate) -> Result<Workspace, CallError> {
        self.writer.write(WorkspaceWrite::prepare(update, false, &self.roots, self.now_ms())?).await
    }

    /// Makes a workspace; one that is there stays as it is.
    pub(crate) async fn make_workspace(&self, update: WorkspaceUpdate) -> Result<Workspace, CallError> {
        self.writer.write(WorkspaceWrite::prepare(update, true, &self.roots, self.now_ms())?).await
    }

    /// Deletes a workspace.
    pub(crate) async fn delete_workspace(&self, id: &str) -> Result<WorkspaceDeleted, CallError> {
        self.writer.write(WorkspaceDelete::prepare(id, self.now_ms())?).await
    }

    /// Changes what a plugin has to remember.
    pub(crate) async fn write_storage(
        &self,
        plugin: &str,
        writes: StorageWrites,
    ) -> Result<StorageWritten, CallError> {
        self.writer.write(StorageWrite::prepare(plugin, writes)?).await
    }

    /// Reads what a plugin has to remember.
    pub(crate) async fn read_storage(
        &self,
        plugin: &str,
        read: StorageRead,
    ) -> Result<StorageRows, CallError> {
        let plugin = plugin.to_owned();
        let is_one = read.limit.into_option() == Some(1);
        let look = move |connection: &rusqlite::Connection| storage::read(connection, &plugin, &read);
        if is_one { self.readers.glance(look).await } else { self.readers.read(look).await }
    }

    /// Takes nothing more, finishes what was accepted, and closes the file. Later calls are `unavailable`.
    pub(crate) async fn close(&self) {
        self.copier.close().await;
        self.keep_stream_ends().await;
        // The writer comes last: the last connection to close folds the write-ahead log into the file.
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Refuses a place in the middle of a turn, where a history would begin with answers to nothing.
/// The summary with which a history behind `after_seq` begins.
fn shown_behind(
    connection: &rusqlite::Connection,
    known: &Known,
    after_seq: i64,
) -> Result<Option<summary::Shown>, Failure> {
    match known.summary_seq {
        Some(_) if after_seq == 0 => summary::shown(connection, known),
        Some(seq) if seq > after_seq => {
            let message = format!(
                "`afterSeq` is {after_seq}, and a summary stands behind it, at {seq}; load all of it"
            );
            Err(CallError::conflict(message).into())
        }
        _ => Ok(None),
    }
}

fn check_end_of_turn(connection: &rusqlite::Connection, known: &Known, seq: i64) -> Result<(), Failure> {
    if !(0..=known.latest_seq).contains(&seq) {
        let message = format!("`afterSeq` is {seq}, expected 0 to {}", known.latest_seq);
        return Err(CallError::invalid_input(message).into());
    }
    match turns::around(connection, known.number, seq)? {
        Some(turn) if seq > 0 => {
            let message = format!("`afterSeq` {seq} lies in turn `{turn}`, expected the end of a turn");
            Err(CallError::invalid_input(message).into())
        }
        _ => Ok(()),
    }
}
