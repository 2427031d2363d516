//! What is told when nobody answers for a data folder: whether a host runs there, and if so why it is silent.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;

use super::{RunFile, claim};

/// Why nobody can be asked at the data folder: a sentence for a person.
pub(crate) fn why_nobody(data: &Path) -> String {
    let shown = data.display();
    match holder(data) {
        Ok(None) => format!(
            "no host runs on the data folder `{shown}`\n  help: start one with `transom up`, or name its folder with `--data`"
        ),
        Ok(Some(pid)) => {
            let process = pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
            format!(
                "{process} holds the data folder `{shown}` and cannot be asked: it is starting or stopping, or it is a command that works on the folder without a host"
            )
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let owner = owner_of(data).filter(|owner| *owner != geteuid().as_raw());
            let owner = owner.map(|owner| format!(" (number {owner})")).unwrap_or_default();
            format!(
                "whether a host runs on the data folder `{shown}` is for another user{owner} to know: permission denied\n  help: ask as the user who runs that host"
            )
        }
        Err(error) => format!("the data folder `{shown}` cannot be looked at: {error}"),
    }
}

/// Who holds the folder: nobody, or a process, by its number where that could be read.
fn holder(data: &Path) -> io::Result<Option<Option<u32>>> {
    let mut lock = match File::open(data.join("lock")) {
        Ok(lock) => lock,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // Whoever can share the lock proves that nobody holds it.
    match lock.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(claim::pid_in(&mut lock))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn owner_of(data: &Path) -> Option<u32> {
    Some(fs::metadata(data).ok()?.uid())
}

/// What is told of a host that was asked and says nothing for so many seconds.
pub(crate) fn silence(data: &Path, seconds: u64) -> String {
    let shown = data.display();
    let pid = holder(data).ok().flatten().flatten();
    match pid {
        Some(pid) if is_stopped(pid) => told_stopped(pid),
        Some(pid) => {
            format!("the host on the data folder `{shown}`, process {pid}, gave no answer within {seconds} s")
        }
        None => format!("the host on the data folder `{shown}` gave no answer within {seconds} s"),
    }
}

fn told_stopped(pid: u32) -> String {
    format!(
        "the host, process {pid}, was stopped by a signal and answers nobody\n  help: `kill -CONT {pid}` has it go on"
    )
}

impl RunFile {
    /// What is told of the host when a signal has stopped it, so that whoever asks would wait in vain.
    pub(crate) fn told_if_stopped(&self) -> Option<String> {
        is_stopped(self.pid).then(|| told_stopped(self.pid))
    }
}

/// Whether a signal has stopped the process, and none has it go on.
fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program may hold anything, also what ends it.
    stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
}
