//! A log, read from its end to its beginning.

use std::ops::ControlFlow;

use serde_json::Value;

use super::Failure;
use crate::client::{Client, path};
use crate::command::status::list;

/// Chunks that are read at once.
const PAGE: &str = "100";

/// Looks at the chunks of a log, the newest first, until `look` has seen enough.
pub(super) async fn look_back(
    client: &Client,
    id: &str,
    mut look: impl FnMut(&Value) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let mut before = None;
    loop {
        let query = [("limit", Some(PAGE)), ("beforeSeq", before.as_deref())];
        let page = client.get(&path(&["conversations", id], &query)).await?;
        let chunks: Vec<&Value> = list(&page, "chunks").collect();
        if chunks.iter().rev().try_for_each(|chunk| look(chunk)).is_break() {
            return Ok(());
        }
        match chunks.first().and_then(|first| first["seq"].as_i64()).filter(|seq| *seq > 1) {
            Some(seq) => before = Some(seq.to_string()),
            None => return Ok(()),
        }
    }
}
