//! [`Guard`]: who is let in.
//!
//! A page in a browser can make that browser ask anything of a server on the same machine. `Host` gives away a page
//! whose name was rebound to the loopback address; `Origin` one that asks across origins. The token keeps everybody
//! else out where there is more than this machine.

use std::net::SocketAddr;

use axum::http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use transom_plugin_api::Secret;
use transom_plugin_api::sabotage::sabotaged;

use crate::address::is_loopback;
use crate::origins::Origins;
use crate::refused::Refused;

/// The rules for one listening address.
#[derive(Debug)]
pub struct Guard {
    address: SocketAddr,
    /// The values of `Host` that are served; `None` when any is, because a token protects the server.
    hosts: Option<Vec<String>>,
    token: Option<Secret>,
    origins: Origins,
}

impl Guard {
    /// The rules for a server that is bound to `address`, and serves its own origin only.
    #[must_use]
    pub fn new(address: SocketAddr, token: Option<Secret>) -> Self {
        let hosts = (is_loopback(address) || token.is_none()).then(|| hosts_of(address));
        Self { address, hosts, token, origins: Origins::default() }
    }

    /// Serves pages of other origins, too.
    #[must_use]
    pub fn with_origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// Whether clients have to send a token.
    #[must_use]
    pub const fn needs_token(&self) -> bool {
        self.token.is_some()
    }

    /// Why not, in the order `Host`, `Origin`, token.
    pub fn admit(&self, request: &Parts) -> Result<(), Refused> {
        self.admit_without_token(request)?;
        self.check_token(sole(&request.headers, &AUTHORIZATION))
    }

    /// Lets a request in that gives nothing away, such as whether the server lives.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), without a token.
    pub fn admit_without_token(&self, request: &Parts) -> Result<(), Refused> {
        let host = sole(&request.headers, &HOST);
        self.check_host(host)?;
        if let Some(authority) = request.uri.authority() {
            self.check_host(Ok(Some(authority.as_str())))?;
        }
        self.check_origin(host, sole(&request.headers, &ORIGIN))
    }

    /// The other origin a request comes from, when pages of that are served.
    #[must_use]
    pub fn foreign_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = sole(headers, &ORIGIN).ok()??;
        if self.origins.contain(origin) { headers.get(ORIGIN) } else { None }
    }

    fn check_host(&self, host: Header<'_>) -> Result<(), Refused> {
        let Some(served) = &self.hosts else { return Ok(()) };
        if sabotaged("skip-host") {
            return Ok(());
        }
        let named = match host {
            Ok(Some(host)) if served.iter().any(|known| known.eq_ignore_ascii_case(host)) => return Ok(()),
            Ok(Some(host)) => format!("`{host}`"),
            Ok(None) => "missing".to_owned(),
            Err(Unreadable) => "unreadable or there twice".to_owned(),
        };
        let (address, port) = (self.address, self.address.port());
        Err(forbidden(format!("header `host` is {named}, expected `{address}` or `localhost:{port}`")))
    }

    fn check_origin(&self, host: Header<'_>, origin: Header<'_>) -> Result<(), Refused> {
        if sabotaged("skip-origin") {
            return Ok(());
        }
        let named = match (origin, host) {
            (Ok(None), _) => return Ok(()),
            (Ok(Some(origin)), Ok(Some(host))) if is_origin_of(origin, host) => return Ok(()),
            (Ok(Some(origin)), _) if self.origins.contain(origin) => return Ok(()),
            (Ok(Some(origin)), _) => format!("`{origin}`"),
            (Err(Unreadable), _) => "unreadable or there twice".to_owned(),
        };
        Err(forbidden(format!("header `origin` is {named}, and other origins are not served")))
    }

    fn check_token(&self, authorization: Header<'_>) -> Result<(), Refused> {
        let Some(token) = &self.token else { return Ok(()) };
        if sabotaged("skip-token") {
            return Ok(());
        }
        let Ok(Some(authorization)) = authorization else {
            return Err(unauthorized("a token is needed: send it as `Authorization: Bearer …`"));
        };
        match authorization.split_once(' ') {
            Some((scheme, sent)) if scheme.eq_ignore_ascii_case("bearer") => {
                if is_same_secret(sent.trim(), token.expose()) {
                    return Ok(());
                }
                Err(unauthorized("the token is not the one that is expected"))
            }
            _ => Err(unauthorized("header `authorization` has another scheme, expected `Bearer`")),
        }
    }
}

