//! Tells why a provider could not read a conversation from its cache.
//!
//! A provider keeps what a request begins with, and reads it from there when the next request begins with the same bytes. This
//! plugin compares each request with the one before it in its conversation: the model, the definitions of tools, the system
//! prompt, and what was said.
//!
//! Hears [`ASKED`] and [`ANSWERED`]; says [`PREFIX_BROKEN`]; serves `GET /conversations/:id/cache`. Keeps what a conversation's
//! requests begin with in the storage, so that a change is told across a restart, too.
//! Changes no request, and does not know what a provider has in its cache: only what it could have.
//!
//! | file | subject |
//! |---|---|
//! | `print` | what is kept of a request |
//! | `compare` | the rule: what is different |
//! | `excerpt` | where two texts differ, and what stands there |
//! | `record` | the last requests of conversations |
//! | `shelf` | what a conversation's requests begin with, in the storage |
//! | `route` | the HTTP form of it |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod compare;
mod excerpt;
mod explainer;
mod print;
mod record;
mod route;
mod shelf;

use std::sync::Arc;

use transom_agent::cache::{PREFIX_BROKEN, PrefixBroken};
use transom_agent::conversation::{Conversation, FIND};
use transom_agent::provider::{ANSWERED, ASKED, ModelAnswered, ModelAsked};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_plugin_api::prelude::*;

use crate::explainer::Explainer;

/// Requests that may wait to be looked at; of more the oldest are not.
const WAITING: u32 = 1024;

/// What an operator may set: nothing.
#[derive(Debug, Settings)]
pub struct CacheExplainer;

/// The points it touches.
#[derive(Clone, Debug, Ports)]
pub struct CacheExplainerPorts {
    #[hears(ASKED)]
    asked: Listener<ModelAsked>,
    #[hears(ANSWERED)]
    answered: Listener<ModelAnswered>,
    #[says(PREFIX_BROKEN)]
    broken: Emitter<PrefixBroken>,
    #[calls(FIND, optional)]
    find: Caller<Text, Conversation>,
    #[calls(STORAGE_WRITE, optional)]
    write: Caller<StorageWrites, StorageWritten>,
    #[calls(STORAGE_READ, optional)]
    read: Caller<StorageRead, StorageRows>,
    #[serves(HTTP_ROUTE, names = ["GET /conversations/:id/cache"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
}

impl Plugin for CacheExplainer {
    type Ports = CacheExplainerPorts;

    async fn start(self, ports: CacheExplainerPorts, host: Host) -> Result<(), StartError> {
        let explainer = Arc::new(Explainer::new(ports.clone(), host.clone()));
        ports.asked.queued_with(&explainer, Mailbox::drop_oldest(WAITING), async |explainer, asked, _| {
            explainer.asked(&asked, asked.lost()).await
        })?;
        ports.answered.queued_with(
            &explainer,
            Mailbox::drop_oldest(WAITING),
            async |explainer, answered, _| explainer.answered(&answered),
        )?;
        route::register(&explainer, &ports.routes)?;
        let shelf = Arc::clone(&explainer.shelf);
        host.on_stop(async move { shelf.flush().await });
        Ok(())
    }
}

export_plugin!(CacheExplainer, id = "cache-explainer");
