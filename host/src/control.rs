//! The control socket: how an operator asks a running host, past everything that plugins do.
//!
//! One question a connection, one answer: a JSON document on a line each. The socket lies in the data folder, and only its
//! owner can open it.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use transom_kernel::{Kernel, LongRunning};
use transom_plugin_api::CallError;
use transom_plugin_api::sabotage::sabotaged;

use crate::footprint::Footprint;

/// The longest question, in bytes.
const LONGEST: u64 = 64 * 1024;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between the two looks of a status: what still runs at the second was not just passing.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Question {
    /// How everything is.
    Status,
    /// Takes a plugin's handlers off the bus.
    Quarantine {
        /// The plugin.
        plugin: String,
    },
    /// Puts them back.
    Release {
        /// The plugin.
        plugin: String,
    },
}

fn path_in(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Makes the socket in a data folder that this process holds.
///
/// # Errors
/// When it cannot be made there, for example because its path is too long.
pub(crate) fn bind(data: &Path) -> io::Result<StdListener> {
    let path = path_in(data);
    // What an earlier process left behind is nobody's: the folder is ours.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = StdListener::bind(&path)?;
    if !sabotaged("let-everybody-ask") {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Asks the host of a data folder.
///
/// # Errors
/// When there is none, or it does not answer; a sentence for a person.
pub(crate) fn ask(data: &Path, question: &Question) -> Result<Value, String> {
    let path = path_in(data);
    let connected = StdStream::connect(&path);
    let mut stream =
        connected.map_err(|_| format!("no host runs on the data folder `{}`", data.display()))?;
    let asked = (|| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        writeln!(stream, "{}", serde_json::to_string(question)?)?;
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer)?;
        Ok::<_, io::Error>(serde_json::from_str(&answer)?)
    })();
    asked.map_err(|error| format!("the host at `{}` did not answer: {error}", path.display()))
}

/// Answers whoever asks, one after the other.
pub(crate) async fn serve(socket: &UnixListener, kernel: &Kernel, address: Option<&str>) {
    let began = Instant::now();
    loop {
        match socket.accept().await {
            Ok((stream, _)) => {
                // Who asks and does not go on must not keep others waiting for long; who has left does not matter.
                let _ = tokio::time::timeout(PATIENCE, answer(stream, kernel, address, began)).await;
            }
            Err(error) => {
                tracing::warn!("the control socket: {error}");
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
}

async fn answer(
    mut stream: UnixStream,
    kernel: &Kernel,
    address: Option<&str>,
    began: Instant,
) -> io::Result<()> {
    let mut question = String::new();
    let (read, mut write) = stream.split();
    tokio::io::BufReader::new(read.take(LONGEST)).read_line(&mut question).await?;
    let answer = match serde_json::from_str(&question) {
        Err(error) => json!({ "error": format!("the question is not understood: {error}") }),
        Ok(Question::Status) => status(kernel, address, began).await,
        Ok(Question::Quarantine { plugin }) => {
            outcome(kernel.quarantine(&plugin, "the operator asked for it"))
        }
        Ok(Question::Release { plugin }) => outcome(kernel.release(&plugin)),
    };
    write.write_all(format!("{answer}\n").as_bytes()).await
}

fn outcome(done: Result<(), CallError>) -> Value {
    match done {
        Ok(()) => json!({ "ok": true }),
        Err(error) => json!({ "error": error.message.as_str() }),
    }
}

async fn status(kernel: &Kernel, address: Option<&str>, began: Instant) -> Value {
    let mut watch = kernel.watch();
    watch.look();
    tokio::time::sleep(LOOK_AGAIN).await;
    let running: Vec<Value> = watch.look().iter().map(running_document).collect();
    let points = kernel.metrics().into_iter().filter(|point| point.count > 0);
    let points: Vec<Value> = points
        .map(|point| {
            json!({
                "point": point.point,
                "count": point.count,
                "timed": point.timed,
                "meanNs": (point.timed > 0).then(|| nanos(point.mean_ns)),
            })
        })
        .collect();
    let bridges: Vec<Value> = kernel
        .bridges()
        .into_iter()
        .map(|bridge| {
            json!({
                "point": bridge.point,
                "plugin": bridge.plugin,
                "name": bridge.name,
                "values": bridge.values,
                "nanos": bridge.nanos,
            })
        })
        .collect();
    let footprint = Footprint::of_this_process();
    json!({
        "host": {
            "pid": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
            "address": address,
            "uptimeMs": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "threads": footprint.map(|footprint| footprint.threads),
            "residentBytes": footprint.map(|footprint| footprint.resident_bytes),
        },
        "plugins": kernel.plugins(),
        "points": points,
        "bridges": bridges,
        "running": running,
    })
}

/// Whole nanoseconds; what stands behind the point is noise.
fn nanos(mean: f64) -> u64 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a mean of times is small and positive"
    )]
    let whole = mean.round() as u64;
    whole
}

fn running_document(one: &LongRunning) -> Value {
    json!({
        "thread": one.thread,
        "plugin": one.plugin,
        "point": one.point,
        "runningForMs": u64::try_from(one.running_for.as_millis()).unwrap_or(u64::MAX),
    })
}
