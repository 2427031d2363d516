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
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::stage::Stage;
use crate::whereabouts::{Address, Whereabouts};

/// How long a host may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the log says where WebSockets are served.
const SOCKETS: &str = "WebSockets are served at ws://";

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
        let (found, ws) = oneshot::channel();
        let errors = process.stderr.take().ok_or("no standard error")?;
        let reading = tokio::spawn(keep(errors, stage.host_log(), found));
        let output = process.stdout.take().ok_or("no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let ready = async {
            let line = lines.next_line().await.ok().flatten()?;
            let ready: Value = serde_json::from_str(&line).ok()?;
            Some(Address { http: ready["address"].as_str()?.to_owned(), ws: ws.await.ok()? })
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

/// Writes what the host says into a file, and tells where it serves WebSockets.
async fn keep(errors: ChildStderr, path: PathBuf, found: oneshot::Sender<String>) {
    let mut found = Some(found);
    let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) else { return };
    let mut lines = BufReader::new(errors).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let (Some((_, address)), true) = (line.split_once(SOCKETS), found.is_some()) {
            let address = address.split_whitespace().next().unwrap_or_default().to_owned();
            let _ = found.take().map(|found| found.send(address));
        }
        let _ = writeln!(file, "{line}");
    }
}

fn last_lines(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
