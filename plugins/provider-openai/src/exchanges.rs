//! Exchanges that are kept as files, and what no file could hold.

use std::path::Path;

use transom_upstream::exchange::{play, recorded};

use crate::format::ChatCompletions;
use crate::request::Dialect;

fn format() -> ChatCompletions {
    ChatCompletions(Dialect { asks_for_usage: true, sends_reasoning_effort: true, ..Dialect::default() })
}

#[tokio::test]
async fn each_exchange_goes_over_the_wire_as_its_file_says() {
    for exchange in recorded(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchanges")) {
        play(&format(), &exchange).await;
    }
}