/// What may stand in `Host` when only this machine can ask.
fn hosts_of(address: SocketAddr) -> Vec<String> {
    let bound = match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    let names = [bound.as_str(), "localhost", "127.0.0.1", "[::1]"];
    names.iter().flat_map(|name| [(*name).to_owned(), format!("{name}:{}", address.port())]).collect()
}

fn is_origin_of(origin: &str, host: &str) -> bool {
    origin.strip_prefix("http://").is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// Takes the same time wherever the two differ, so that a token cannot be guessed byte by byte.
fn is_same_secret(sent: &str, expected: &str) -> bool {
    let (sent, expected) = (sent.as_bytes(), expected.as_bytes());
    let differences = sent.iter().zip(expected).fold(0, |found, (left, right)| found | (left ^ right));
    std::hint::black_box(differences) == 0 && sent.len() == expected.len()
}

type Header<'a> = Result<Option<&'a str>, Unreadable>;

/// There more than once, or not text: two readers of it could disagree about what it says.
#[derive(Clone, Copy)]
struct Unreadable;

fn sole<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Header<'a> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| Unreadable)?;
    if values.next().is_some() { Err(Unreadable) } else { Ok(Some(text)) }
}

fn forbidden(message: String) -> Refused {
    Refused::new(StatusCode::FORBIDDEN, message)
}

