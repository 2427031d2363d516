//! A viewer by server-sent events: after an interruption it sends the id of the last event, as a browser does.

use std::sync::Arc;

use super::{PAUSE, Viewer};
use crate::client::{Client, Lines};

pub(super) async fn watch(client: Client, viewer: Arc<Viewer>) {
    loop {
        if let Ok(lines) = client.server_sent_events(&viewer.conversation, &viewer.cursor()).await {
            follow(lines, &viewer).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Until the stream ends.
async fn follow(mut lines: Lines, viewer: &Viewer) {
    let mut id = None;
    while let Some(line) = lines.next().await {
        if let Some(told) = line.strip_prefix("id: ") {
            id = Some(told.to_owned());
        } else if let Some(document) = line.strip_prefix("data: ") {
            if !viewer.show(document) {
                return;
            }
            check_id(id.take(), viewer);
        }
    }
}

/// The id of an event is the cursor behind it, since that is what a browser sends.
fn check_id(id: Option<String>, viewer: &Viewer) {
    let cursor = viewer.cursor();
    if let Some(id) = id.filter(|id| *id != cursor) {
        viewer.book().tally.remarks.push(format!("an event has the id {id}, and ends at {cursor}"));
    }
}
