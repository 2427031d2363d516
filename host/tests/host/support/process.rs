//! A [`Host`]: a process that serves, and ends with the test. An [`Outcome`]: one that has ended.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::client::Client;
use super::within;

/// A host that is ready. It is killed when it is dropped, and when the test's process dies before that.
pub(crate) struct Host {
    /// What it printed when it was ready.
    pub(crate) ready: Value,
    /// Asks it over HTTP.
    pub(crate) client: Client,
    pid: u32,
    process: Child,
    errors: Arc<Mutex<String>>,
    reading: JoinHandle<()>,
    _leash: Child,
}

impl Host {
    /// Starts `command` and waits until it says, as JSON, that it is ready.
    pub(crate) async fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("the program can be run");
        let pid = process.id().expect("it has not been waited for");
        let leash = leash(pid);
        let (errors, reading) = collect(process.stderr.take().expect("it is piped"));
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let line = within("the line of a host that is ready", lines.next_line()).await.expect("text");
        let Some(line) = line else {
            let status = within("the end of a host that did not start", process.wait()).await;
            within("its last words", reading).await.expect("they can be read");
            panic!("the host ended with {status:?}: {}", errors.lock().expect("no reader panics"));
        };
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        let address = ready["address"].as_str().unwrap_or_else(|| panic!("no address: {line}"));
        let client = Client::new(address);
        Self { ready, client, pid, process, errors, reading, _leash: leash }
    }

    /// The process.
    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// What it has written to standard error so far.
    pub(crate) fn errors(&self) -> String {
        self.errors.lock().expect("no reader panics").clone()
    }

    /// Sends it a signal, by its name without `SIG`.
    pub(crate) async fn signal(&self, name: &str) {
        let sent = shell("kill -s \"$0\" \"$1\"").arg(name).arg(self.pid.to_string()).status().await;
        assert!(sent.expect("a shell").success(), "SIG{name} was not sent");
    }

    /// Waits until it has ended; answers how, and everything it wrote to standard error.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let status = within("the end of the host", self.process.wait()).await.expect("it can be waited for");
        within("its last words", &mut self.reading).await.expect("they can be read");
        (status, self.errors())
    }

    /// Kills it, as a loss of power would.
    pub(crate) async fn kill(self) {
        self.signal("KILL").await;
        self.ended().await;
    }

    /// Has it stop in an orderly way.
    pub(crate) async fn stop(self) {
        self.signal("TERM").await;
        let (status, errors) = self.ended().await;
        assert!(status.success(), "{status}: {errors}");
    }
}

/// A process that kills `pid` as soon as this one is gone, which a test runner that is killed has no other means to do.
pub(crate) fn leash(pid: u32) -> Child {
    let mut shell = shell("read -r _; kill -s KILL \"$0\"");
    shell.arg(pid.to_string()).stdin(Stdio::piped()).kill_on_drop(true).spawn().expect("a shell")
}

/// A shell with a script, whose arguments begin with `$0`.
fn shell(script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell
}

/// Reads a pipe to its end in the background.
fn collect(
    mut pipe: impl tokio::io::AsyncRead + Unpin + Send + 'static,
) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let text = Arc::new(Mutex::new(String::new()));
    let taken = text.clone();
    let reading = tokio::spawn(async move {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut bytes).await {
            taken.lock().expect("no reader panics").push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    });
    (text, reading)
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it, if one did.
    pub(crate) signal: Option<i32>,
    /// What it printed.
    pub(crate) output: String,
    /// What it wrote to standard error.
    pub(crate) errors: String,
}

impl Outcome {
    /// Runs `command` to its end.
    pub(crate) async fn of(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let run = within("the end of a command", command.output()).await.expect("the program can be run");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: run.status.code(),
            signal: run.status.signal(),
            output: text(&run.stdout),
            errors: text(&run.stderr),
        }
    }
}
