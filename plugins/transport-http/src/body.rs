//! The body of a request: allowed, read, understood.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use transom_plugin_api::Json;
use transom_plugin_api::sabotage::sabotaged;

use transom_entrance::{Refused, json};

/// How large a body may be, and how slow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes.
    pub(crate) body_bytes: usize,
    /// Until the last of them has come.
    pub(crate) body_time: Duration,
}

/// Reads a body that must be JSON; `null` when there is none.
pub(crate) async fn read_json(headers: &HeaderMap, body: Body, limits: Limits) -> Result<Json, Refused> {
    if body.is_end_stream() {
        return Ok(Json::default());
    }
    if !sabotaged("take-any-media") {
        check_media(headers)?;
    }
    let bytes = tokio::time::timeout(limits.body_time, read_bytes(body, limits.body_bytes)).await;
    parse(&bytes.map_err(|_| too_slow(limits.body_time))??)
}

/// Refuses what is not plain JSON in UTF-8.
fn check_media(headers: &HeaderMap) -> Result<(), Refused> {
    let refuse = |message: String| Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    let Some(sent) = headers.get(CONTENT_TYPE) else {
        return refuse("header `content-type` is missing, expected `application/json`".to_owned());
    };
    let sent = String::from_utf8_lossy(sent.as_bytes());
    if !is_json(&sent) {
        return refuse(format!("header `content-type` is `{sent}`, expected `application/json`"));
    }
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => refuse(format!(
            "header `content-encoding` is `{}`, expected none",
            String::from_utf8_lossy(encoding.as_bytes())
        )),
        _ => Ok(()),
    }
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_utf8 = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) && parts.all(is_utf8)
}

async fn read_bytes(mut body: Body, limit: usize) -> Result<Vec<u8>, Refused> {
    let limit = if sabotaged("read-any-length") { usize::MAX } else { limit };
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(too_large(limit));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| bad_request(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - bytes.len() {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Json, Refused> {
    if bytes.is_empty() {
        return Ok(Json::default());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        bad_request(format!("the body is not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    json::check(text).map_err(|problem| bad_request(format!("the body {problem}")))?;
    Json::parse(text).map_err(|error| bad_request(format!("the body is not JSON: {error}")))
}

fn bad_request(message: String) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, message)
}

fn too_large(limit: usize) -> Refused {
    Refused::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {limit} bytes"))
}

fn too_slow(limit: Duration) -> Refused {
    Refused::new(
        StatusCode::REQUEST_TIMEOUT,
        format!("the body took more than {} s to arrive", limit.as_secs()),
    )
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    async fn read(content_type: &str, body: &str) -> Result<String, (u16, String)> {
        let headers = [(CONTENT_TYPE, content_type.parse().unwrap())].into_iter().collect();
        let limits = Limits { body_bytes: 32, body_time: Duration::from_secs(60) };
        let read = read_json(&headers, Body::from(body.to_owned()), limits).await;
        read.map(|json| json.to_string())
            .map_err(|error| (error.status().as_u16(), error.message().to_owned()))
    }

    #[test]
    fn only_json_in_utf8_is_json() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json; profile=x",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/jsonp",
            "application/ld+json",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin1",
            "application/json; charset",
            "text/plain; application/json",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }

    #[test]
    fn a_compressed_body_is_refused() {
        let json = (CONTENT_TYPE, "application/json".parse().unwrap());
        let headers = |encoding: &str| {
            [json.clone(), (CONTENT_ENCODING, encoding.parse().unwrap())].into_iter().collect()
        };
        assert!(check_media(&headers("identity")).is_ok());
        assert!(check_media(&headers("gzip")).is_err());
    }

    #[tokio::test]
    async fn no_body_is_null_whatever_it_is_called() {
        assert_eq!(read("text/plain", "").await.as_deref(), Ok("null"));
    }

    #[tokio::test]
    async fn broken_json_is_named_by_line_and_column() {
        let (status, message) = read("application/json", "{\n\"a\": oops}").await.unwrap_err();
        assert_eq!(status, 400);
        assert!(message.contains("line 2 column"), "{message}");
    }

    #[tokio::test]
    async fn a_body_that_says_two_things_is_refused() {
        let (status, message) = read("application/json", r#"{"a":1,"a":2}"#).await.unwrap_err();
        assert_eq!(
            (status, message.as_str()),
            (400, "the body has the key `a` twice, again at line 1 column 13")
        );
    }

    #[test]
    fn json_nested_beyond_reason_is_refused() {
        let deep = "[".repeat(200);
        assert_eq!(parse(deep.as_bytes()).unwrap_err().status().as_u16(), 400);
        assert_eq!(parse(b"\"\xff\"").unwrap_err().message(), "the body is not UTF-8 from byte 1 on");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        struct Never;
        impl hyper::body::Body for Never {
            type Data = axum::body::Bytes;
            type Error = std::convert::Infallible;
            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
                Poll::Pending
            }
        }
        let headers = [(CONTENT_TYPE, "application/json".parse().unwrap())].into_iter().collect();
        let limits = Limits { body_bytes: 32, body_time: Duration::from_secs(60) };
        let refused = read_json(&headers, Body::new(Never), limits).await.unwrap_err();
        assert_eq!(
            (refused.status().as_u16(), refused.message()),
            (408, "the body took more than 60 s to arrive")
        );
    }

    #[tokio::test]
    async fn one_byte_over_the_limit_is_too_large() {
        let document = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert!(read("application/json", &document(32)).await.is_ok());
        assert_eq!(read("application/json", &document(33)).await.unwrap_err().0, 413);
    }
}
