//! Which addresses, names and keys make an endpoint.

use super::*;
use crate::loopback::account;
use crate::plain::Plain;

const TIMES: Times = Times { idle: Duration::from_secs(20), connect: Duration::from_secs(20) };

fn endpoint_of(account: &Account) -> Result<Endpoint, StartError> {
    Endpoint::of(&Plain, account, TIMES, Arc::new(|| 0))
}

fn endpoint(base_url: &str, key: Option<&str>) -> Result<Endpoint, StartError> {
    endpoint_of(&Account { base_url: base_url.into(), key: key.map(Secret::new), ..account("plain", 1) })
}

#[track_caller]
fn refused(endpoint: Result<Endpoint, StartError>, expected: &str) {
    let error = endpoint.expect_err("refused").to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn paths_are_added_before_the_query() {
    for (base, expected) in [
        ("http://h/v1", "http://h/v1/chat/completions"),
        ("http://h/v1/", "http://h/v1/chat/completions"),
        ("http://h", "http://h/chat/completions"),
        ("http://h/a?version=1", "http://h/a/chat/completions?version=1"),
    ] {
        let endpoint = endpoint(base, None).expect("good");
        assert_eq!(endpoint.at(&["chat", "completions"]).as_str(), expected);
    }
}

#[test]
fn a_version_that_the_address_has_already_is_not_added_again() {
    for (base, expected) in [
        ("http://h", "http://h/v1/messages"),
        ("http://h/v1", "http://h/v1/messages"),
        ("http://h/v1/", "http://h/v1/messages"),
        ("http://h/my-v1", "http://h/my-v1/v1/messages"),
    ] {
        assert_eq!(endpoint(base, None).expect("good").at(&["v1", "messages"]).as_str(), expected);
    }
}

#[test]
fn what_is_no_address_is_refused() {
    refused(endpoint("api.openai.com", None), "not a URL");
    refused(endpoint("ftp://h/", None), "begins with `ftp:`");
    refused(endpoint("http://me:pass@h/", None), "a user's name");
    refused(endpoint("", None), "not a URL");
}

#[test]
fn a_bad_key_is_refused_without_being_shown() {
    let error = endpoint("http://h", Some("sk-a\nb")).expect_err("refused").to_string();
    assert!(error.contains("line break") && !error.contains("sk-"), "{error}");
}

#[test]
fn white_space_around_a_key_is_dropped_and_an_empty_one_is_none() {
    assert_eq!(endpoint("http://h", Some(" k\n")).expect("good").key, Some(Secret::new("k")));
    assert_eq!(endpoint("http://h", Some(" ")).expect("good").key, None);
}

#[test]
fn who_stands_behind_an_address_follows_from_it() {
    let of = |base: &str, key| {
        let endpoint = endpoint(base, key).expect("good");
        (endpoint.provider().to_owned(), endpoint.lacks_a_key())
    };
    assert_eq!(of(Plain::BASE_URL, None), ("plain-service".to_owned(), true));
    assert_eq!(of("https://plain.example/other", Some("k")), ("plain-service".to_owned(), false));
    assert_eq!(of("https://plain.example.org", None), ("plain".to_owned(), false));
    assert_eq!(of("http://127.0.0.1:1", None), ("plain".to_owned(), false));
}

#[test]
fn a_name_has_no_slash() {
    for name in ["a/b", "", "ä"] {
        let account = Account { name: name.into(), ..account("plain", 1) };
        refused(endpoint_of(&account), &format!("`{name}` cannot be a provider's name"));
    }
}

#[test]
fn a_key_in_the_clear_is_noticed() {
    for (base, expected) in [
        ("http://example.org/v1", true),
        ("http://127.0.0.1:1/v1", false),
        ("http://[::1]/v1", false),
        ("http://localhost/v1", false),
    ] {
        assert_eq!(endpoint(base, Some("k")).expect("good").exposes_the_key(), expected, "{base}");
    }
    assert!(!endpoint("http://example.org", None).expect("good").exposes_the_key());
}
