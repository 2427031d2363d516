//! Requests that are not let in.

use super::fake::head;
use super::{FRIEND, Served};

#[tokio::test]
async fn a_rebound_name_is_forbidden() {
    let answer = Served::open().ask("GET", "/echo/1", &[("host", "evil.example")], "").await;
    assert_eq!(answer.status, 403);
    assert!(
        answer.error().starts_with("header `host` is `evil.example`, expected `127.0.0.1:"),
        "{answer:?}"
    );
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn the_guard_comes_before_the_routes() {
    let served = Served::open();
    for (method, target) in
        [("GET", "/nowhere"), ("PATCH", "/echo"), ("OPTIONS", "/echo"), ("GET", "/health")]
    {
        let answer = served.ask(method, target, &[("host", "evil.example")], "").await;
        assert_eq!(answer.status, 403, "{method} {target}");
    }
}

#[tokio::test]
async fn another_origin_is_forbidden_and_the_same_is_not() {
    let served = Served::open();
    for method in ["GET", "POST", "OPTIONS"] {
        let headers = [("origin", "http://evil.example")];
        let target = if method == "POST" { "/echo" } else { "/echo/1" };
        assert_eq!(served.ask(method, target, &headers, "").await.status, 403, "{method}");
    }
    let same = format!("http://{}", served.address);
    assert_eq!(served.ask("GET", "/echo/1", &[("origin", &same)], "").await.status, 200);
}

#[tokio::test]
async fn a_token_is_needed_when_there_is_one() {
    let served = Served::bound(Some("s3cret"));
    assert!(served.opens());
    let refused = served.get("/echo/1").await;
    assert_eq!(
        (refused.status, refused.headers["www-authenticate"].as_str()),
        (401, "Bearer realm=\"transom\"")
    );
    assert_eq!(served.ask("GET", "/echo/1", &[("authorization", "Bearer guess")], "").await.status, 401);
    assert_eq!(served.ask("GET", "/echo/1", &[("authorization", "Bearer s3cret")], "").await.status, 200);
    assert_eq!(served.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_read_the_answer_and_which_conversation_it_is() {
    let served = Served::open();
    let frames = served.fake.frames();
    frames.send(head()).unwrap();
    drop(frames);
    let answer = served.ask("POST", "/stream", &[("origin", FRIEND)], "").await;
    assert_eq!((answer.status, answer.headers["access-control-allow-origin"].as_str()), (200, FRIEND));
    assert_eq!(answer.headers["access-control-expose-headers"], "x-conversation-id");
    assert_eq!(answer.headers["x-conversation-id"], "7");
    let refused = served.ask("GET", "/nowhere", &[("origin", FRIEND)], "").await;
    assert_eq!((refused.status, refused.headers["access-control-allow-origin"].as_str()), (404, FRIEND));
    let same = format!("http://{}", served.address);
    let own = served.ask("GET", "/echo/1", &[("origin", &same)], "").await;
    assert!(!own.headers.keys().any(|name| name.starts_with("access-control")), "{own:?}");
}

#[tokio::test]
async fn a_browser_of_a_listed_origin_may_ask_first_without_the_token() {
    let served = Served::bound(Some("s3cret"));
    assert!(served.opens());
    let first = [("origin", FRIEND), ("access-control-request-method", "POST")];
    let answer = served.ask("OPTIONS", "/echo", &first, "").await;
    assert_eq!((answer.status, answer.headers["access-control-allow-origin"].as_str()), (204, FRIEND));
    assert_eq!(answer.headers["access-control-allow-methods"], "OPTIONS, POST, PUT");
    assert_eq!(
        answer.headers["access-control-allow-headers"],
        "authorization, content-type, last-event-id, traceparent"
    );
    assert_eq!(served.ask("OPTIONS", "/nowhere", &first, "").await.status, 404);
    assert_eq!(served.ask("OPTIONS", "/echo", &[("origin", FRIEND)], "").await.status, 401);
    assert_eq!(served.ask("POST", "/echo", &[("origin", FRIEND)], "").await.status, 401);
    for origin in ["https://evil.example", "null"] {
        let stranger = [("origin", origin), ("access-control-request-method", "POST")];
        let answer = served.ask("OPTIONS", "/echo", &stranger, "").await;
        assert_eq!(answer.status, 403, "{origin}");
        assert!(!answer.headers.keys().any(|name| name.starts_with("access-control")), "{answer:?}");
    }
}
