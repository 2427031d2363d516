//! Further headers of one request, as plugins bring them.

use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use transom_agent::provider::{FailureClass, ModelRequest};

use crate::failure::Failure;

/// What is a matter of the connection.
const OF_THE_CONNECTION: [HeaderName; 7] =
    [CONNECTION, CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// The headers that a request brings.
///
/// # Errors
/// When one of them is no header, or none that a plugin may set; its value is not told.
pub(crate) fn of_request(request: &ModelRequest) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers.iter() {
        let read = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value.as_str()).ok());
        let read = read.filter(|(name, _)| !OF_THE_CONNECTION.contains(name));
        let (name, mut value) = read.ok_or_else(|| refused(name))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn refused(name: &str) -> Failure {
    let name: String = name.chars().take(64).collect();
    Failure::new(FailureClass::InvalidRequest, "was not asked: a plugin has set a header that cannot be sent")
        .detail(format!("`{}`", name.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::request;

    #[test]
    fn a_header_that_cannot_be_sent_is_named_and_its_value_is_not() {
        for (name, value) in
            [("a b", "x"), ("x-ok", "secret\n"), ("", "x"), ("Host", "x"), ("content-length", "1")]
        {
            let mut request = request([]);
            request.headers.insert(name, value.into());
            let failure = of_request(&request).expect_err("refused");
            assert!(failure.detail.contains(name) && !failure.detail.contains("secret"), "{failure:?}");
        }
        let mut request = request([]);
        request.headers.insert("X-Team", "blue".into());
        assert_eq!(
            of_request(&request).expect("fine").get("x-team").map(HeaderValue::as_bytes),
            Some(&b"blue"[..])
        );
    }
}
