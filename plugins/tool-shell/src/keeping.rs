//! [`Keeping`]: a command under its keeper, as the plugin sees it.
//!
//! The keeper is a program of its own, see `keeper/main.rs`. It runs out of memory that nobody else can change, because a plugin
//! has no second file.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use transom_plugin_api::sabotage::sabotaged;

use crate::stray;

/// What `build.rs` has compiled.
const KEEPER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/keeper"));

/// The variable by which processes of a command are known.
pub(crate) const MARKER: &str = "TRANSOM_RUN";

/// The keeper in memory, to be run as often as there is something to run.
#[derive(Debug)]
pub(crate) struct Program(OwnedFd);

impl Program {
    /// # Errors
    /// When the system has no memory for it, or none that may hold programs.
    pub(crate) fn load() -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Newer systems want to be told that it is to hold code; older ones do not know the flag.
        let memory = match memfd_create("transom-keeper", flags | MemfdFlags::EXEC) {
            Err(Errno::INVAL) => memfd_create("transom-keeper", flags),
            made => made,
        };
        let mut memory = File::from(memory?);
        memory.write_all(KEEPER)?;
        fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
        Ok(Self(memory.into()))
    }
}

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) shell: PathBuf,
    pub(crate) command: String,
    pub(crate) folder: PathBuf,
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// A name for this run that no other has.
    pub(crate) run: String,
    /// How long what the shell has left running may take to end by itself.
    pub(crate) grace: Duration,
    /// Between SIGTERM and SIGKILL.
    pub(crate) kill_after: Duration,
    /// How long what was killed may take to be gone.
    pub(crate) patience: Duration,
}

/// What the keeper says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The shell has ended, with this wait status.
    Ended(i32),
    /// There is no shell, by this number of the system's.
    NotStarted(i32),
    /// The keeper is gone, as it is when nothing is left for it to keep.
    Gone,
}

/// A command with everything below it. Dropped, it is ended.
#[derive(Debug)]
pub(crate) struct Keeping {
    keeper: Child,
    socket: UnixStream,
    heard: Vec<u8>,
    run: String,
    is_gone: bool,
    is_over: bool,
}

impl Keeping {
    /// Runs a command. What it prints to is given along, and never makes a reader wait.
    ///
    /// # Errors
    /// Why it cannot be run, for the model.
    pub(crate) fn begin(program: &Program, order: &Order) -> Result<(Self, [PipeReader; 2]), String> {
        if !order.folder.is_dir() {
            return Err(format!("the turn's folder `{}` does not exist any more", order.folder.display()));
        }
        Self::try_begin(program, order).map_err(|error| format!("commands cannot be run: {error}"))
    }

    fn try_begin(program: &Program, order: &Order) -> io::Result<(Self, [PipeReader; 2])> {
        let (socket, theirs) = UnixStream::pair()?;
        let ((out, their_out), (error, their_error)) = (io::pipe()?, io::pipe()?);
        socket.set_nonblocking(true)?;
        rustix::io::ioctl_fionbio(&out, true)?;
        rustix::io::ioctl_fionbio(&error, true)?;
        let patience =
            if sabotaged("outlive-the-host") { Duration::from_hours(24) } else { order.kill_after };
        let mut command = Command::new(format!("/proc/self/fd/{}", program.0.as_raw_fd()));
        command.arg0("transom-keeper").arg(patience.as_millis().to_string());
        command.arg(&order.shell).arg(&order.command).current_dir(&order.folder);
        command.env_clear().envs(order.environment.iter().cloned()).env(MARKER, &order.run);
        command.stdin(OwnedFd::from(theirs)).stdout(their_out).stderr(their_error);
        let keeper = command.spawn()?;
        // With the command go this side's copies of what is theirs, so that their end is an end.
        drop(command);
        let run = order.run.clone();
        let keeping = Self { keeper, socket, heard: Vec::new(), run, is_gone: false, is_over: false };
        Ok((keeping, [out, error]))
    }

    /// What the keeper has said since one asked last. Does not wait.
    pub(crate) fn said(&mut self) -> Vec<Said> {
        let mut piece = [0; 64];
        loop {
            match self.socket.read(&mut piece) {
                Ok(0) => break self.is_gone = true,
                Ok(count) => self.heard.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => break self.is_gone = true,
            }
        }
        let whole = self.heard.len() / 5 * 5;
        let words: Vec<u8> = self.heard.drain(..whole).collect();
        words.chunks_exact(5).map(read).chain(self.is_gone.then_some(Said::Gone)).collect()
    }

    /// Asks everything to end.
    pub(crate) fn terminate(&mut self) {
        self.order(b't');
    }

    /// Ends everything.
    pub(crate) fn kill(&mut self) {
        self.order(b'k');
    }

    fn order(&mut self, order: u8) {
        // When it cannot be told the keeper has gone, which the next reading tells.
        let _ = self.socket.write_all(&[order]);
    }

    /// Takes the keeper away, and what it may have left behind: nothing, unless somebody has ended or stopped the keeper itself.
    pub(crate) fn end(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let _ = self.socket.shutdown(Shutdown::Both);
        if !self.is_gone {
            let _ = self.keeper.kill();
        }
        let has_finished = self.keeper.wait().is_ok_and(|status| status.success());
        if !has_finished {
            stray::end(&self.run);
        }
    }

    /// Takes the keeper away and leaves everything else, which only a break does.
    pub(crate) fn abandon(&mut self) {
        self.is_over = true;
        let _ = self.keeper.kill().and_then(|()| self.keeper.wait());
    }
}

#[cfg(test)]
impl Keeping {
    /// Goes without a word, as a host does that is killed.
    pub(crate) fn forget(mut self) {
        self.is_over = true;
        let _ = self.socket.shutdown(Shutdown::Both);
        std::thread::spawn(move || self.keeper.wait());
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.end();
    }
}

impl AsFd for Keeping {
    /// Readable when the keeper has said something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn read(word: &[u8]) -> Said {
    let number = i32::from_ne_bytes([word[1], word[2], word[3], word[4]]);
    if word[0] == b'e' { Said::Ended(number) } else { Said::NotStarted(number) }
}
