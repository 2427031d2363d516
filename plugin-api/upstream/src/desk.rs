//! [`Desk`]: the models of one account, under the names by which they can be asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use transom_agent::provider::{ModelInfo, ModelRequest, ProviderEvent};
use transom_plugin_api::{Host, StartError, StreamServer};

use crate::catalogue::{self, Listed};
use crate::endpoint::Endpoint;
use crate::format::WireFormat;
use crate::known::{KnownAccount, Memory};
use crate::shelf::Shelf;
use crate::stream::ModelStream;

/// What all accounts of a provider share.
pub(crate) struct Counter<F> {
    pub(crate) format: F,
    pub(crate) models: StreamServer<ModelRequest, ProviderEvent, ModelInfo>,
    pub(crate) shelf: Shelf,
    pub(crate) memory: Memory,
    pub(crate) host: Host,
}

/// The models of an account.
pub(crate) struct Desk<F> {
    counter: Arc<Counter<F>>,
    name: String,
    base_url: String,
    /// A model that is there whatever the account lists.
    fixed: Option<String>,
    endpoint: Arc<Mutex<Arc<Endpoint>>>,
    served: Mutex<Served>,
}

#[derive(Default)]
struct Served {
    models: BTreeMap<String, Listed>,
    is_closed: bool,
}

impl<F: WireFormat> Desk<F> {
    /// Of the account at `base_url`, with what is known of it already.
    pub(crate) fn open(
        counter: Arc<Counter<F>>,
        endpoint: Endpoint,
        base_url: &str,
        fixed: Option<String>,
    ) -> Result<Self, StartError> {
        let name = endpoint.name().to_owned();
        let inherited = counter.memory.of(&name, base_url);
        let endpoint = Arc::new(Mutex::new(Arc::new(endpoint)));
        let served = Mutex::default();
        let desk = Self { counter, name, base_url: base_url.to_owned(), fixed, endpoint, served };
        desk.serve_all(inherited.unwrap_or_default());
        desk.serve_the_fixed_one()?;
        Ok(desk)
    }

    /// Asks elsewhere, or with another key, from the next request on.
    pub(crate) fn move_to(&self, endpoint: Endpoint) {
        *held(&self.endpoint) = Arc::new(endpoint);
    }

    /// Serves nothing any more. Answers under way go on.
    pub(crate) fn close(&self) {
        let mut served = held(&self.served);
        served.is_closed = true;
        let gone = std::mem::take(&mut served.models);
        gone.keys().for_each(|id| self.counter.models.withdraw(&self.full_name(id)));
    }

    /// Serves what was known, then asks for the list until it comes or cannot come. What was known stays until then.
    pub(crate) async fn keep_asking(&self) {
        if held(&self.served).models.keys().all(|id| Some(id) == self.fixed.as_ref())
            && let Some(known) = self.counter.shelf.take(&self.name, &self.base_url).await
        {
            self.serve_all(known);
        }
        for attempt in 0.. {
            let endpoint = held(&self.endpoint).clone();
            let failure = match catalogue::fetch::<F>(&endpoint).await {
                Ok(listed) => return self.keep(listed).await,
                Err(failure) => failure,
            };
            let message = endpoint.message(&failure);
            if !catalogue::may_pass(&failure.class) {
                return tracing::warn!("models are not listed: {message}");
            }
            let wait_ms = catalogue::backoff_ms(attempt).max(failure.retry_after_ms.unwrap_or(0));
            tracing::warn!("models are not listed yet, next attempt in {wait_ms} ms: {message}");
            self.counter.host.sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    async fn keep(&self, listed: Vec<Listed>) {
        let known = KnownAccount::of(&self.name, &self.base_url, &listed);
        let count = listed.len();
        if self.serve_all(listed) {
            tracing::info!("`{}` has {count} models", self.name);
            self.counter.shelf.put(&self.name, &known).await;
        }
    }

    /// Serves what is on a list and nothing else; whether it still serves anything.
    fn serve_all(&self, listed: Vec<Listed>) -> bool {
        let mut served = held(&self.served);
        if served.is_closed {
            return false;
        }
        self.counter.memory.keep(KnownAccount::of(&self.name, &self.base_url, &listed));
        let listed: BTreeMap<_, _> = listed.into_iter().map(|model| (model.id.clone(), model)).collect();
        let is_gone = |id: &String, old: &Listed| {
            listed.get(id).map_or(Some(id) != self.fixed.as_ref(), |new| new != old)
        };
        let gone: Vec<_> = served.models.extract_if(.., |id, old| is_gone(id, old)).collect();
        gone.iter().for_each(|(id, _)| self.counter.models.withdraw(&self.full_name(id)));
        for model in listed.into_values() {
            if let Err(error) = self.serve(&mut served, model) {
                tracing::warn!("a model of `{}` is not served: {error}", self.name);
            }
        }
        true
    }

    fn serve_the_fixed_one(&self) -> Result<(), StartError> {
        let Some(id) = self.fixed.clone() else { return Ok(()) };
        let provider = held(&self.endpoint).provider().into();
        let info = ModelInfo { provider, ..ModelInfo::default() };
        self.serve(&mut held(&self.served), Listed { id, info, max_output_tokens: None })
    }

    /// Serves one model; once is enough.
    fn serve(&self, served: &mut Served, model: Listed) -> Result<(), StartError> {
        if served.models.contains_key(&model.id) {
            return Ok(());
        }
        let state = (self.counter.clone(), self.endpoint.clone(), model.max_output_tokens);
        let (name, about) = (self.full_name(&model.id), model.info.clone());
        let models = &self.counter.models;
        models.serve_named_with(
            &name,
            about,
            &state,
            |state, request: ModelRequest, mut items, _| async move {
                let (counter, endpoint, max_output_tokens) = state;
                let endpoint = held(&endpoint).clone();
                let mut stream =
                    ModelStream::open(endpoint, &counter.format, &request, max_output_tokens).await;
                while let Some(event) = stream.next().await {
                    items.send(event).await;
                }
                Ok(())
            },
        )?;
        served.models.insert(model.id.clone(), model);
        Ok(())
    }

    fn full_name(&self, id: &str) -> String {
        format!("{}/{id}", self.name)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
