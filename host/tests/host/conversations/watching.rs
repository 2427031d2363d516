//! [`Watching`]: a command that prints as long as it is let.

use std::process::Stdio;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};

use crate::host::support::{Outcome, within};

/// A command under way.
pub(super) struct Watching {
    running: Child,
    out: ChildStdout,
    output: Vec<u8>,
    /// Bytes of it that were waited for.
    found: usize,
}

impl Watching {
    pub(super) fn begin(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut running = command.spawn().expect("the program can be run");
        let out = running.stdout.take().expect("it is piped");
        Self { running, out, output: Vec::new(), found: 0 }
    }

    /// Reads until it has printed that, behind what was waited for before.
    pub(super) async fn until(&mut self, words: &str) {
        loop {
            let mut windows = self.output[self.found..].windows(words.len());
            if let Some(at) = windows.position(|window| window == words.as_bytes()) {
                self.found += at + words.len();
                return;
            }
            let read = within("what it prints", self.out.read_buf(&mut self.output)).await;
            let read = read.expect("it can be read");
            assert!(read > 0, "it ended after {:?}", String::from_utf8_lossy(&self.output));
        }
    }

    /// Interrupts it as Ctrl-C does.
    pub(super) async fn interrupted(self) -> Outcome {
        let pid = self.running.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-s", "INT", &pid]).status().await.expect("a signal");
        assert!(sent.success());
        let outcome = self.ended().await;
        assert_eq!(outcome.code, Some(130), "{outcome:?}");
        outcome
    }

    /// Waits for its end.
    pub(super) async fn ended(mut self) -> Outcome {
        within("the rest", self.out.read_to_end(&mut self.output)).await.expect("it can be read");
        let ended = within("its end", self.running.wait_with_output()).await.expect("it can be waited for");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Outcome {
            code: ended.status.code(),
            signal: None,
            output: text(&self.output),
            errors: text(&ended.stderr),
        }
    }
}
