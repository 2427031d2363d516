//! The application: one request, from the guard to the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tracing::{Instrument, Span};
use transom_agent::reach::HttpRequest;
use transom_entrance::{Guard, Refused};
use transom_plugin_api::hosting::PluginState;
use transom_plugin_api::{CallError, CallErrorKind, Json, Map, Maybe, Text};

pub(crate) use crate::body::Limits;
use crate::follow::{Followed, Stream};
use crate::format::Format;
use crate::routes::{Routes, Way};
use crate::table::{Directory, Found, Route, Table, Target};
use crate::untaken::Untaken;
use crate::viewings::Viewings;
use crate::{body, cross_origin, decode, failure, frames, missing, openapi, reply};

/// The application in front of a desk.
pub(crate) fn app<R: Routes>(desk: Arc<Desk<R>>) -> Router {
    Router::new()
        .fallback(answer::<R>)
        .layer(middleware::from_fn_with_state(desk.clone(), guarded::<R>))
        .layer(middleware::map_response(furnished))
        .with_state(desk)
}

async fn answer<R: Routes>(State(desk): State<Arc<Desk<R>>>, request: Request) -> Response {
    let span = span_of(&request);
    desk.answer(request).instrument(span).await.unwrap_or_else(IntoResponse::into_response)
}

/// The span of a request. It goes on with the trace of a client that has one.
fn span_of(request: &Request) -> Span {
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let (method, path) = (request.method().as_str(), request.uri().path());
    tracing::info_span!("request", method, path, traceparent)
}

async fn guarded<R: Routes>(State(desk): State<Arc<Desk<R>>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let foreign = desk.guard.foreign_origin(&parts.headers).cloned();
    let is_preflight = foreign.is_some() && cross_origin::is_preflight(&parts);
    let admitted = if is_preflight || is_health(&parts) {
        desk.guard.admit_without_token(&parts)
    } else {
        desk.guard.admit(&parts)
    };
    let mut response = match admitted {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refused) => refused.into_response(),
    };
    if is_preflight {
        cross_origin::allow(response.headers_mut());
    }
    if let Some(origin) = foreign {
        cross_origin::open_to(origin, response.headers_mut());
    }
    response
}

/// Whoever watches over the process may ask whether it lives without knowing the token.
fn is_health(request: &Parts) -> bool {
    [Method::GET, Method::HEAD].contains(&request.method) && request.uri.path() == "/health"
}

