//! Servers over HTTP: a real one on loopback, and such that behave badly.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::any;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use transom_testkit::{both_ways, both_ways_paused};

use crate::server::Tools;
use crate::world::{World, call, get, names, tools, until, until_it_is, with};

/// A server on a runtime of its own, with which all its connections go.
struct Serving {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Serving {
    /// Serves at an address, as soon as that is free.
    fn at(address: &str, router: Router) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let until = Instant::now() + Duration::from_secs(10);
        let listener = loop {
            match std::net::TcpListener::bind(address) {
                Ok(listener) => break listener,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
        };
        let address = listener.local_addr().expect("it is bound");
        listener.set_nonblocking(true).expect("it can be");
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("inside of a runtime");
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { address, runtime: Some(runtime) }
    }

    fn new(router: Router) -> Self {
        Self::at("127.0.0.1:0", router)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A real server, for those who bring the token.
fn real() -> Router {
    let service = StreamableHttpService::new(
        || Ok(Tools::of("web")),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let check =
        axum::middleware::from_fn(async |request: axum::extract::Request, next: axum::middleware::Next| {
            let token = request.headers().get(header::AUTHORIZATION);
            match token.is_some_and(|token| token == "Bearer t0ken-of-the-operator") {
                true => next.run(request).await,
                false => StatusCode::UNAUTHORIZED.into_response(),
            }
        });
    Router::new().nest_service("/mcp", service).layer(check)
}

fn at(address: SocketAddr) -> Value {
    let headers = json!({"Authorization": "Bearer t0ken-of-the-operator"});
    json!({"url": format!("http://{address}/mcp?secret=in-the-query"), "headers": headers})
}

#[test]
fn a_server_over_http_lists_its_tools_and_answers_calls() {
    both_ways(async |stand| {
        let serving = Serving::new(real());
        let address = serving.address;
        let stand = with(stand, json!({"web": at(address)})).await;
        let before = tools(&stand).await;
        assert!(names(&before).contains(&"web__echo"), "{}", get(&stand, "/mcp").await);
        assert_eq!(call(&stand, "web__echo", json!({"text": "x"})).await.content, "web: x");
        assert_eq!(call(&stand, "web__work", json!({})).await.content, "worked");
        let told = get(&stand, "/mcp").await;
        assert_eq!(told["servers"][0]["reachedBy"], format!("http://{address}"));
        assert!(!told.to_string().contains("t0ken") && !told.to_string().contains("in-the-query"));
        stand.stop().await;
    });
}

#[test]
fn a_server_over_http_that_goes_away_is_found_again() {
    both_ways_paused(async |stand| {
        let serving = Serving::new(real());
        let address = serving.address;
        let settings = json!({"servers": {"web": at(address)}, "wait_ms": 0});
        let stand = World::default().start(stand, settings).await;
        until_it_is(&stand, "web", "ready").await;
        drop(serving);
        let answer = call(&stand, "web__echo", json!({"text": "x"})).await;
        assert!(answer.is_error, "{answer:?}");
        let told = until_it_is(&stand, "web", "failed").await;
        assert!(told["error"].is_string());
        let _serving = Serving::at(&address.to_string(), real());
        stand.advance(Duration::from_secs(1)).await;
        until(&stand, "web", |one| one["state"] == "ready" && one["starts"] == 2).await;
        assert_eq!(call(&stand, "web__echo", json!({"text": "x"})).await.content, "web: x");
        stand.stop().await;
    });
}

#[test]
fn a_server_over_http_that_refuses_hangs_or_leads_elsewhere_fails_and_no_token_gets_out() {
    both_ways_paused(async |stand| {
        let led = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&led);
        let elsewhere = Serving::new(Router::new().fallback(any(async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            StatusCode::OK
        })));
        let to = format!("http://{}/", elsewhere.address);
        let bad = Router::new()
            .route("/lead", any(async move || (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)])))
            .route("/refuse", any(async || StatusCode::UNAUTHORIZED))
            .route("/html", any(async || ([(header::CONTENT_TYPE, "text/html")], "<html>hello</html>")))
            .route("/hang", any(async || std::future::pending::<StatusCode>().await));
        let serving = Serving::new(bad);
        let address = serving.address;
        // A port that nobody is given.
        let gone = SocketAddr::from(([127, 0, 0, 1], 1));
        let one = |path: &str| {
            let mut one = at(address);
            one["url"] = format!("http://{address}/{path}?secret=in-the-query").into();
            one["start_timeout_s"] = 1.into();
            one
        };
        let servers = json!({"lead": one("lead"), "refuse": one("refuse"), "html": one("html"),
            "hang": one("hang"), "gone": at(gone)});
        let stand = World::default().start(stand, json!({"servers": servers, "wait_ms": 0})).await;
        for name in ["lead", "refuse", "html", "gone", "hang"] {
            if name == "hang" {
                stand.advance(Duration::from_secs(1)).await;
            }
            let told = until(&stand, name, |one| one["error"].is_string()).await;
            let error = told["error"].as_str().expect("text");
            assert!(!error.contains("t0ken") && !error.contains("in-the-query"), "{name}: {error}");
        }
        let log = format!("{:?}", stand.log());
        assert!(!log.contains("t0ken") && !log.contains("in-the-query"), "{log}");
        stand.stop().await;
        assert_eq!(led.load(Ordering::SeqCst), 0, "nobody was led elsewhere");
    });
}

#[test]
fn an_answer_over_http_that_never_ends_ends_the_call_alone() {
    both_ways_paused(async |stand| {
        let serving = Serving::new(real());
        let address = serving.address;
        let mut web = at(address);
        web["timeout_s"] = 1.into();
        let settings = json!({"servers": {"web": web}, "wait_ms": 0});
        let stand = World::default().start(stand, settings).await;
        until_it_is(&stand, "web", "ready").await;
        let (began, cancelled) = (stand.root().join("began"), stand.root().join("cancelled"));
        let hanging = call(&stand, "web__hang", json!({"began": began, "cancelled": cancelled}));
        let (answer, ()) = tokio::join!(hanging, async {
            stand.until(|| began.exists()).await;
            stand.advance(Duration::from_secs(1)).await;
        });
        assert_eq!(answer.content, "the server `web` did not answer within 1 s");
        stand.until(|| cancelled.exists()).await;
        assert_eq!(call(&stand, "web__echo", json!({"text": "x"})).await.content, "web: x");
        stand.stop().await;
    });
}
