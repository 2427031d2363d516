//! A viewer by the program: `transom attach --json`, which comes back by itself, and is started again where it gives up.

use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, BufReader};

use super::{PAUSE, Viewer};
use crate::stage::Stage;

pub(super) async fn watch(stage: Arc<Stage>, viewer: Arc<Viewer>) {
    loop {
        let mut command =
            stage.command(&["attach", &viewer.conversation, "--json", "--from", &viewer.cursor()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Ok(mut process) = command.spawn()
            && let Some(output) = process.stdout.take()
        {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                viewer.show(&line);
            }
            let _ = process.wait().await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
