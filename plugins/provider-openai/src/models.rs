//! The names under which an endpoint's models can be asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use transom_agent::provider::{ModelInfo, ModelRequest, ProviderEvent};
use transom_plugin_api::{Host, StartError, StreamServer};

use crate::catalogue::{self, Listed};
use crate::endpoint::Endpoint;
use crate::stream::ModelStream;

/// The models that are served.
pub(crate) struct Models {
    endpoint: Arc<Endpoint>,
    port: StreamServer<ModelRequest, ProviderEvent, ModelInfo>,
    served: BTreeSet<String>,
}

impl Models {
    pub(crate) fn new(
        endpoint: Arc<Endpoint>,
        port: StreamServer<ModelRequest, ProviderEvent, ModelInfo>,
    ) -> Self {
        Self { endpoint, port, served: BTreeSet::new() }
    }

    /// Serves one model; once is enough.
    pub(crate) fn serve(&mut self, id: &str, about: ModelInfo) -> Result<(), StartError> {
        if self.served.contains(id) {
            return Ok(());
        }
        let name = format!("{}/{id}", self.endpoint.name());
        let endpoint = self.endpoint.clone();
        self.port.serve_named(&name, about, move |request: ModelRequest, mut items, _| {
            let endpoint = endpoint.clone();
            async move {
                let mut stream = ModelStream::open(endpoint, &request).await;
                while let Some(event) = stream.next().await {
                    items.send(event).await;
                }
                Ok(())
            }
        })?;
        self.served.insert(id.to_owned());
        Ok(())
    }

    /// Asks for the list until it comes or cannot come, and serves what is on it.
    pub(crate) async fn keep_asking(mut self, host: Host) {
        for attempt in 0.. {
            let failure = match catalogue::fetch(&self.endpoint).await {
                Ok(listed) => return self.serve_all(listed),
                Err(failure) => failure,
            };
            let message = self.endpoint.message(&failure);
            if !catalogue::may_pass(&failure.class) {
                return tracing::warn!("models are not listed: {message}");
            }
            let wait_ms = catalogue::backoff_ms(attempt).max(failure.retry_after_ms.unwrap_or(0));
            tracing::warn!("models are not listed yet, next attempt in {wait_ms} ms: {message}");
            host.sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    fn serve_all(&mut self, listed: Vec<Listed>) {
        for Listed { id, info } in listed {
            if let Err(error) = self.serve(&id, info) {
                tracing::warn!("model `{id}` is not served: {error}");
            }
        }
        tracing::info!("`{}` has {} models", self.endpoint.name(), self.served.len());
    }
}
