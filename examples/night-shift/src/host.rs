//! [`Host`]: the process, from its first line to its end.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use crate::stage::Stage;
use crate::whereabouts::{Address, Whereabouts};

/// How long a host may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks where it listens.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A host that is ready. It is killed when it is dropped, and when this program dies before that.
#[derive(Debug)]
pub(crate) struct Host {
    process: Child,
    pid: Pid,
    whereabouts: Whereabouts,
    reading: JoinHandle<()>,
    _leash: Child,
}

impl Host {
    /// Starts it, waits until it serves, and tells everybody where.
    ///
    /// # Errors
    /// Why it does not serve.
    pub(crate) async fn start(stage: &Stage, whereabouts: &Whereabouts) -> Result<Self, String> {
        let mut command = stage.host();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| format!("the host cannot be run: {error}"))?;
        let id = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = id.ok_or("the host has no process")?;
        let leash = leash(pid).map_err(|error| format!("no shell: {error}"))?;
        let errors = process.stderr.take().ok_or("no standard error")?;
        let reading = tokio::spawn(keep(errors, stage.host_log()));
        let output = process.stdout.take().ok_or("no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let ready = async {
            let line = lines.next_line().await.ok().flatten()?;
            let ready: Value = serde_json::from_str(&line).ok()?;
            Some(Address { http: ready["address"].as_str()?.to_owned(), ws: web_socket(stage).await })
        };
        let address = tokio::time::timeout(PATIENCE, ready).await.ok().flatten();
        let address =
            address.ok_or_else(|| format!("the host is not ready: {}", last_lines(&stage.host_log())))?;
        whereabouts.tell(Some(address));
        Ok(Self { process, pid, whereabouts: whereabouts.clone(), reading, _leash: leash })
    }

    /// Kills it, as a loss of power would.
    ///
    /// # Errors
    /// When it has ended before.
    pub(crate) async fn kill(mut self) -> Result<(), String> {
        if let Ok(Some(status)) = self.process.try_wait() {
            return Err(format!("the host had ended by itself: {status}"));
        }
        self.whereabouts.tell(None);
        self.end(Signal::KILL).await.map(drop)
    }

    /// Has it stop in an orderly way.
    ///
    /// # Errors
    /// When its exit code is not 0.
    pub(crate) async fn stop(mut self) -> Result<(), String> {
        self.whereabouts.tell(None);
        let status = self.end(Signal::TERM).await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the host ended with {status} when it was told to stop"))
        }
    }

    async fn end(&mut self, signal: Signal) -> Result<std::process::ExitStatus, String> {
        kill_process(self.pid, signal).map_err(|error| format!("the host cannot be told to end: {error}"))?;
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        let status = ended.map_err(|_| "the host does not end")?.map_err(|error| error.to_string())?;
        // What it wrote last is kept before anybody looks for it.
        let _ = tokio::time::timeout(PATIENCE, &mut self.reading).await;
        Ok(status)
    }

    /// From now on no file of it takes a byte more, as on a disk that is full; or as many as ever.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn fill_disk(&self, is_full: bool) -> Result<(), String> {
        // Only the soft limit is lowered, so that it can be raised again by whoever owns the process.
        let own = getrlimit(Resource::Fsize);
        let limit = Rlimit { current: if is_full { Some(0) } else { own.current }, maximum: own.maximum };
        let set = prlimit(Some(self.pid), Resource::Fsize, limit);
        set.map(drop).map_err(|error| format!("the size of the host's files cannot be limited: {error}"))
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> u64 {
        let folder = Path::new("/proc").join(self.pid.as_raw_nonzero().to_string()).join("fd");
        std::fs::read_dir(folder).map_or(0, |entries| entries.count() as u64)
    }
}

/// A process that kills the host as soon as this program is gone, however it goes.
fn leash(pid: Pid) -> std::io::Result<Child> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "read -r _; kill -s KILL \"$0\""]).arg(pid.as_raw_nonzero().to_string());
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn()
}

/// Waits until it serves WebSockets; tells where, without the scheme.
async fn web_socket(stage: &Stage) -> String {
    loop {
        let told = stage.command(&["status", "--json"]).stdin(Stdio::null()).output().await;
        let told = told.ok().and_then(|told| serde_json::from_slice(&told.stdout).ok());
        if let Some(address) = told.as_ref().and_then(web_socket_in) {
            return address.to_owned();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn web_socket_in(status: &Value) -> Option<&str> {
    let listening = status["host"]["listening"].as_array()?;
    let sockets = listening.iter().find(|transport| transport["protocol"] == "ws")?;
    sockets["address"].as_str()?.strip_prefix("ws://")
}

/// Writes what the host says into a file.
async fn keep(errors: ChildStderr, path: PathBuf) {
    let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) else { return };
    let mut lines = BufReader::new(errors).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = writeln!(file, "{line}");
    }
}

fn last_lines(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