fn unauthorized(message: &str) -> Refused {
    Refused::new(StatusCode::UNAUTHORIZED, message)
        .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"transom\""))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const LOOPBACK: &str = "127.0.0.1:24203";

    /// The status of the refusal; 200 when the request is let in.
    fn judge(guard: &Guard, method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        guard.admit(&parts).map_or_else(|refused| refused.status().as_u16(), |()| 200)
    }

    fn guard(address: &str, token: Option<&str>) -> Guard {
        Guard::new(address.parse().unwrap(), token.map(Secret::new))
    }

    #[test]
    fn on_loopback_only_loopback_hosts_are_served() {
        let rules = [
            ("127.0.0.1:24203", 200),
            ("localhost:24203", 200),
            ("LocalHost:24203", 200),
            ("localhost", 200),
            ("127.0.0.1", 200),
            ("[::1]:24203", 200),
            ("[::1]", 200),
            ("localhost:80", 403),
            ("localhost:24204", 403),
            ("evil.example", 403),
            ("evil.example:24203", 403),
            ("localhost.evil.example:24203", 403),
            ("localhost.:24203", 403),
            ("user@localhost:24203", 403),
            ("127.0.0.2:24203", 403),
            ("0.0.0.0:24203", 403),
            ("", 403),
        ];
        let guard = guard(LOOPBACK, None);
        for (host, status) in rules {
            assert_eq!(judge(&guard, "GET", "/x", &[("host", host)]), status, "{host}");
        }
        assert_eq!(judge(&guard, "GET", "/x", &[]), 403, "without a host");
        assert_eq!(judge(&guard, "GET", "/x", &[("host", LOOPBACK), ("host", LOOPBACK)]), 403, "two hosts");
    }

    #[test]
    fn the_listening_address_is_served_under_its_own_name() {
        let v6 = guard("[::1]:80", None);
        assert_eq!(judge(&v6, "GET", "/x", &[("host", "[::1]:80")]), 200);
        let other = guard("127.0.0.2:5", None);
        assert_eq!(judge(&other, "GET", "/x", &[("host", "127.0.0.2:5")]), 200);
        assert_eq!(judge(&other, "GET", "/x", &[("host", "127.0.0.3:5")]), 403);
    }

    #[test]
    fn an_absolute_target_cannot_name_another_host() {
        let guard = guard(LOOPBACK, None);
        assert_eq!(judge(&guard, "GET", "http://localhost:24203/x", &[("host", LOOPBACK)]), 200);
        assert_eq!(judge(&guard, "GET", "http://evil.example/x", &[("host", LOOPBACK)]), 403);
    }

    #[test]
    fn only_the_same_origin_may_ask() {
        let rules = [
            ("http://127.0.0.1:24203", 200),
            ("http://localhost:24203", 403),
            ("https://127.0.0.1:24203", 403),
            ("http://127.0.0.1:3000", 403),
            ("http://127.0.0.1", 403),
            ("http://evil.example", 403),
            ("null", 403),
            ("", 403),
        ];
        let guard = guard(LOOPBACK, None);
        for (origin, status) in rules {
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
                let headers = [("host", LOOPBACK), ("origin", origin)];
                assert_eq!(judge(&guard, method, "/x", &headers), status, "{method} from {origin}");
            }
        }
        let twice =
            [("host", LOOPBACK), ("origin", "http://127.0.0.1:24203"), ("origin", "http://evil.example")];
        assert_eq!(judge(&guard, "GET", "/x", &twice), 403);
    }

    #[test]
    fn another_origin_may_ask_when_it_is_listed_and_only_then() {
        let origins = Origins::parse(&["https://app.example".to_owned()]).unwrap();
        let guard = guard(LOOPBACK, None).with_origins(origins);
        for (origin, status) in [
            ("https://app.example", 200),
            ("HTTPS://App.Example", 200),
            ("http://127.0.0.1:24203", 200),
            ("http://app.example", 403),
            ("https://app.example:8443", 403),
            ("https://app.example.evil.example", 403),
            ("null", 403),
        ] {
            let headers = [("host", LOOPBACK), ("origin", origin)];
            assert_eq!(judge(&guard, "POST", "/x", &headers), status, "{origin}");
        }
        let elsewhere = [("host", "evil.example"), ("origin", "https://app.example")];
        assert_eq!(judge(&guard, "POST", "/x", &elsewhere), 403, "the host is still looked at");
    }

    #[test]
    fn with_a_token_everything_needs_it() {
        let rules = [
            ("Bearer s3cret", 200),
            ("bearer s3cret", 200),
            ("Bearer  s3cret", 200),
            ("Bearer s3cre", 401),
            ("Bearer s3cretX", 401),
            ("Bearer S3cret", 401),
            ("Bearer ", 401),
            ("Bearer", 401),
            ("Basic s3cret", 401),
            ("s3cret", 401),
        ];
        for guard in [guard(LOOPBACK, Some("s3cret")), guard("0.0.0.0:24203", Some("s3cret"))] {
            for (authorization, status) in rules {
                let headers = [("host", LOOPBACK), ("authorization", authorization)];
                assert_eq!(judge(&guard, "GET", "/x", &headers), status, "{authorization}");
            }
            assert_eq!(judge(&guard, "OPTIONS", "/x", &[("host", LOOPBACK)]), 401);
            assert_eq!(judge(&guard, "GET", "/ready", &[("host", LOOPBACK)]), 401);
            assert_eq!(judge(&guard, "GET", "/health", &[("host", LOOPBACK)]), 401);
        }
    }

    #[test]
    fn behind_a_token_any_host_is_served_but_no_other_origin() {
        let guard = guard("0.0.0.0:24203", Some("s3cret"));
        let token = ("authorization", "Bearer s3cret");
        assert_eq!(judge(&guard, "GET", "/x", &[("host", "box.lan:24203"), token]), 200);
        assert_eq!(judge(&guard, "GET", "/x", &[token]), 200);
        let same = [("host", "box.lan:24203"), ("origin", "http://box.lan:24203"), token];
        assert_eq!(judge(&guard, "GET", "/x", &same), 200);
        let other = [("host", "box.lan:24203"), ("origin", "http://evil.example"), token];
        assert_eq!(judge(&guard, "GET", "/x", &other), 403);
        assert_eq!(judge(&guard, "GET", "/x", &[("origin", "http://box.lan:24203"), token]), 403);
    }

    #[test]
    fn a_token_on_loopback_does_not_replace_the_host_rule() {
        let guard = guard(LOOPBACK, Some("s3cret"));
        let headers = [("host", "evil.example"), ("authorization", "Bearer s3cret")];
        assert_eq!(judge(&guard, "GET", "/x", &headers), 403);
    }

    #[test]
    fn neither_the_guard_nor_a_refusal_shows_the_token() {
        let guard = guard(LOOPBACK, Some("s3cret"));
        assert!(!format!("{guard:?}").contains("s3cret"));
        let refused = guard.check_token(Ok(Some("Bearer wrong"))).unwrap_err();
        assert!(!refused.message().contains("s3cret") && !refused.message().contains("wrong"));
    }
}
