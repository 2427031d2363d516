//! The plugin from outside: a client reaches a route that somebody registered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRoute};
use transom_plugin_api::hosting::LISTENING;
use transom_testkit::{both_ways, contract_check, json};
use transom_transport_http::TransportHttp;

/// What the server sends until it closes the connection.
fn get(address: &str, path: &str) -> String {
    let address = address.strip_prefix("http://").expect("it speaks HTTP");
    let mut client = TcpStream::connect(address).expect("somebody listens");
    client.set_read_timeout(Some(Duration::from_secs(20))).expect("a bound");
    write!(client, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_client_reaches_a_route_that_was_registered() {
    both_ways(async |stand| {
        let stand = stand.plugin::<TransportHttp>(json!({"listen": "127.0.0.1:0"}));
        stand.serve_named(
            HTTP_ROUTE,
            "GET /x/test/:who",
            HttpRoute::new("Greets"),
            |request, context| async move {
                assert_eq!(context.caller(), "transport-http");
                Ok(HttpReply::ok(json!({"hello": request.param("who")})))
            },
        );
        let listening = stand.record(LISTENING);
        stand.start().await.expect("it starts");
        let address = listening.next().await.address;
        // The test's thread is the one that serves, so it must not wait itself.
        let answer = tokio::task::spawn_blocking(move || get(&address, "/x/test/Ada"));
        let answer = answer.await.expect("it was asked");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("{\"hello\":\"Ada\"}"), "{answer}");
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<TransportHttp>(json!({"listen": "127.0.0.1:0"}));
}
