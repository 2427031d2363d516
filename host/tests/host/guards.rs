//! Who is let in, and what may be asked: pages of other sites, other names, other folders, bodies without end.

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Host, Manner, Scene, linked_and_dylib, text_of, within};

/// Bytes that a body may have.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// Asks for a turn with these headers; answers the status and the error.
async fn post_chat(host: &Host, headers: &[(&str, &str)], body: impl Into<String>) -> (u16, String) {
    let mut request = host.client.request(Method::POST, "/chat").body(body.into());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = within("an answer", request.send()).await.expect("an answer");
    let status = response.status().as_u16();
    let text = within("the whole answer", response.text()).await.expect("text");
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    (status, answer["error"].as_str().unwrap_or_default().to_owned())
}

/// Whatever was refused has left no trace.
async fn check_untouched(host: &Host) {
    let conversations = host.client.get("/conversations").await;
    assert_eq!(conversations["conversations"], json!([]), "{conversations}");
}

const JSON: (&str, &str) = ("content-type", "application/json");
const HELLO: &str = r#"{"message":"hello"}"#;

async fn a_simple_request_of_another_site_is_refused(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let simple = [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ];
    for media_type in simple {
        let (status, error) = post_chat(&host, &[("content-type", media_type)], HELLO).await;
        assert_eq!(status, 415, "{media_type}");
        assert!(error.contains("`content-type`") && error.contains("`application/json`"), "{error}");
    }
    let (status, error) = post_chat(&host, &[], HELLO).await;
    assert_eq!(status, 415, "{error}");
    check_untouched(&host).await;
    host.stop().await;
}

async fn a_foreign_origin_is_refused_and_its_own_is_not(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    for origin in ["https://evil.example", "http://localhost:3000", "null"] {
        let (status, error) = post_chat(&host, &[JSON, ("origin", origin)], HELLO).await;
        assert_eq!(status, 403, "{origin}");
        assert!(error.contains("`origin`") && error.contains(origin), "{error}");
    }
    check_untouched(&host).await;
    let own = host.client.address.clone();
    assert_eq!(post_chat(&host, &[JSON, ("origin", &own)], HELLO).await.0, 200);
    host.stop().await;
}

async fn a_name_that_was_rebound_is_refused(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let port = host.client.address.rsplit(':').next().expect("a port").to_owned();
    for name in [
        "evil.example",
        &format!("evil.example:{port}"),
        &format!("localhost.evil.example:{port}"),
        "localhost:1",
    ] {
        for path in ["/health", "/plugins", "/conversations"] {
            let request = host.client.request(Method::GET, path).header("host", name);
            let status = within("an answer", request.send()).await.expect("an answer").status();
            assert_eq!(status, 403, "{path} as {name}");
        }
        let (status, error) = post_chat(&host, &[JSON, ("host", name)], HELLO).await;
        assert!(status == 403 && error.contains("`host`"), "{status}: {error}");
    }
    check_untouched(&host).await;
    assert_eq!(post_chat(&host, &[JSON, ("host", &format!("localhost:{port}"))], HELLO).await.0, 200);
    host.stop().await;
}

async fn a_turn_works_only_inside_the_roots(manner: Manner) {
    let scene = Scene::new(manner);
    let outside = scene.data().with_file_name("outside");
    std::fs::create_dir(&outside).expect("a new folder");
    scene.file("inside/note.txt", "a note");
    symlink(&outside, scene.work().join("leads-out")).expect("a new link");
    symlink(scene.work().join("inside"), scene.work().join("leads-in")).expect("a new link");
    let host = scene.start().await;

    let at = |path: &str| scene.work().join(path).display().to_string();
    let refused = [
        "/".to_owned(),
        "..".to_owned(),
        ".".to_owned(),
        "inside".to_owned(),
        String::new(),
        at(".."),
        at("inside/../.."),
        at("leads-out"),
        at("nowhere"),
        at("inside/note.txt"),
        outside.display().to_string(),
    ];
    for folder in &refused {
        let body = json!({ "message": "hello", "cwd": folder }).to_string();
        let (status, error) = post_chat(&host, &[JSON], body).await;
        assert!(status == 400 && error.contains("`cwd`"), "`{folder}`: {status} {error}");
    }
    check_untouched(&host).await;
    for folder in [at(""), at("inside"), at("inside/../inside"), at("leads-in")] {
        assert_eq!(status_in(&host, &folder).await, 200, "{folder}");
    }
    host.stop().await;
}

