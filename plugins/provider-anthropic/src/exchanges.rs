//! Exchanges that are kept as files, and what no file could hold.

use std::path::Path;
use std::sync::Arc;

use transom_agent::provider::{FailureClass, ProviderEvent};
use transom_upstream::ModelStream;
use transom_upstream::exchange::{play, recorded};
use transom_upstream::fixture::request;
use transom_upstream::loopback::{Act, Server, stream_head};

use crate::format::Messages;
use crate::request::{CacheLife, Dialect};

fn format() -> Messages {
    let dialect = Dialect { max_tokens: 32_000, thinks: true, cache: CacheLife::FiveMinutes, ..Dialect::default() };
    Messages::new(dialect, &[]).expect("good")
}

#[tokio::test]
async fn each_exchange_goes_over_the_wire_as_its_file_says() {
    for exchange in recorded(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchanges")) {
        play(&format(), &exchange).await;
    }
}

/// The classes of the failures in an answer that consists of `acts`.
async fn failures(acts: Vec<Act>) -> Vec<(FailureClass, String)> {
    let server = Server::start([acts]).await;
    let endpoint = Arc::new(server.endpoint(&format()));
    let mut stream = ModelStream::open(endpoint, &format(), &request([]), None).await;
    let mut failures = Vec::new();
    while let Some(event) = stream.next().await {
        match event {
            ProviderEvent::Error { class, message, .. } => failures.push((class, message.into())),
            other => panic!("{other:?}"),
        }
    }
    failures
}

#[tokio::test]
async fn a_hundred_megabytes_of_nonsense_are_a_protocol_failure() {
    let megabyte = |line: &str| Act::Write(line.repeat((1 << 20) / line.len()).into_bytes());
    let lines = format!("{}\n", "nonsense ".repeat(100));
    let acts = [vec![stream_head()], vec![megabyte(&lines); 100]].concat();
    let ended = (FailureClass::Protocol, "`anthropic` ended in the middle of its answer".to_owned());
    assert_eq!(failures(acts).await, [ended]);
    let acts = [vec![stream_head()], vec![megabyte("data:nonsense"); 100]].concat();
    let [(class, message)] = &failures(acts).await[..] else { panic!("one failure") };
    assert_eq!(*class, FailureClass::Protocol);
    assert!(message.contains("more than 8388608 bytes"), "{message}");
}
