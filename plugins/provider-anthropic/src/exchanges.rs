//! Exchanges that are kept as files, and what no file could hold.

use std::path::Path;
use std::sync::Arc;

use transom_agent::provider::{FailureClass, ProviderEvent};
use transom_upstream::ModelStream;
use transom_upstream::exchange::{Recorded, cut_everywhere, play, recorded};
use transom_upstream::fixture::request;
use transom_upstream::loopback::{Act, Server, stream_head};

use crate::format::Messages;
use crate::request::{CacheLife, Dialect};

fn format() -> Messages {
    let dialect =
        Dialect { max_tokens: 32_000, thinks: true, cache: CacheLife::FiveMinutes, ..Dialect::default() };
    Messages::new(dialect, &[]).expect("good")
}

fn all() -> Vec<Recorded> {
    recorded(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchanges"))
}

#[tokio::test]
async fn each_exchange_goes_over_the_wire_as_its_file_says() {
    for exchange in all() {
        play(&format(), &exchange).await;
    }
}

#[test]
fn each_response_says_the_same_wherever_it_is_cut() {
    all().iter().for_each(|exchange| cut_everywhere(&format(), exchange));
}

/// The failure that is all of an answer that consists of `acts`.
async fn failure(acts: Vec<Act>) -> (FailureClass, String) {
    let server = Server::start([acts]).await;
    let endpoint = Arc::new(server.endpoint(&format()));
    let mut stream = ModelStream::open(endpoint, &format(), &request([]), None).await;
    let failure = match stream.next().await {
        Some(ProviderEvent::Error { class, message, .. }) => (class, message.into()),
        other => panic!("{other:?}"),
    };
    assert_eq!(stream.next().await, None);
    failure
}

/// A hundred megabytes of it.
fn hundred(line: &str) -> Act {
    const MEGABYTE: usize = 1_000_000;
    Act::WriteAgain(
        line.repeat(MEGABYTE / line.len()).into_bytes(),
        100 * MEGABYTE / (MEGABYTE / line.len() * line.len()),
    )
}

#[tokio::test]
async fn a_hundred_megabytes_of_nonsense_are_a_protocol_failure() {
    let lines = format!("{}\n", "nonsense ".repeat(5_000));
    let (class, message) = failure(vec![stream_head(), hundred(&lines)]).await;
    assert_eq!(
        (class, message.as_str()),
        (FailureClass::Protocol, "`anthropic` ended in the middle of its answer")
    );
    let (class, message) = failure(vec![stream_head(), hundred("data:nonsense")]).await;
    assert_eq!(class, FailureClass::Protocol);
    assert!(message.contains("more than 8388608 bytes"), "{message}");
}