async fn status_in(host: &Host, folder: &str) -> u16 {
    post_chat(host, &[JSON], json!({ "message": "hello", "cwd": folder }).to_string()).await.0
}

async fn a_root_may_be_a_symlink_and_is_what_it_leads_to(manner: Manner) {
    let scene = Scene::new(manner).with_host("roots = [\"../link\"]");
    let real = scene.data().with_file_name("real");
    std::fs::create_dir_all(real.join("inner")).expect("a new folder");
    let link = real.with_file_name("link");
    symlink(&real, &link).expect("a new link");
    let host = scene.start().await;
    let text = |path: &Path| path.display().to_string();
    for folder in [text(&link), text(&real), text(&link.join("inner")), text(&real.join("inner"))] {
        assert_eq!(status_in(&host, &folder).await, 200, "{folder}");
    }
    for folder in [text(&scene.work()), text(&link.join(".."))] {
        assert_eq!(status_in(&host, &folder).await, 400, "{folder}");
    }
    host.stop().await;
}

async fn a_body_beyond_the_limit_is_refused_as_soon_as_it_is_known(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let announced = format!("content-length: {}\r\n\r\n", BODY_LIMIT + 1);
    assert_eq!(raw_post(&host, announced.as_bytes()).await, 413, "none of it was sent");

    let mut chunked = format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n", BODY_LIMIT + 1).into_bytes();
    chunked.resize(chunked.len() + BODY_LIMIT + 1, b' ');
    assert_eq!(raw_post(&host, &chunked).await, 413, "its end was never sent");

    let whole = format!("{{{}}}", " ".repeat(BODY_LIMIT - 2));
    let (status, error) = post_chat(&host, &[JSON], whole).await;
    assert!(status == 400 && error.contains("`message`"), "a body at the limit is read: {status} {error}");
    check_untouched(&host).await;
    host.stop().await;
}

/// Sends the rest of a request as it is; answers the status.
async fn raw_post(host: &Host, rest: &[u8]) -> u16 {
    let address: SocketAddr = host.client.address.trim_start_matches("http://").parse().expect("an address");
    let mut stream = TcpStream::connect(address).await.expect("the port is open");
    let head = format!("POST /chat HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n");
    within("the request to be taken", async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(rest).await
    })
    .await
    .expect("the host reads");
    let mut line = [0; "HTTP/1.1 200".len()];
    within("a status", stream.read_exact(&mut line)).await.expect("an answer");
    let line = std::str::from_utf8(&line).expect("text");
    line.trim_start_matches("HTTP/1.1 ").parse().unwrap_or_else(|_| panic!("no status: {line}"))
}

async fn a_field_that_is_unknown_or_not_served_is_named(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    for field in ["images", "computerId", "systemPrompt", "tools", "stream", "Message"] {
        for value in [json!(null), json!("x"), json!([])] {
            let body = json!({ "message": "hello", field: value }).to_string();
            let (status, error) = post_chat(&host, &[JSON], body).await;
            assert!(status == 400 && error.contains(&format!("`{field}`")), "{field}: {status} {error}");
        }
    }
    for (field, value) in [
        ("message", json!(7)),
        ("cwd", json!([])),
        ("model", json!({})),
        ("reasoningEffort", json!("huge")),
        ("workspaceId", json!("No Slug")),
    ] {
        let mut body = json!({ "message": "hello" });
        body[field] = value;
        let (status, error) = post_chat(&host, &[JSON], body.to_string()).await;
        assert!(status == 400 && error.contains(&format!("`{field}`")), "{field}: {status} {error}");
    }
    check_untouched(&host).await;
    host.stop().await;
}

