//! Keeps which contents of working folders the operator trusts.
//!
//! Serves [`TRUST`], `GET`, `PUT` and `DELETE /trust`, and the command `trust`; says [`TRUST_ASKED`] and [`TRUST_CHANGED`]; keeps
//! answers in the conversation store. Does not look into any folder: who finds something there tells its digest, and does not use
//! what is not trusted.
//!
//! | file | subject |
//! |---|---|
//! | `subject` | what an answer is about: a content, a file, a folder |
//! | `book` | the rule: what was answered, what waits, what follows |
//! | `row` | the same as documents, kept and told |
//! | `keeper` | the book for many at once, durable |
//! | `folder` | folders as people write them |
//! | `routes`, `command` | the HTTP form of it, and that of a terminal |
//!
//! ```
//! use transom_plugin_api::Settings;
//! use transom_trust::KeepTrust;
//!
//! assert!(KeepTrust::from_json(r#"{"folders": ["~/my-own-projects"]}"#).is_ok());
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod book;
mod command;
mod folder;
mod keeper;
mod routes;
mod row;
mod subject;

use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute, Verb,
};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_agent::trust::{Found, TRUST, TRUST_ASKED, TRUST_CHANGED, Trust, TrustChanged};
use transom_plugin_api::prelude::*;

use crate::book::Book;
use crate::keeper::Keeper;

/// What an operator may set.
#[derive(Debug, Settings)]
pub struct KeepTrust {
    /// Folders that are trusted with all below them, whatever is there: absolute, or in the home of whoever runs the host.
    pub folders: Vec<PathBuf>,
}

/// The points it touches.
#[derive(Clone, Debug, Ports)]
pub struct TrustPorts {
    #[serves(TRUST)]
    trust: Server<Found, Trust>,
    #[says(TRUST_ASKED)]
    asked: Emitter<Found>,
    #[says(TRUST_CHANGED)]
    changed: Emitter<TrustChanged>,
    #[calls(STORAGE_READ, optional)]
    read: Caller<StorageRead, StorageRows>,
    #[calls(STORAGE_WRITE, optional)]
    write: Caller<StorageWrites, StorageWritten>,
    #[serves(HTTP_ROUTE, names = ["DELETE /trust", "GET /trust", "PUT /trust"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(CLI_COMMAND, names = ["trust"])]
    commands: Server<CliCall, CliOutcome, Verb>,
}

impl Plugin for KeepTrust {
    type Ports = TrustPorts;

    async fn start(self, ports: TrustPorts, host: Host) -> Result<(), StartError> {
        let home = std::env::var_os("HOME");
        let home = home.as_deref().map(|home| Path::new(home).to_owned());
        let folders = self.folders;
        let always = host.blocking(move || folder::of_settings(folders, home.as_deref())).await??;
        let keeper = Keeper::open(Book::new(always), ports.clone(), host.clone()).await?;
        let asked = Arc::clone(&keeper);
        ports.trust.serve(move |found, _| ready(asked.look(found)))?;
        command::register(&keeper, &ports.commands)?;
        routes::register(&keeper, &ports.routes)?;
        host.spawn(Arc::clone(&keeper).run());
        host.on_stop(async move { drop(keeper.flush().await) });
        Ok(())
    }
}

export_plugin!(KeepTrust, id = "trust", capabilities = ["fs"], handover = "exclusive");
