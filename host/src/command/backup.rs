//! `transom backup`: a copy of all conversations, made while the host runs or while it does not.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};

use clap::Args;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use transom_plugin_api::CallError;

use super::conversation::{Failure, tell};
use super::keeper;
use crate::control::ask_for_copy;
use crate::keeping::{Keeping, Step, absolute, refusal};
use crate::program::{Common, DONE, INTERRUPTED};
use crate::terminal::{counted, note, shown};

/// Copy all conversations into a file, while the host runs or while it does not
#[derive(Args)]
#[command(
    after_help = "Examples:\n  transom backup /var/backups/transom-monday.db\n  transom backup kept.db --force --json\n\n\
                  The copy is of one moment, examined, and has its name when it is complete.\n\
                  To restore it, stop the host, put it in the place of plugins/conversation-store/conversations.db in the data\n\
                  folder, move away what else begins so there, and start the host."
)]
pub(crate) struct Arguments {
    /// The file to make
    file: PathBuf,
    /// Replace a file that is there already
    #[arg(long)]
    force: bool,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<u8, Failure> {
    let path = absolute(&arguments.file).map_err(Failure::refused)?;
    let folder = common.data_folder_of_host()?;
    let mut meter = Meter::new(common.json);
    // Heard from before anything is asked, and until the end.
    let mut interrupted = pin!(interrupted());
    let copied = tokio::select! {
        biased;
        () = &mut interrupted => None,
        copied = in_host(&folder, &path, arguments.force, &mut meter) => Some(copied),
    };
    let copied = match copied {
        Some(None) => here(common, &path, arguments.force, interrupted, &mut meter).await?,
        Some(copied) => copied,
        None => None,
    };
    meter.end();
    match copied {
        Some(copied) => told(common, copied),
        None => {
            note("interrupted; no backup was made");
            Ok(INTERRUPTED)
        }
    }
}

/// Has the running host make the copy; `None` when there is none.
async fn in_host(
    folder: &Path,
    path: &str,
    replace: bool,
    meter: &mut Meter,
) -> Option<Result<Value, Value>> {
    ask_for_copy(folder, path.to_owned(), replace, |bytes, of| meter.show(bytes, of)).await
}

/// Makes the copy in this process; `None` when that is interrupted.
async fn here(
    common: &Common,
    path: &str,
    replace: bool,
    mut interrupted: Pin<&mut impl Future<Output = ()>>,
    meter: &mut Meter,
) -> Result<Option<Result<Value, Value>>, Failure> {
    let running = tokio::select! {
        biased;
        () = &mut interrupted => return Ok(None),
        running = keeper::start(common) => running?,
    };
    let copied = tokio::select! {
        biased;
        () = &mut interrupted => None,
        copied = copy(running.keeping(), path, replace, meter) => Some(copied),
    };
    // What was given up is gone when this has ended.
    running.stop().await;
    Ok(copied.map(|copied| copied.map_err(|error| refusal(&error))))
}

async fn copy(keeping: &Keeping, path: &str, replace: bool, meter: &mut Meter) -> Result<Value, CallError> {
    let mut copying = keeping.back_up(path, replace)?;
    loop {
        match copying.next().await? {
            Step::Copied(bytes, of) => meter.show(bytes, of),
            Step::Complete(copied) => return Ok(copied),
        }
    }
}

fn told(common: &Common, copied: Result<Value, Value>) -> Result<u8, Failure> {
    let copied = copied.map_err(|refusal| {
        let message = refusal["error"].as_str().unwrap_or("it gave no reason");
        let failure =
            if refusal["refused"] == true { Failure::refused(message) } else { Failure::failed(message) };
        if refusal["taken"] == true { failure.with_help("`--force` replaces it") } else { failure }
    })?;
    tell(common, &copied, described);
    Ok(DONE)
}

fn described(copied: &Value) -> String {
    let number = |key: &str| usize::try_from(copied[key].as_u64().unwrap_or_default()).unwrap_or(usize::MAX);
    let path = shown(copied["path"].as_str().unwrap_or_default());
    let conversations = counted(number("conversations"), "conversation");
    let entries =
        if number("entries") == 1 { "1 entry".to_owned() } else { format!("{} entries", number("entries")) };
    format!("{path}: {conversations}, {entries}, {} bytes\n", number("bytes"))
}

/// Waits for Ctrl-C or SIGTERM; for ever when they cannot be heard.
async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Shows a person how far a copy is, in one line of a terminal.
struct Meter {
    is_shown: bool,
    line: String,
}

impl Meter {
    fn new(json: bool) -> Self {
        Self { is_shown: !json && io::stderr().is_terminal(), line: String::new() }
    }

    fn show(&mut self, bytes: u64, of: u64) {
        let line = line_of(bytes, of);
        if self.is_shown && line != self.line {
            // A terminal that cannot be written to shows nothing.
            let _ = write!(io::stderr(), "\r{line}");
            self.line = line;
        }
    }

    fn end(&self) {
        if !self.line.is_empty() {
            let _ = write!(io::stderr(), "\r{:width$}\r", "", width = self.line.len());
        }
    }
}

fn line_of(bytes: u64, of: u64) -> String {
    let percent = (bytes.saturating_mul(100)).checked_div(of).unwrap_or(100);
    let doing = if bytes < of { "copying  " } else { "examining" };
    format!("{doing} {percent:3} % of {} MiB", of >> 20)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_far_it_is_fits_on_a_line_of_the_same_width() {
        assert_eq!(line_of(0, 0), "examining 100 % of 0 MiB");
        assert_eq!(line_of(1 << 20, 4 << 20), "copying    25 % of 4 MiB");
        assert_eq!(line_of(4 << 20, 4 << 20), "examining 100 % of 4 MiB");
    }

    #[test]
    fn a_copy_is_told_in_a_line() {
        let copied = json!({ "path": "/kept.db", "bytes": 9, "conversations": 1, "entries": 1 });
        assert_eq!(described(&copied), "/kept.db: 1 conversation, 1 entry, 9 bytes\n");
    }
}
