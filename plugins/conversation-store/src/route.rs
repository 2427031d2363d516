//! The store's HTTP routes: conversations, their settings, workspaces, and how turns and streams ended.

mod body;
mod conversations;
mod diagnostics;
mod query;
mod schema;
mod settings;
mod workspaces;

use std::sync::Arc;

use serde::Serialize;
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::{CallError, Json, Server, StartError};

use crate::store::Store;

/// Where routes are registered.
pub(crate) struct Routes<'a> {
    port: &'a Server<HttpRequest, HttpReply, HttpRoute>,
    store: &'a Arc<Store>,
}

/// Registers the routes.
pub(crate) fn serve(
    port: &Server<HttpRequest, HttpReply, HttpRoute>,
    store: &Arc<Store>,
) -> Result<(), StartError> {
    let routes = Routes { port, store };
    conversations::serve(&routes)?;
    settings::serve(&routes)?;
    workspaces::serve(&routes)?;
    diagnostics::serve(&routes)
}

impl Routes<'_> {
    /// Registers one route; its reply is what `answer` gives, as JSON.
    fn add<T, F>(
        &self,
        name: &str,
        about: HttpRoute,
        answer: impl Fn(Arc<Store>, HttpRequest) -> F + Send + Sync + 'static,
    ) -> Result<(), StartError>
    where
        T: Serialize,
        F: Future<Output = Result<T, CallError>> + Send + 'static,
    {
        let store = self.store.clone();
        self.port.serve_named(name, about, move |request, _| {
            let answer = answer(store.clone(), request);
            async move { reply(&answer.await?) }
        })
    }
}

fn reply<T: Serialize>(body: &T) -> Result<HttpReply, CallError> {
    match Json::of(body) {
        Ok(body) => Ok(HttpReply::ok(body)),
        Err(error) => Err(CallError::failed(format!("the reply cannot be encoded: {error}"))),
    }
}
