//! Requests that are let in, and what becomes of them.

use serde_json::json;

use super::{BODY_LIMIT, Served};

#[tokio::test]
async fn a_route_gets_the_request_decoded() {
    let answer = Served::open().get("/echo/a%2Fb%20c?q=x+y&q=%C3%A4&empty").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let request = json!({
        "method": "GET",
        "path": "/echo/a%2Fb%20c",
        "params": { "id": "a/b c" },
        "query": { "q": "ä", "empty": "" },
        "body": null,
    });
    assert_eq!(answer.json(), json!({ "route": "GET /echo/:id", "request": request }));
}

#[tokio::test]
async fn a_body_arrives_as_json() {
    let served = Served::open();
    for method in ["POST", "PUT"] {
        let json = [("content-type", "application/json; charset=utf-8")];
        let answer = served.ask(method, "/echo", &json, "{\"a\": [1]}").await;
        assert_eq!(answer.json()["request"]["body"], json!({ "a": [1] }), "{method}");
        assert_eq!(answer.json()["request"]["method"], method);
    }
}

#[tokio::test]
async fn no_body_is_null() {
    let served = Served::open();
    for headers in [&[][..], &[("content-length", "0")], &[("content-type", "text/plain")]] {
        let answer = served.ask("POST", "/echo", headers, "").await;
        assert_eq!((answer.status, &answer.json()["request"]["body"]), (200, &json!(null)), "{headers:?}");
    }
    assert_eq!(served.ask("DELETE", "/echo/1", &[], "").await.status, 200);
}

#[tokio::test]
async fn a_chunked_body_is_read_to_its_end() {
    let served = Served::open();
    let mut client = served.client().await;
    let headers = [("content-type", "application/json"), ("transfer-encoding", "chunked")];
    client.send("POST", "/echo", &headers, "").await;
    client.write("3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n").await;
    assert_eq!(client.answer("POST").await.json()["request"]["body"], json!([1, 2]));
}

#[tokio::test]
async fn another_media_type_is_unsupported() {
    let served = Served::open();
    let types: [&[(&str, &str)]; 3] =
        [&[], &[("content-type", "text/plain")], &[("content-type", "application/json; charset=latin1")]];
    for headers in types {
        let answer = served.ask("POST", "/echo", headers, "{}").await;
        assert_eq!(answer.status, 415, "{headers:?}");
        assert!(answer.error().contains("expected `application/json`"));
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large_announced_or_not() {
    let served = Served::open();
    let answer = served.post("/echo", &format!("\"{}\"", "x".repeat(BODY_LIMIT))).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.error(), "the body has more than 64 bytes");

    let mut client = served.client().await;
    let headers = [("content-type", "application/json"), ("transfer-encoding", "chunked")];
    client.send("POST", "/echo", &headers, "").await;
    client.write(&format!("64\r\n{}\r\n0\r\n\r\n", " ".repeat(100))).await;
    assert_eq!(client.answer("POST").await.status, 413);
}

#[tokio::test]
async fn what_is_not_json_is_a_bad_request() {
    let answer = Served::open().post("/echo", "{\"a\":\n oops}").await;
    assert_eq!(answer.status, 400);
    assert!(answer.error().contains("line 2 column"), "{answer:?}");
}

#[tokio::test]
async fn a_path_or_query_that_is_not_utf8_is_a_bad_request() {
    let served = Served::open();
    for target in ["/echo/%ff", "/echo/%", "/echo/1?q=%ff"] {
        assert_eq!(served.get(target).await.status, 400, "{target}");
    }
}

#[tokio::test]
async fn what_leads_nowhere_is_not_found() {
    let served = Served::open();
    let answer = served.get("/nowhere?x=1").await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (404, "there is no route for `GET /nowhere`; `skills` does not run, and `GET /plugins` says why")
    );
    assert_eq!(served.ask("OPTIONS", "/nowhere", &[], "").await.status, 404);
    assert_eq!(served.get("/echo/../health").await.status, 404);
}

#[tokio::test]
async fn another_method_is_told_which_there_are() {
    let answer = Served::open().ask("PATCH", "/echo", &[], "").await;
    assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "OPTIONS, POST, PUT"));
    assert_eq!(answer.error(), "`/echo` does not take `PATCH`, only OPTIONS, POST, PUT");
}

