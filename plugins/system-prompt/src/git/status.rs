//! `git status`, as a process that cannot take long, say much, or find anything that it does not need.
//!
//! The configuration of a repository can make `git` start processes: monitors of files, hooks, filters for contents. What can be
//! switched off by an option is; filters cannot be, so this is for repositories only whose configuration the operator trusts.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How long it may take.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How long one waits before one looks again whether it has ended, once it says nothing more.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// Bytes that it may say.
const MOST: usize = 8 << 10;

/// Options that keep a repository's configuration from starting processes, where there is one for it.
const OPTIONS: [&str; 11] = [
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.attributesFile=/dev/null",
    "-c",
    "color.ui=false",
    "-c",
    "protocol.allow=never",
    "--no-pager",
];
const STATUS: [&str; 5] =
    ["status", "--short", "--untracked-files=normal", "--ignore-submodules=all", "--no-renames"];

/// What `git status --short` says of a folder; `None` where there is no `git`, it fails, or it takes too long. Waits for it.
pub(super) fn of(folder: &Path, git: &Path) -> Option<String> {
    let mut command = Command::new(git);
    command.args(OPTIONS).args(STATUS).current_dir(folder);
    // No shell, no credentials, and nothing that a variable could lead it to.
    command.env_clear().env("LC_ALL", "C");
    for name in ["PATH", "HOME"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0").env("GIT_NO_LAZY_FETCH", "1");
    command.env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(folder));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().ok()?;
    let until = Instant::now() + PATIENCE;
    let said = child.stdout.take().and_then(|output| heard(output, until));
    let has_ended = said.as_ref().is_some_and(|said| said.len() <= MOST) && ends(&child, until);
    // Before anybody waits for it, so that its number is still its own.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let succeeded = child.wait().is_ok_and(|status| status.success());
    let is_whole = has_ended && succeeded;
    said.filter(|said| is_whole || said.len() > MOST).map(|said| lines(&said))
}

/// Whether it comes to its end in time.
fn ends(child: &Child, until: Instant) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(Pid::from_child(child)), options) {
            Ok(Some(_)) => return true,
            Ok(None) if Instant::now() < until => std::thread::sleep(LOOK_AGAIN),
            Err(rustix::io::Errno::INTR) => {}
            _ => return false,
        }
    }
}

/// What `git status --short` says of a folder, by the `git` that the host would run. Waits for it.
pub(crate) fn status(folder: &Path) -> Option<String> {
    of(folder, &program("git", &std::env::var_os("PATH")?)?)
}

/// The first program of that name. Relative folders of the path do not count: they would lie in the working folder.
fn program(name: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    let places = std::env::split_paths(path).filter(|place| place.is_absolute());
    places.map(|place| place.join(name)).find(|program| program.is_file())
}

/// Everything that is said until the end, but no more than so much; `None` when that takes too long.
fn heard(mut output: ChildStdout, until: Instant) -> Option<Vec<u8>> {
    let (mut said, mut piece) = (Vec::new(), [0; 4096]);
    while said.len() <= MOST {
        let left = until.checked_duration_since(Instant::now())?;
        let left = Timespec::try_from(left).ok()?;
        let mut watched = [PollFd::new(&output, PollFlags::IN)];
        match poll(&mut watched, Some(&left)) {
            Ok(0) => return None,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return None,
            Ok(_) => {}
        }
        match output.read(&mut piece).ok()? {
            0 => return Some(said),
            count => said.extend_from_slice(&piece[..count]),
        }
    }
    Some(said)
}

fn lines(said: &[u8]) -> String {
    let is_cut = said.len() > MOST;
    let text = String::from_utf8_lossy(&said[..said.len().min(MOST)]);
    let whole = if is_cut { text.rsplit_once('\n').map_or("", |(whole, _)| whole) } else { text.trim_end() };
    // Names of files cannot end a line: `git` quotes them.
    if is_cut { format!("{whole}\n…") } else { whole.to_owned() }
}

#[cfg(test)]
mod tests;
