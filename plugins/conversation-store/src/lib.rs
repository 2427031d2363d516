//! Keeps conversations in SQLite: an append-only log with a gap-free seq, and what follows from it.
//!
//! Hears [`ENDED`]; says [`CHANGED`], and [`HAMPERED`] when nothing can be written. Serves the log ([`APPEND`], [`DRAFT`],
//! [`REPAIR`], [`HISTORY`], [`READ`], [`LOCATE`], [`DOCTOR`]), copies of everything ([`BACKUP`]), what is known about
//! conversations ([`LIST`], [`FIND`], [`UPDATE`], [`FORK`], [`DELETE`], [`METRICS`]),
//! workspaces, a place for what other plugins have to remember, and the HTTP routes of all that. Does not run turns, or
//! decide what is appended.
//!
//! An answered write survives a loss of power, unless the operator chose otherwise. The file is
//! `conversations.db` in the plugin's data folder; only one host at a time can have it open. When the plugin is reloaded
//! calls wait until the file is closed and opened again; turns that run go on.

mod entry;
mod identity;
mod reconcile;
mod route;
mod setting;
mod status;
mod store;
mod title;
mod word;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use transom_agent::conversation::{
    CHANGED, Conversation, Conversations, DELETE, Deleted, FIND, FORK, Fork, LIST, METRICS, Metrics, Query,
    UPDATE, Update,
};
use transom_agent::log::{
    APPEND, Append, Appended, BACKUP, Backup, BackupProgress, Chunks, DOCTOR, DRAFT, Diagnosis, Doctor,
    Draft, Drafted, HISTORY, History, HistoryOf, LOCATE, Located, MessageOf, READ, REPAIR, Read, Repair,
    Repaired,
};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_agent::stream::{ENDED, StreamEnded};
use transom_agent::workspace::{
    WORKSPACE_DELETE, WORKSPACE_FOLDER, WORKSPACE_UPDATE, WORKSPACES, Workspace, WorkspaceDeleted,
    WorkspaceFolder, WorkspaceQuery, WorkspaceUpdate, Workspaces,
};
use transom_plugin_api::hosting::{HAMPERED, Hampered};
use transom_plugin_api::prelude::*;

use crate::store::{News, Store};

/// Streams to viewers that may end at once without being lost to the count.
const ENDS: u32 = 65_536;

/// Between two times that those are written.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);

/// What an operator may set.
#[derive(Settings)]
pub struct ConversationStore {
    /// What an answered write survives: `full` a loss of power, `normal` a crash of the host.
    #[setting(default = "full")]
    pub durability: Durability,
}

/// What an answered write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Settings)]
pub enum Durability {
    /// A loss of power: every batch of writes waits for the disk.
    Full,
    /// A crash of the host. A loss of power may take the last seconds, and never leaves anything half-written.
    Normal,
}

/// The points the store touches.
#[derive(Ports)]
pub struct StorePorts {
    #[says(CHANGED)]
    changed: Emitter<Conversation>,
    #[says(HAMPERED)]
    hampered: Emitter<Hampered>,
    #[hears(ENDED)]
    stream_ended: Listener<StreamEnded>,
    #[serves(APPEND)]
    append: Server<Append, Appended>,
    #[serves(DRAFT)]
    draft: Server<Draft, Drafted>,
    #[serves(REPAIR)]
    repair: Server<Repair, Repaired>,
    #[serves(HISTORY)]
    history: Server<HistoryOf, History>,
    #[serves(READ)]
    read: Server<Read, Chunks>,
    #[serves(LOCATE)]
    locate: Server<MessageOf, Located>,
    #[serves(DOCTOR)]
    doctor: Server<Doctor, Diagnosis>,
    #[serves(BACKUP)]
    backup: StreamServer<Backup, BackupProgress>,
    #[serves(LIST)]
    list: Server<Query, Conversations>,
    #[serves(FIND)]
    find: Server<Text, Conversation>,
    #[serves(UPDATE)]
    update: Server<Update, Conversation>,
    #[serves(FORK)]
    fork: Server<Fork, Conversation>,
    #[serves(DELETE)]
    delete: Server<Text, Deleted>,
    #[serves(METRICS)]
    metrics: Server<Text, Metrics>,
    #[serves(WORKSPACE_FOLDER)]
    workspace_folder: Server<Text, WorkspaceFolder>,
    #[serves(WORKSPACES)]
    workspaces: Server<WorkspaceQuery, Workspaces>,
    #[serves(WORKSPACE_UPDATE)]
    workspace_update: Server<WorkspaceUpdate, Workspace>,
    #[serves(WORKSPACE_DELETE)]
    workspace_delete: Server<Text, WorkspaceDeleted>,
    #[serves(STORAGE_WRITE)]
    storage_write: Server<StorageWrites, StorageWritten>,
    #[serves(STORAGE_READ)]
    storage_read: Server<StorageRead, StorageRows>,
    #[serves(HTTP_ROUTE, names = [
        "GET /conversations",
        "GET /conversations/:id",
        "DELETE /conversations/:id",
        "GET /conversations/:id/metrics",
        "POST /conversations/:id/fork",
        "PUT /conversations/:id/title",
        "GET /conversations/:id/cwd",
        "DELETE /conversations/:id/cwd",
        "GET /conversations/:id/model",
        "GET /conversations/:id/reasoning-effort",
        "PUT /conversations/:id/reasoning-effort",
        "GET /workspaces",
        "GET /workspaces/:id",
        "PUT /workspaces/:id",
        "DELETE /workspaces/:id",
        "PUT /workspaces/:id/title",
        "PUT /workspaces/:id/default-cwd",
        "GET /diagnostics/turns",
        "GET /diagnostics/streams",
    ])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
}