async fn a_body_that_is_no_json_object_is_refused(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    for body in
        ["", "{", "hello", r#"{"message":"hello"} x"#, "[]", "null", "\"hello\"", r#"{"message":"\ud800"}"#]
    {
        let (status, error) = post_chat(&host, &[JSON], body).await;
        assert!(status == 400 && !error.is_empty(), "`{body}`: {status} {error}");
    }
    assert_eq!(raw_post(&host, b"content-length: 15\r\n\r\n{\"message\":\"\xff\"}").await, 400, "not UTF-8");
    check_untouched(&host).await;
    host.stop().await;
}

async fn an_address_that_others_can_reach_needs_a_token(manner: Manner) {
    let scene = Scene::new(manner);
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refused = scene.run(&["up", "--listen", address]).await;
        assert_eq!((refused.code, refused.output.as_str()), (Some(2), ""), "{address}");
        let last = refused.errors.lines().last().unwrap_or_default();
        assert!(last.contains(address) && last.contains("set `token`"), "{}", refused.errors);
    }
}

const TOKEN: &str = "a-token-for-tests";

async fn with_a_token_only_those_who_know_it_are_served(manner: Manner) {
    let scene = Scene::new(manner)
        .with("transport-http", "token = \"env:HOST_TOKEN\"")
        .with_variable("HOST_TOKEN", TOKEN);
    let host = scene.start().await;
    for path in ["/plugins", "/conversations", "/models", "/ready"] {
        for (authorization, expected) in [
            (String::new(), 401),
            ("Bearer another".to_owned(), 401),
            (format!("Basic {TOKEN}"), 401),
            (format!("Bearer {TOKEN}"), 200),
        ] {
            let mut request = host.client.request(Method::GET, path);
            if !authorization.is_empty() {
                request = request.header("authorization", &authorization);
            }
            let response = within("an answer", request.send()).await.expect("an answer");
            assert_eq!(response.status(), expected, "{path} with `{authorization}`");
            let body = response.text().await.expect("text");
            assert!(!body.contains(TOKEN), "{path} tells the token");
        }
    }
    assert_eq!(post_chat(&host, &[JSON], HELLO).await.0, 401);
    assert_eq!(host.client.ask("/health").await.0, 200, "whoever watches over the process needs no token");

    let refused = scene.run(&["chat", "hello"]).await;
    assert_eq!((refused.code, refused.output.as_str()), (Some(2), ""));
    assert!(refused.errors.contains("TRANSOM_TOKEN"), "{}", refused.errors);
    let mut command = scene.command(&["chat", "hello"]);
    command.env("TRANSOM_TOKEN", TOKEN);
    let answered = super::support::Outcome::of(command).await;
    assert_eq!(answered.code, Some(0), "{answered:?}");
    assert!(!answered.output.is_empty());

    assert!(!host.errors().contains(TOKEN), "the log tells the token");
    host.stop().await;
}

async fn what_is_not_there_is_answered_plainly(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    let (status, answer) = host.client.ask("/nowhere").await;
    assert!(status == 404 && answer["error"].is_string(), "{answer}");
    let (status, answer) = host.client.ask("/chat").await;
    assert!(status == 405 && answer["error"].is_string(), "{answer}");
    let frames = host.client.turn("c", "hello").await;
    assert!(!text_of(&frames).is_empty());
    host.stop().await;
}

linked_and_dylib!(
    a_simple_request_of_another_site_is_refused,
    a_foreign_origin_is_refused_and_its_own_is_not,
    a_name_that_was_rebound_is_refused,
    a_turn_works_only_inside_the_roots,
    a_root_may_be_a_symlink_and_is_what_it_leads_to,
    a_body_beyond_the_limit_is_refused_as_soon_as_it_is_known,
    a_field_that_is_unknown_or_not_served_is_named,
    a_body_that_is_no_json_object_is_refused,
    an_address_that_others_can_reach_needs_a_token,
    with_a_token_only_those_who_know_it_are_served,
    what_is_not_there_is_answered_plainly,
);
