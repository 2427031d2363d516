//! What makes a request one for a WebSocket, and what it is answered.

use axum::body::Body;
use axum::http::header::{
    AUTHORIZATION, CONNECTION, HeaderMap, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use transom_entrance::Refused;

/// The protocol that clients may name, and have to where they name any.
const PROTOCOL: &str = "transom";

/// Before the token of a page: those cannot send `Authorization`.
const BEARER: &str = "transom.bearer.";

/// Puts a token that came among the protocols to where tokens are looked for.
pub(crate) fn move_token(headers: &mut HeaderMap) {
    let token = protocols(headers).find_map(|protocol| protocol.strip_prefix(BEARER));
    let authorization = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
    if let Some(authorization) = authorization.filter(|_| !headers.contains_key(AUTHORIZATION)) {
        headers.insert(AUTHORIZATION, authorization);
    }
}

/// The answer to a request for a WebSocket.
///
/// # Errors
/// 426 when it is none, or one of another version; 400 when its key is none.
pub(crate) fn answer(request: &Parts) -> Result<Response, Refused> {
    let headers = &request.headers;
    if request.method != Method::GET
        || !names(headers, &CONNECTION, "upgrade")
        || !names(headers, &UPGRADE, "websocket")
    {
        return Err(needs_upgrade("this port speaks WebSocket only: send a request to upgrade".to_owned()));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let version = HeaderValue::from_static("13");
        return Err(needs_upgrade("header `sec-websocket-version` is not `13`".to_owned())
            .with(SEC_WEBSOCKET_VERSION, version));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24).ok_or_else(|| {
        Refused::new(StatusCode::BAD_REQUEST, "header `sec-websocket-key` is not 16 bytes in base64")
    })?;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()))
        .map_err(|_| Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written"))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if protocols(headers).any(|protocol| protocol == PROTOCOL) {
        answer.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    Ok(response)
}

fn needs_upgrade(message: String) -> Refused {
    Refused::new(StatusCode::UPGRADE_REQUIRED, message).with(UPGRADE, HeaderValue::from_static("websocket"))
}

/// Whether a header that lists words has that one.
fn names(headers: &HeaderMap, header: &HeaderName, word: &str) -> bool {
    parts(headers, header).any(|part| part.eq_ignore_ascii_case(word))
}

fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    parts(headers, &SEC_WEBSOCKET_PROTOCOL)
}

fn parts<'a>(headers: &'a HeaderMap, header: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn request(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn status(method: &str, headers: &[(&str, &str)]) -> u16 {
        let answered = answer(&request(method, headers));
        answered.map_or_else(|refused| refused.status().as_u16(), |answer| answer.status().as_u16())
    }

    #[test]
    fn a_request_is_accepted_with_the_key_that_the_standard_gives_as_its_example() {
        let answer = answer(&request("GET", &GOOD)).unwrap();
        assert_eq!(answer.status(), 101);
        assert_eq!(answer.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!answer.headers().contains_key("sec-websocket-protocol"));
    }

    #[test]
    fn anything_else_is_told_to_upgrade() {
        assert_eq!(status("GET", &[]), 426);
        assert_eq!(status("POST", &GOOD), 426);
        for left_out in &GOOD[..3] {
            let rest: Vec<_> = GOOD.into_iter().filter(|header| header != left_out).collect();
            assert_eq!(status("GET", &rest), 426, "without {left_out:?}");
        }
        assert_eq!(status("GET", &GOOD[..3]), 400);
    }

    #[test]
    fn a_protocol_is_chosen_and_a_token_among_them_is_not_repeated() {
        let mut asked = request("GET", &GOOD);
        let offered = HeaderValue::from_static("transom, transom.bearer.s3cret");
        asked.headers.insert(SEC_WEBSOCKET_PROTOCOL, offered);
        move_token(&mut asked.headers);
        assert_eq!(asked.headers[AUTHORIZATION], "Bearer s3cret");
        assert_eq!(answer(&asked).unwrap().headers()["sec-websocket-protocol"], "transom");
    }

    #[test]
    fn a_header_counts_more_than_a_protocol() {
        let mut asked =
            request("GET", &[("authorization", "Bearer a"), ("sec-websocket-protocol", "transom.bearer.b")]);
        move_token(&mut asked.headers);
        assert_eq!(asked.headers[AUTHORIZATION], "Bearer a");
    }
}
