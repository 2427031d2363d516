//! The transport is replaced while clients come and go.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stage::{PATIENCE, Stage, soon};

const TRANSPORT: &str = "transport-http";
const ANYWHERE: &str = r#"{"listen":"127.0.0.1:0"}"#;

/// Waits until the transport listens; answers where.
async fn open(stage: &Stage) -> String {
    stage.started_up.send_replace(true);
    address(stage).await
}

async fn address(stage: &Stage) -> String {
    let mut listening = stage.listening.clone();
    let said = soon(listening.wait_for(Option::is_some)).await.expect("the stage is there").clone();
    said.expect("it was waited for").trim_start_matches("http://").to_owned()
}

/// The status of `GET /health` on a connection of its own.
async fn health(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_port_is_closed_until_start_up_is_over() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let stage = Stage::with(&[(TRANSPORT, &format!(r#"{{"listen":"{free}"}}"#))]).await;
    TcpStream::connect(free).await.expect_err("nobody is let in before");
    assert_eq!(open(&stage).await, free.to_string());
    assert_eq!(soon(health(&free.to_string())).await.expect("it answers"), "HTTP/1.1 200 OK");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_is_refused_or_dropped_while_generations_follow_each_other() {
    let stage = Stage::with(&[(TRANSPORT, ANYWHERE)]).await;
    let address = open(&stage).await;
    let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (address, over) = (address.clone(), over.clone());
            tokio::spawn(async move {
                let mut answered = 0;
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let status = soon(health(&address)).await.expect("nobody is refused or cut off");
                    assert_eq!(status, "HTTP/1.1 200 OK");
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    for _ in 0..8 {
        let reloaded = stage.reload(TRANSPORT, ANYWHERE, PATIENCE).await;
        assert_eq!(reloaded.expect("it is replaced"), None);
    }
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    for client in clients {
        assert!(client.await.expect("no client panics") > 8);
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_address_is_opened_by_the_next_generation_and_a_taken_one_refuses_it() {
    let stage = Stage::with(&[(TRANSPORT, ANYWHERE)]).await;
    let before = open(&stage).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let elsewhere = format!(r#"{{"listen":"{}"}}"#, taken.local_addr().expect("an address"));
    let refused = stage.reload(TRANSPORT, &elsewhere, Duration::from_secs(20)).await;
    let refused = refused.expect_err("it is taken").to_string();
    assert!(refused.contains("another program has it") && refused.contains("goes on"), "{refused}");
    assert_eq!(soon(health(&before)).await.expect("it answers"), "HTTP/1.1 200 OK");
    drop(taken);
    stage.reload(TRANSPORT, &elsewhere, Duration::from_secs(20)).await.expect("it is free now");
    let now = address(&stage).await;
    assert_ne!(now, before);
    assert_eq!(soon(health(&now)).await.expect("it answers"), "HTTP/1.1 200 OK");
    stage.stop().await;
}
