//! Tells what is known about models: windows, prices, how long caches last.
//!
//! Serves [`FACTS`] and `GET /models/facts`; calls nobody, but looks which names are served at [`MODEL`]. Does not ask any
//! network, and does not reckon what something costs.
//!
//! What is known comes from three places, field by field:
//!
//! 1. what the operator has set for the model's full name,
//! 2. what its provider says of it,
//! 3. a table in this plugin, by the service behind the model and the model's id. It knows of each price up to which day it was
//!    looked at; prices change, and it does not notice.
//!
//! What none of them tells is absent: nothing is guessed.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod catalogue;
mod pattern;
mod routes;
mod set;
mod table;

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

use transom_agent::provider::{FACTS, MODEL, ModelFacts, ModelInfo, ModelRequest, ProviderEvent};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::prelude::*;

use crate::catalogue::Catalogue;

/// What an operator may set.
#[derive(Debug, Settings)]
pub struct ModelCatalogue {
    /// What is known better than here, by the full name of a model, such as `openai/gpt-5`. A name may end in `*`, which
    /// stands for whatever follows; of several that fit, the longest counts.
    pub models: BTreeMap<String, SetFacts>,
}

/// What an operator says of a model. What is left out is taken from elsewhere.
#[derive(Clone, Debug, Default, Settings)]
pub struct SetFacts {
    /// Tokens that fit into one request with its answer. At least 1.
    pub context_window: Option<u64>,
    /// The most tokens that one answer may have. At least 1.
    pub max_output_tokens: Option<u64>,
    /// Seconds that the provider keeps a prompt in its cache behind the last request that used it.
    pub cache_lifetime_s: Option<u64>,
    /// US dollars for a million tokens of the prompt, as far as it is neither read from the cache nor written to it.
    pub input: Option<f64>,
    /// US dollars for a million tokens of answers.
    pub output: Option<f64>,
    /// US dollars for a million tokens that are read from the cache.
    pub cache_read: Option<f64>,
    /// US dollars for a million tokens that are written to the cache.
    pub cache_write: Option<f64>,
}

/// The points this plugin touches.
#[derive(Clone, Debug, Ports)]
pub struct ModelCataloguePorts {
    #[serves(FACTS)]
    facts: Server<Text, ModelFacts>,
    #[calls(MODEL, optional)]
    models: StreamCaller<ModelRequest, ProviderEvent, ModelInfo>,
    #[serves(HTTP_ROUTE, names = ["GET /models/facts"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
}

impl Plugin for ModelCatalogue {
    type Ports = ModelCataloguePorts;

    async fn start(self, ports: ModelCataloguePorts, _: Host) -> Result<(), StartError> {
        let catalogue = Arc::new(Catalogue::new(set::checked(self.models)?, table::Table::embedded()?));
        let (known, models) = (Arc::clone(&catalogue), ports.models.clone());
        ports.facts.serve(move |model, _| ready(Ok(known.facts(&model, &models.names()))))?;
        routes::register(catalogue, ports.models, &ports.routes)
    }
}

export_plugin!(ModelCatalogue, id = "model-catalogue");
