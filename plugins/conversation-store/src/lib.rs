//! Keeps conversations in SQLite: an append-only log with a gap-free seq.
//!
//! Hears nothing; says nothing. Serves [`APPEND`], [`HISTORY`], [`READ`], [`LIST`], [`FIND`] and [`UPDATE`], and the
//! routes `GET /conversations` and `GET /conversations/:id`. Does not run turns, decide what is appended, or delete
//! anything.
//!
//! An answered append survives a loss of power, unless the operator chose otherwise. The file is
//! `conversations.db` in the plugin's data folder; only one host at a time can have it open. When the plugin is reloaded
//! calls wait until the file is closed and opened again; turns that run go on.

mod entry;
mod identity;
mod reconcile;
mod route;
mod status;
mod store;
mod title;

use std::sync::Arc;

use transom_agent::conversation::{
    APPEND, Append, Appended, Chunks, Conversation, Conversations, FIND, HISTORY, History, LIST, Query, READ,
    Read, UPDATE, Update,
};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::prelude::*;

use crate::store::Store;

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
    #[serves(APPEND)]
    append: Server<Append, Appended>,
    #[serves(HISTORY)]
    history: Server<Text, History>,
    #[serves(READ)]
    read: Server<Read, Chunks>,
    #[serves(LIST)]
    list: Server<Query, Conversations>,
    #[serves(FIND)]
    find: Server<Text, Conversation>,
    #[serves(UPDATE)]
    update: Server<Update, Conversation>,
    #[serves(HTTP_ROUTE, names = ["GET /conversations", "GET /conversations/:id"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
}

impl Plugin for ConversationStore {
    type Ports = StorePorts;

    async fn start(self, ports: StorePorts, host: Host) -> Result<(), StartError> {
        let clock = host.clone();
        let now_ms = move || clock.now_ms();
        let before: Option<Succession> = host.handed_over()?;
        let is_settled = before.is_some_and(|before| before.is_settled);
        let open = if is_settled { Store::reopen } else { Store::open };
        let store = Arc::new(open(&host.data_folder()?, self.durability, now_ms)?);
        serve(&ports, &store)?;
        route::serve(&ports.routes, &store)?;
        host.hand_over(|| std::future::ready(Ok(Succession { is_settled: true })));
        host.on_stop(async move { store.close().await });
        Ok(())
    }
}

export_plugin!(ConversationStore, id = "conversation-store", handover = "exclusive");

/// What one generation tells the next: that there was one. Everything else is in the file.
#[contract]
struct Succession {
    /// Whether the conversations of an earlier host are idle already.
    is_settled: bool,
}

fn serve(ports: &StorePorts, store: &Arc<Store>) -> Result<(), StartError> {
    ports.append.serve(handler(store, |store, append| async move { store.append(append).await }))?;
    ports.history.serve(handler(store, |store, id: Text| async move { store.history(&id).await }))?;
    ports.read.serve(handler(store, |store, read| async move { store.read(read).await }))?;
    ports.list.serve(handler(store, |store, query| async move { store.list(query).await }))?;
    ports.find.serve(handler(store, |store, id: Text| async move { store.find(&id).await }))?;
    ports.update.serve(handler(store, |store, update| async move { store.update(update).await }))
}

/// A handler that asks the store; who calls makes no difference to it.
fn handler<Q, F>(
    store: &Arc<Store>,
    ask: impl Fn(Arc<Store>, Q) -> F + Send + Sync + 'static,
) -> impl Fn(Q, CallContext) -> F + Send + Sync + 'static {
    let store = store.clone();
    move |request, _| ask(store.clone(), request)
}