#[tokio::test]
async fn options_lists_the_methods() {
    let answer = Served::open().ask("OPTIONS", "/echo/1", &[], "").await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(answer.headers["allow"], "DELETE, GET, HEAD, OPTIONS");
    assert!(!answer.headers.keys().any(|name| name.starts_with("access-control")));
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let served = Served::open();
    let length = served.get("/echo/1").await.headers["content-length"].clone();
    let mut client = served.client().await;
    client.send("HEAD", "/echo/1", &[], "").await;
    let answer = client.answer("HEAD").await;
    assert_eq!((answer.status, &answer.headers["content-length"]), (200, &length));
    client.send("GET", "/made", &[], "").await;
    assert_eq!(client.answer("GET").await.status, 201, "nothing was left of the body on the connection");
}

#[tokio::test]
async fn a_route_chooses_status_and_headers() {
    let answer = Served::open().get("/made").await;
    assert_eq!(
        (answer.status, answer.headers["location"].as_str(), answer.body.as_str()),
        (201, "/made/1", "null")
    );
}

#[tokio::test]
async fn failures_become_a_status_and_keep_their_inside() {
    let served = Served::open();
    for (kind, status) in
        [("not-found", 404), ("unavailable", 503), ("deadline", 504), ("failed", 500), ("panicked", 500)]
    {
        let answer = served.get(&format!("/fails/{kind}")).await;
        assert_eq!(answer.status, status, "{kind}");
        assert_eq!(answer.error().contains("inside.rs"), kind != "panicked", "{answer:?}");
    }
}

#[tokio::test]
async fn no_answer_is_guessed_at_or_kept() {
    let served = Served::open();
    for target in ["/echo/1", "/nowhere", "/health", "/fails/failed", "/echo/%ff"] {
        let answer = served.get(target).await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{target}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{target}");
    }
}

#[tokio::test]
async fn routes_may_come_later() {
    let served = Served::open();
    assert_eq!(served.get("/late").await.status, 404);
    served.fake.add("GET /late");
    assert_eq!(served.get("/late").await.json()["route"], "GET /late");
}

#[tokio::test]
async fn who_asks_for_a_route_that_is_gone_is_told_whose_it_was() {
    let served = Served::open();
    let quarantined = "`GET /x/q` is served by `q`, which is quarantined: `GET /plugins` says why, and `transom release q` puts it back";
    let disabled = "there is no route for `GET /x/skills`: it was served by `skills`, which does not run; `GET /plugins` says why";
    let removed = "there is no route for `GET /x/gone`: it was served by `gone`, which is no plugin of this host any more";
    let plugins = [("q", 503, quarantined), ("skills", 404, disabled), ("gone", 404, removed)];
    for (plugin, ..) in plugins {
        served.fake.add_of(&format!("GET /x/{plugin}"), plugin);
        served.fake.add_of(&format!("POST /shared-by-{plugin}"), "some");
        served.fake.add_of(&format!("GET /shared-by-{plugin}"), plugin);
    }
    served.desk.look_around();
    for (plugin, status, told) in plugins {
        served.fake.withdraw(plugin);
        let answer = served.get(&format!("/x/{plugin}")).await;
        assert_eq!((answer.status, answer.error().as_str()), (status, told));
        let shared = served.get(&format!("/shared-by-{plugin}")).await;
        assert_eq!(shared.status, status, "another plugin's route for the path is no answer: {shared:?}");
    }
    served.fake.add_of("GET /x/q", "q");
    assert_eq!(served.get("/x/q").await.status, 200);
}

#[tokio::test]
async fn a_method_that_its_plugin_has_let_go_of_is_not_allowed() {
    let served = Served::open();
    served.fake.add_of("POST /x/store", "some");
    served.fake.add_of("GET /x/store", "store");
    served.desk.look_around();
    served.fake.withdraw("store");
    let answer = served.get("/x/store").await;
    assert_eq!((answer.status, answer.headers["allow"].as_bytes()), (405, &b"OPTIONS, POST"[..]));
}

#[tokio::test]
async fn health_names_the_plugins_that_do_not_run() {
    let served = Served::open();
    assert_eq!(served.get("/health").await.json(), json!({ "ok": true, "degraded": ["skills"] }));
    let plugins = served.get("/plugins").await.json();
    assert_eq!(plugins["plugins"][0]["id"], "store");
    assert_eq!(plugins["plugins"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn readiness_is_what_the_desk_was_told() {
    let served = Served::open();
    let answer = served.get("/ready").await;
    assert_eq!((answer.status, answer.json()), (503, json!({ "ready": false })));
    served.desk.set_ready(true);
    let answer = served.get("/ready").await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "ready": true })));
}