impl Plugin for ConversationStore {
    type Ports = StorePorts;

    async fn start(self, ports: StorePorts, host: Host) -> Result<(), StartError> {
        let clock = host.clone();
        let (changed, hampered) = (ports.changed.clone(), ports.hampered.clone());
        let say = move |news: News<'_>| match news {
            News::Changed(conversation) => changed.emit(conversation),
            News::Hampered(by) => {
                let by = by.map(|failure| failure.to_string().into());
                hampered.emit(&Hampered { by: by.into() });
            }
        };
        let store = Store::open(&host.data_folder()?, self.durability, move || clock.now_ms(), say)?;
        let store = Arc::new(store.within(host.roots().map(Path::to_path_buf)));
        serve_logs(&ports, &store)?;
        serve_conversations(&ports, &store)?;
        serve_others(&ports, &store)?;
        route::serve(&ports.routes, &store)?;
        count_streams(&ports.stream_ended, &store, &host)?;
        host.on_stop(async move { store.close().await });
        Ok(())
    }
}

export_plugin!(ConversationStore, id = "conversation-store", handover = "exclusive");

/// Counts how streams to viewers end. A mailbox, so that nothing is missed while the plugin is replaced.
fn count_streams(port: &Listener<StreamEnded>, store: &Arc<Store>, host: &Host) -> Result<(), StartError> {
    port.queued_with(store, Mailbox::drop_oldest(ENDS), async |store, ended, _| {
        if ended.lost() > 0 {
            tracing::warn!("{} streams to viewers ended too fast to be counted", ended.lost());
        }
        store.stream_ended((*ended).clone());
    })?;
    let (store, clock) = (store.clone(), host.clone());
    host.spawn(async move {
        loop {
            store.until_stream_ended().await;
            clock.sleep(BETWEEN_WRITES).await;
            store.keep_stream_ends().await;
        }
    });
    Ok(())
}

fn serve_logs(ports: &StorePorts, store: &Arc<Store>) -> Result<(), StartError> {
    ports.append.serve_with(store, async |store, append, _| store.append(append).await)?;
    ports.draft.serve_with(store, async |store, draft, _| store.draft(draft).await)?;
    ports.repair.serve_with(store, async |store, repair, _| store.repair(repair).await)?;
    ports.history.serve_with(store, async |store, of, _| store.history(of).await)?;
    ports.read.serve_with(store, async |store, read, _| store.read(read).await)?;
    ports.locate.serve_with(store, async |store, of, _| store.locate(of).await)?;
    ports.doctor.serve_with(store, async |store, Doctor {}, _| store.diagnose().await)?;
    let store = Arc::clone(store);
    ports.backup.serve(move |backup, mut items, _| {
        let store = Arc::clone(&store);
        async move {
            let mut copying = store.backup(backup).await?;
            while let Some(progress) = copying.next().await {
                items.send(progress?).await;
            }
            Ok(())
        }
    })
}

fn serve_conversations(ports: &StorePorts, store: &Arc<Store>) -> Result<(), StartError> {
    ports.list.serve_with(store, async |store, query, _| store.list(query).await)?;
    ports.find.serve_with(store, async |store, id, _| store.find(&id).await)?;
    ports.update.serve_with(store, async |store, update, _| store.update(update).await)?;
    ports.fork.serve_with(store, async |store, fork, _| store.fork(fork).await)?;
    ports.delete.serve_with(store, async |store, id, _| store.delete(&id).await)?;
    ports.metrics.serve_with(store, async |store, id, _| store.metrics(&id).await)
}

fn serve_others(ports: &StorePorts, store: &Arc<Store>) -> Result<(), StartError> {
    ports.workspaces.serve_with(store, async |store, query, _| store.workspaces(query).await)?;
    ports.workspace_folder.serve_with(store, async |store, id, _| store.workspace_folder(&id).await)?;
    ports
        .workspace_update
        .serve_with(store, async |store, update, _| store.update_workspace(update).await)?;
    ports.workspace_delete.serve_with(store, async |store, id, _| store.delete_workspace(&id).await)?;
    // Whose place it is follows from who calls, and not from what is asked.
    ports.storage_write.serve_with(store, async |store, writes, context: CallContext| {
        store.write_storage(context.caller(), writes).await
    })?;
    ports.storage_read.serve_with(store, async |store, read, context: CallContext| {
        store.read_storage(context.caller(), read).await
    })
}
