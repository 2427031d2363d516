//! The application: one request, let in and upgraded, or refused.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tracing::Instrument;
use transom_entrance::{Guard, Refused};
use transom_plugin_api::Text;

use crate::connection::{Shared, serve};
use crate::connections::{Connections, Place};
use crate::conversations::Conversations;
use crate::handshake;

/// The application in front of a desk. Every path leads to it.
pub(crate) fn app<C: Conversations>(desk: Arc<Desk<C>>) -> Router {
    Router::new().fallback(enter::<C>).with_state(desk)
}

async fn enter<C: Conversations>(State(desk): State<Arc<Desk<C>>>, request: Request) -> Response {
    desk.enter(request).unwrap_or_else(IntoResponse::into_response)
}

/// What letting somebody in takes.
pub(crate) struct Desk<C> {
    guard: Guard,
    connections: Arc<Connections>,
    shared: Arc<Shared<C>>,
}

impl<C: Conversations> Desk<C> {
    pub(crate) fn new(guard: Guard, connections: Arc<Connections>, shared: Arc<Shared<C>>) -> Self {
        Self { guard, connections, shared }
    }

    fn enter(&self, mut request: Request) -> Result<Response, Refused> {
        let upgraded = hyper::upgrade::on(&mut request);
        let (mut parts, _) = request.into_parts();
        handshake::move_token(&mut parts.headers);
        self.guard.admit(&parts)?;
        let answer = handshake::answer(&parts)?;
        let place = self.connections.place().ok_or_else(|| {
            self.shared.viewings.refused(&Text::new());
            too_many()
        })?;
        let span = tracing::info_span!("connection", path = parts.uri.path());
        tokio::spawn(taken_over(upgraded, place, self.shared.clone()).instrument(span));
        Ok(answer)
    }
}

fn too_many() -> Refused {
    let message = "there are as many connections as there may be; come back later";
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, message).with(RETRY_AFTER, HeaderValue::from_static("10"))
}

async fn taken_over<C: Conversations>(upgraded: OnUpgrade, place: Place, shared: Arc<Shared<C>>) {
    match upgraded.await {
        Ok(upgraded) => serve(TokioIo::new(upgraded), place, shared).await,
        Err(error) => tracing::debug!("a connection ended before it was upgraded: {error}"),
    }
}
