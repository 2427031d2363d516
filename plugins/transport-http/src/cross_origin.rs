//! What a page of another origin is told, where such pages are served.
//!
//! Browsers keep an answer from a page of another origin unless the answer names that origin, and ask first, with
//! `OPTIONS`, whether they may send what the page wants to send. That question cannot carry a token.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, HeaderMap,
    VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use transom_plugin_api::sabotage::sabotaged;

/// What a page may send along.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, last-event-id, traceparent");

/// What a page may read of an answer, besides what every page may.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static("x-conversation-id");

/// Seconds for which a browser need not ask again.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// Whether a browser asks what a page may send.
pub(crate) fn is_preflight(request: &Parts) -> bool {
    request.method == Method::OPTIONS && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Lets pages of `origin` read the answer.
pub(crate) fn open_to(origin: HeaderValue, answer: &mut HeaderMap) {
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    answer.append(VARY, HeaderValue::from_static("origin"));
    if !sabotaged("hide-the-conversation") {
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
}

/// Says what a page may send to where `answer` lists the methods of.
pub(crate) fn allow(answer: &mut HeaderMap) {
    let Some(methods) = answer.get(ALLOW).cloned() else { return };
    answer.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    answer.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
}