/// No browser is to guess what an answer is, or to keep it.
async fn furnished(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What answering takes.
pub(crate) struct Desk<R: Routes> {
    routes: R,
    guard: Guard,
    limits: Limits,
    directory: Directory,
    ready: AtomicBool,
    viewings: Arc<Viewings>,
    untaken: Untaken<Stream<R>>,
}

impl<R: Routes> Desk<R> {
    pub(crate) fn new(routes: R, guard: Guard, limits: Limits, viewings: Arc<Viewings>) -> Self {
        Self {
            routes,
            guard,
            limits,
            directory: Directory::default(),
            ready: AtomicBool::new(false),
            viewings,
            untaken: Untaken::default(),
        }
    }

    /// What `GET /ready` says from now on.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Takes in what is served now, so that it is known whose it was when it is gone.
    pub(crate) fn look_around(&self) {
        drop(self.directory.table(&self.routes));
    }

    /// Who looks after streams that nobody takes.
    pub(crate) const fn untaken(&self) -> &Untaken<Stream<R>> {
        &self.untaken
    }

    /// Opens the stream that answers a request of one of the plugins.
    pub(crate) fn reopen(&self, request: &HttpRequest) -> Result<R::Frames, CallError> {
        let table = self.directory.table(&self.routes);
        let Found::Route(route, params) = table.find(&request.method, &request.path) else {
            let asked = format!("nobody answers `{} {}`", request.method, request.path);
            return Err(CallError::new(CallErrorKind::NoProvider, asked));
        };
        if route.target != Target::Offered(Way::Streamed) {
            return Err(CallError::failed(format!("route `{}` answers with no stream", route.name)));
        }
        let params = decoded_params(params).map_err(|refused| CallError::invalid_input(refused.message()))?;
        self.routes.open(&route.name, HttpRequest { params, ..request.clone() })
    }

    async fn answer(self: Arc<Self>, request: Request) -> Result<Response, Refused> {
        let (parts, body) = request.into_parts();
        let table = self.directory.table(&self.routes);
        if parts.method == Method::OPTIONS {
            return options(&table, &parts);
        }
        match table.find(parts.method.as_str(), parts.uri.path()) {
            Found::Route(route, params) => self.run(&table, route, params, parts, body).await,
            Found::OtherMethods => Err(self.of_other_methods(&table, &parts).await),
            Found::Nothing => Err(self.missing(&parts).await),
        }
    }

    /// The plugin that answered such a request, when nobody does now.
    fn owner(&self, parts: &Parts) -> Option<String> {
        let past = self.directory.past();
        past.plugin(parts.method.as_str(), parts.uri.path()).map(str::to_owned)
    }

    /// Who took this method and runs has let go of it; of who does not run, that is told.
    async fn of_other_methods(&self, table: &Table, parts: &Parts) -> Refused {
        let Some(owner) = self.owner(parts) else { return not_allowed(table, parts) };
        let plugins = self.routes.plugins().await.ok();
        if missing::runs(&owner, plugins.as_ref()) {
            not_allowed(table, parts)
        } else {
            missing::refusal(&asked_for(parts), Some(&owner), plugins.as_ref())
        }
    }

    async fn missing(&self, parts: &Parts) -> Refused {
        let plugins = self.routes.plugins().await.ok();
        missing::refusal(&asked_for(parts), self.owner(parts).as_deref(), plugins.as_ref())
    }

    async fn run(
        self: &Arc<Self>,
        table: &Table,
        route: &Route,
        params: Vec<(String, String)>,
        parts: Parts,
        body: Body,
    ) -> Result<Response, Refused> {
        match route.target {
            Target::Health => Ok(self.health().await),
            Target::Ready => Ok(self.readiness()),
            Target::Plugins => self.plugins(route).await,
            Target::Description => Ok(self.description(table)),
            Target::Offered(way) => {
                let format = Format::preferred(&parts.headers);
                let request = self.request(params, parts, body).await?;
                self.ask(route, way, request, format).await
            }
        }
    }

    async fn ask(
        self: &Arc<Self>,
        route: &Route,
        way: Way,
        request: HttpRequest,
        format: Format,
    ) -> Result<Response, Refused> {
        let failed = |error: CallError| failure::of_call(&route.name, &error);
        match way {
            Way::Whole => {
                let answered = self.routes.call(&route.name, request).await.map_err(failed)?;
                reply::response(route, answered)
            }
            Way::Streamed => {
                let opened = self.routes.open(&route.name, request).map_err(failed)?;
                frames::response(route, Followed::new(self.clone(), opened), format, &self.viewings).await
            }
        }
    }

    async fn request(
        &self,
        params: Vec<(String, String)>,
        parts: Parts,
        body: Body,
    ) -> Result<HttpRequest, Refused> {
        let params = decoded_params(params)?;
        let query = decoded_query(parts.uri.query().unwrap_or_default())?;
        // The body of a `GET` has no meaning, so nobody waits for it.
        let is_read = parts.method == Method::GET || parts.method == Method::HEAD;
        let (method, body) = if is_read {
            (Text::from("GET"), Json::default())
        } else {
            (parts.method.as_str().into(), body::read_json(&parts.headers, body, self.limits).await?)
        };
        let last_event_id = last_event_id(&parts);
        Ok(HttpRequest { method, path: parts.uri.path().into(), params, query, body, last_event_id })
    }

    async fn health(&self) -> Response {
        let Ok(list) = self.routes.plugins().await else {
            let body = json!({ "ok": false, "error": "the host does not say how its plugins are" });
            return document(StatusCode::SERVICE_UNAVAILABLE, &body);
        };
        let running = PluginState::Running;
        let degraded: Vec<_> =
            list.plugins.iter().filter(|plugin| plugin.state != running).map(|plugin| &plugin.id).collect();
        document(StatusCode::OK, &json!({ "ok": true, "degraded": degraded }))
    }

    fn readiness(&self) -> Response {
        let ready = self.ready.load(Ordering::Relaxed);
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        document(status, &json!({ "ready": ready }))
    }

    fn description(&self, table: &Table) -> Response {
        document(StatusCode::OK, &openapi::document(table.served(), self.guard.needs_token()))
    }

    async fn plugins(&self, route: &Route) -> Result<Response, Refused> {
        let list = self.routes.plugins().await.map_err(|error| failure::of_call(&route.name, &error))?;
        let value = serde_json::to_value(&list).map_err(|error| {
            failure::of_contract(&route.name, "host", &format!("cannot be written: {error}"))
        })?;
        Ok(document(StatusCode::OK, &value))
    }
}

/// What a client of SSE has seen; browsers send it as UTF-8.
fn last_event_id(parts: &Parts) -> Maybe<Text> {
    let sent = parts.headers.get("last-event-id");
    sent.and_then(|id| std::str::from_utf8(id.as_bytes()).ok()).map(Text::from).into()
}

fn document(status: StatusCode, value: &Value) -> Response {
    let json = HeaderValue::from_static("application/json");
    (status, [(axum::http::header::CONTENT_TYPE, json)], value.to_string()).into_response()
}

fn decoded_params(params: Vec<(String, String)>) -> Result<Map<Text>, Refused> {
    let decoded = params.into_iter().map(|(name, value)| match decode::path_part(&value) {
        Ok(value) => Ok((name, Text::from(value))),
        Err(problem) => Err(bad_request(format!("the path's part `{value}` (`{name}`) {problem}"))),
    });
    decoded.collect::<Result<Vec<_>, _>>().map(Map::from_iter)
}

fn decoded_query(query: &str) -> Result<Map<Text>, Refused> {
    let pairs = decode::query_pairs(query).map(|pair| pair.map(|(key, value)| (key, Text::from(value))));
    let pairs: Result<Vec<_>, _> = pairs.collect();
    pairs.map(Map::from_iter).map_err(|problem| bad_request(format!("the query `{query}` {problem}")))
}

fn bad_request(message: String) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, message)
}

fn options(table: &Table, parts: &Parts) -> Result<Response, Refused> {
    let allowed = table.allowed(parts.uri.path());
    if allowed.is_empty() {
        return Err(missing::refusal(&asked_for(parts), None, None));
    }
    Ok((StatusCode::NO_CONTENT, [(ALLOW, listed(&allowed))]).into_response())
}

fn asked_for(parts: &Parts) -> String {
    format!("{} {}", parts.method, parts.uri.path())
}

fn not_allowed(table: &Table, parts: &Parts) -> Refused {
    let allowed = table.allowed(parts.uri.path());
    let (method, path) = (&parts.method, parts.uri.path());
    let message = format!("`{path}` does not take `{method}`, only {}", allowed.join(", "));
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, message).with(ALLOW, listed(&allowed))
}

fn listed(methods: &[&'static str]) -> HeaderValue {
    HeaderValue::from_str(&methods.join(", ")).expect("names of methods are visible ASCII")
}
