//! What a route answered, as a response.

use axum::body::Body;
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use transom_agent::reach::HttpReply;
use transom_plugin_api::{Map, Text};

use transom_entrance::Refused;

use crate::failure;
use crate::table::Route;

/// Headers by which client and server agree about the connection: the server's, never a route's.
const RESERVED: [HeaderName; 6] = [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// The response for a reply of `route`.
pub(crate) fn response(route: &Route, reply: HttpReply) -> Result<Response, Refused> {
    let status = status(route, reply.status)?;
    let mut headers = HeaderMap::new();
    let mut body = Body::empty();
    if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        body = Body::from(reply.body.as_str().to_owned());
    }
    add_headers(route, &reply.headers, &mut headers);
    Ok((status, headers, body).into_response())
}

/// The status a route asked for, if a response can have it.
pub(crate) fn status(route: &Route, status: u16) -> Result<StatusCode, Refused> {
    StatusCode::from_u16(status).ok().filter(|status| (200..600).contains(&status.as_u16())).ok_or_else(
        || {
            let breach = format!("answered with the status {status}, expected one from 200 to 599");
            failure::of_contract(&route.name, &route.plugin, &breach)
        },
    )
}

/// Adds the headers a route asked for. One that cannot be sent is left out, since the answer matters more.
pub(crate) fn add_headers(route: &Route, wanted: &Map<Text>, headers: &mut HeaderMap) {
    for (name, value) in wanted.iter() {
        match (HeaderName::try_from(name), HeaderValue::try_from(value.as_str())) {
            (Ok(name), Ok(value)) if !RESERVED.contains(&name) => {
                headers.insert(name, value);
            }
            _ => {
                let Route { name: route, plugin, .. } = route;
                tracing::warn!(
                    "route `{route}` of `{plugin}` sets the header `{name}`, which cannot be sent"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::Json;

    use super::*;
    use crate::routes::Way;
    use crate::table::Target;

    fn answered(status: u16, headers: &[(&str, &str)]) -> Result<Response, Refused> {
        let target = Target::Offered(Way::Whole);
        let route = Route { target, name: "GET /x".to_owned(), plugin: "some".to_owned() };
        let headers = headers.iter().map(|(name, value)| (*name, Text::from(*value))).collect();
        response(&route, HttpReply { status, headers, body: Json::from(serde_json::json!({"a": 1})) })
    }

    #[test]
    fn a_route_chooses_status_and_further_headers() {
        let response =
            answered(201, &[("Location", "/x/1"), ("content-type", "application/schema+json")]).unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["location"], "/x/1");
        assert_eq!(response.headers()["content-type"], "application/schema+json");
    }

    #[test]
    fn what_no_response_can_have_is_an_error_of_the_route() {
        for status in [0, 99, 100, 101, 199, 600, 999, 1_000] {
            assert_eq!(answered(status, &[]).unwrap_err().status().as_u16(), 500, "{status}");
        }
    }

    #[test]
    fn headers_that_would_break_the_connection_are_left_out() {
        let wanted = [
            ("Content-Length", "1"),
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("x-split", "a\r\nset-cookie: b"),
            ("not a name", "x"),
            ("", "x"),
            ("x-good", "x"),
        ];
        let response = answered(200, &wanted).unwrap();
        let names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type", "x-good"]);
    }

    #[test]
    fn no_content_has_none() {
        let response = answered(204, &[]).unwrap();
        assert!(response.headers().is_empty());
        assert!(axum::body::HttpBody::is_end_stream(response.body()));
    }
}
