//! Limits, cooldowns and how it stands, over HTTP.

mod body;
mod document;

use std::future::ready;
use std::sync::Arc;

use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::shown;
use transom_plugin_api::{CallError, Server, StartError};

use crate::keep::Keeper;
use crate::slots::Slots;
use crate::terms::{KeptLimit, is_provider};

type Routes = Server<HttpRequest, HttpReply, HttpRoute>;

/// What a route needs.
#[derive(Clone)]
struct Desk {
    slots: Arc<Slots>,
    keeper: Arc<Keeper>,
}

/// Puts the routes on the bus.
pub(crate) fn register(slots: &Arc<Slots>, keeper: &Arc<Keeper>, routes: &Routes) -> Result<(), StartError> {
    let desk = Desk { slots: Arc::clone(slots), keeper: Arc::clone(keeper) };
    register_limits(&desk, routes)?;
    register_cooldowns(&desk, routes)?;
    let slots = desk.slots;
    let about = about("which slots are in use, and who waits", None, document::status_schema());
    routes.serve_named("GET /concurrency/status", about, move |_, _| {
        ready(Ok(HttpReply::ok(document::status(&slots))))
    })
}

fn about(summary: &str, input: Option<serde_json::Value>, output: serde_json::Value) -> HttpRoute {
    let input = input.map(Into::into).unwrap_or_default();
    HttpRoute { input, output: output.into(), ..HttpRoute::new(summary) }
}

fn register_limits(desk: &Desk, routes: &Routes) -> Result<(), StartError> {
    let slots = Arc::clone(&desk.slots);
    let all = about("the limits of all providers", None, document::limits_schema());
    routes.serve_named("GET /concurrency/limits", all, move |_, _| {
        ready(Ok(HttpReply::ok(document::limits(&slots))))
    })?;
    let one = about("the limit of a provider", None, document::limit_schema());
    routes.serve_named_with("GET /concurrency/limits/:provider", one, desk, async |desk, request, _| {
        let provider = provider_of(&request)?;
        let terms = desk.slots.terms(provider);
        let limit = terms.limit().ok_or_else(|| no_limit(provider, "has no limit"))?;
        Ok(HttpReply::ok(document::limit(provider, Some(limit), &terms)))
    })?;
    let set = about("limits requests to a provider", Some(body::LIMIT.schema()), document::limit_schema());
    routes.serve_named_with("PUT /concurrency/limits/:provider", set, desk, async |desk, request, _| {
        let (provider, limit) = (provider_of(&request)?, body::limit(&request.body.value())?);
        let limit = Some(KeptLimit { limit, reduced: false });
        desk.keeper.say(provider, |said| said.limit = limit).await?;
        Ok(desk.told(provider))
    })?;
    let back =
        about("takes a limit back that was set; the settings' holds again", None, document::limit_schema());
    routes.serve_named_with("DELETE /concurrency/limits/:provider", back, desk, async |desk, request, _| {
        let provider = provider_of(&request)?;
        if desk.slots.terms(provider).kept.is_none() {
            return Err(no_limit(provider, "has no limit that was set at run time"));
        }
        desk.keeper.say(provider, |said| said.limit = None).await?;
        Ok(desk.told(provider))
    })
}

fn register_cooldowns(desk: &Desk, routes: &Routes) -> Result<(), StartError> {
    let one = about("how long a slot rests at a provider", None, document::cooldown_schema());
    routes.serve_named_with("GET /concurrency/cooldown/:provider", one, desk, async |desk, request, _| {
        let provider = provider_of(&request)?;
        Ok(HttpReply::ok(document::cooldown(provider, &desk.slots.terms(provider))))
    })?;
    let set = about("sets how long a slot rests", Some(body::COOLDOWN.schema()), document::cooldown_schema());
    routes.serve_named_with("PUT /concurrency/cooldown/:provider", set, desk, async |desk, request, _| {
        let (provider, cooldown) = (provider_of(&request)?, body::cooldown(&request.body.value())?);
        desk.keeper.say(provider, |said| said.cooldown_ms = Some(cooldown)).await?;
        Ok(HttpReply::ok(document::cooldown(provider, &desk.slots.terms(provider))))
    })
}

impl Desk {
    fn told(&self, provider: &str) -> HttpReply {
        let terms = self.slots.terms(provider);
        HttpReply::ok(document::limit(provider, terms.limit(), &terms))
    }
}

fn provider_of(request: &HttpRequest) -> Result<&str, CallError> {
    let provider = request.param("provider");
    if is_provider(provider) {
        return Ok(provider);
    }
    let shown = shown(provider, 80);
    Err(CallError::invalid_input(format!("`provider` is `{shown}`, expected 1 to 64 of `A–Z a–z 0–9 - _ .`")))
}

fn no_limit(provider: &str, problem: &str) -> CallError {
    CallError::not_found(format!("provider `{provider}` {problem}"))
}
