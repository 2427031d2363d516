//! What somebody asks for over the control socket and waits for: a copy, with a line whenever it is further and the last one
//! about the whole, and an examination, which has one line.

use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::{PATIENCE, Question, door, pulse, say, told as told_why};
use crate::data::Guest;
use crate::keeping::{Keeping, Step, refusal};

/// Copies where plugins run; what is told ends with the copy. It is given up when nobody listens any more.
pub(super) fn begin(
    keeping: Keeping,
    runtime: &Handle,
    path: String,
    replace: bool,
) -> mpsc::Receiver<Value> {
    let (tell, told) = mpsc::channel(1);
    runtime.spawn(async move {
        let mut copying = match keeping.back_up(&path, replace) {
            Ok(copying) => copying,
            Err(error) => return drop(tell.send(refusal(&error)).await),
        };
        loop {
            let step = tokio::select! {
                step = copying.next() => step,
                () = tell.closed() => return,
            };
            let (document, is_last) = match step {
                Ok(Step::Copied(bytes, of)) => (json!({ "bytes": bytes, "of": of }), false),
                Ok(Step::Complete(copied)) => (json!({ "copied": copied }), true),
                Err(error) => (refusal(&error), true),
            };
            if tell.send(document).await.is_err() || is_last {
                return;
            }
        }
    });
    told
}

/// Examines everything where plugins run, and gives it up when nobody listens any more.
pub(super) fn begin_examining(keeping: Keeping, runtime: &Handle) -> mpsc::Receiver<Value> {
    let (tell, told) = mpsc::channel(1);
    runtime.spawn(async move {
        let examined = tokio::select! {
            examined = keeping.examine() => examined,
            () = tell.closed() => return,
        };
        // Who has left by now does not miss it.
        let _ = tell.send(examined.unwrap_or_else(|error| refusal(&error))).await;
    });
    told
}

/// Tells somebody who asked, with signs of life in between, until there is no more to tell or they have left.
pub(super) async fn follow(
    mut told: mpsc::Receiver<Value>,
    mut left: impl AsyncRead + Unpin,
    write: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut pulse = pulse::pulse();
    loop {
        let mut byte = [0];
        let document = tokio::select! {
            document = told.recv() => document,
            _ = pulse.tick() => Some(pulse::at_work()),
            _ = left.read(&mut byte) => return Ok(()),
        };
        let Some(document) = document else { return Ok(()) };
        say(write, &document).await?;
    }
}

/// Has the host of a data folder make a copy, and tells how far it is: bytes, of so many. Dropping it gives the copy up.
///
/// # Errors
/// What the host has refused it with, as a document; `None` when there is no host.
pub(crate) async fn ask(
    data: &Path,
    path: String,
    replace: bool,
    mut tell: impl FnMut(u64, u64),
) -> Option<Result<Value, Value>> {
    // A host that ends with its guests waits for this one.
    let _guest = Guest::of(data);
    let stream = door::connect(data).ok()?;
    let question = json!(Question::Backup { path, replace });
    let failed = |error: &io::Error| json!({ "error": told_why(data, error) });
    let mut lines = match begun(stream, &question).await {
        Ok(stream) => BufReader::new(stream).lines(),
        Err(error) => return Some(Err(failed(&error))),
    };
    loop {
        let mut document = match next(&mut lines).await {
            Ok(document) if pulse::is_at_work(&document) => continue,
            Ok(document) => document,
            Err(error) => return Some(Err(failed(&error))),
        };
        match (&document["copied"], document["bytes"].as_u64(), document["of"].as_u64()) {
            (Value::Null, Some(bytes), Some(of)) => tell(bytes, of),
            (Value::Null, ..) => return Some(Err(document)),
            _ => return Some(Ok(document["copied"].take())),
        }
    }
}

async fn begun(stream: StdStream, question: &Value) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(stream)?;
    tokio::time::timeout(PATIENCE, stream.write_all(format!("{question}\n").as_bytes())).await??;
    Ok(stream)
}

/// The next document, which comes soon: it may be a sign of life.
async fn next(lines: &mut Lines<BufReader<UnixStream>>) -> io::Result<Value> {
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await??;
    let line = line.ok_or_else(|| io::Error::other("it closed the connection"))?;
    Ok(serde_json::from_str(&line)?)
}
