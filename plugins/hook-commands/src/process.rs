//! A hook as a process: run, fed, heard and ended with everything in its group, within bounds.

use std::ffi::OsString;
use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use transom_plugin_api::sabotage::sabotaged;

use crate::decision::Ended;

/// Bytes that a hook may print, on each of its outputs.
pub(crate) const MOST: usize = 1 << 20;
/// How long what the shell has left behind may take to print its last.
const GRACE: Duration = Duration::from_millis(250);
/// What a shell adds to the number of the signal that has ended what it ran, and the highest such number.
const BY_SIGNAL: i32 = 128;
const LAST_SIGNAL: i32 = 64;
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) command: String,
    pub(crate) folder: PathBuf,
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// For its standard input.
    pub(crate) input: Vec<u8>,
    pub(crate) limit: Duration,
}

/// Runs a hook and waits for its end. When the other side of the bell is dropped, it is ended.
pub(crate) fn run(order: &Order, bell: &PipeReader) -> Ended {
    match Course::begin(order) {
        Ok(course) => course.finish(&order.input, bell),
        Err(error) => Ended::NotRun(error.to_string()),
    }
}

/// A hook that runs. Dropped, it is ended.
struct Course {
    child: Child,
    /// Readable when the shell has ended.
    end: OwnedFd,
    input: Option<ChildStdin>,
    /// Standard output and standard error.
    outputs: [Option<PipeReader>; 2],
    printed: [Vec<u8>; 2],
    limit: Duration,
    /// Whether it was ended and waited for.
    is_over: bool,
}

/// What there is to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ready {
    Bell,
    End,
    Input,
    Output(usize),
}

impl Course {
    fn begin(order: &Order) -> io::Result<Self> {
        let ((out, their_out), (error, their_error)) = (io::pipe()?, io::pipe()?);
        rustix::io::ioctl_fionbio(&out, true)?;
        rustix::io::ioctl_fionbio(&error, true)?;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(&order.command).current_dir(&order.folder);
        command.env_clear().envs(order.environment.iter().cloned());
        command.stdin(Stdio::piped()).stdout(their_out).stderr(their_error).process_group(0);
        let mut child = command.spawn()?;
        // With the command go this side's copies of what is theirs, so that their end is an end.
        drop(command);
        let input = child.stdin.take();
        let end = match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(end) => end,
            Err(error) => {
                end_group(&mut child);
                return Err(error.into());
            }
        };
        let outputs = [Some(out), Some(error)];
        let course = Self {
            child,
            end,
            input,
            outputs,
            printed: Default::default(),
            limit: order.limit,
            is_over: false,
        };
        course.input.as_ref().map_or(Ok(()), |input| rustix::io::ioctl_fionbio(input, true))?;
        Ok(course)
    }

    fn finish(mut self, mut input: &[u8], bell: &PipeReader) -> Ended {
        let until = Instant::now() + self.limit;
        let (mut last, mut piece) = (None, vec![0; PIECE]);
        loop {
            let ready = match self.ready(bell, last.is_some(), last.unwrap_or(until)) {
                Ok(ready) => ready,
                Err(error) => return Ended::NotRun(format!("it was lost sight of: {error}")),
            };
            if ready.contains(&Ready::Bell) && !sabotaged("hooks-run-on-for-nobody") {
                return Ended::Cut;
            }
            for ready in ready {
                match ready {
                    Ready::Input => {
                        let is_heard = self.feed(&mut input);
                        if !is_heard && sabotaged("hooks-must-read") {
                            return Ended::NotRun("it did not read what it is told".to_owned());
                        }
                    }
                    Ready::Output(which) => self.read(which, &mut piece),
                    Ready::End => last = Some(Instant::now() + GRACE),
                    Ready::Bell => {}
                }
            }
            if self.printed.iter().any(|printed| printed.len() > MOST) && !sabotaged("hooks-may-flood") {
                return Ended::Flooded(MOST);
            }
            let is_silent = self.outputs.iter().all(Option::is_none);
            match last {
                Some(last)
                    if is_silent || Instant::now() >= last && !sabotaged("hooks-wait-for-the-pipe") =>
                {
                    return self.over();
                }
                None if Instant::now() >= until && !sabotaged("hooks-run-without-end") => {
                    return Ended::Late(self.limit);
                }
                _ => {}
            }
        }
    }

    /// Waits until there is something to do, no longer than until then.
    fn ready(&self, bell: &PipeReader, has_ended: bool, until: Instant) -> io::Result<Vec<Ready>> {
        let mut sources: Vec<(Ready, BorrowedFd<'_>, PollFlags)> =
            vec![(Ready::Bell, bell.as_fd(), PollFlags::IN)];
        if !has_ended {
            sources.push((Ready::End, self.end.as_fd(), PollFlags::IN));
        }
        if let Some(input) = &self.input {
            sources.push((Ready::Input, input.as_fd(), PollFlags::OUT));
        }
        for (which, output) in self.outputs.iter().enumerate() {
            sources
                .extend(output.as_ref().map(|output| (Ready::Output(which), output.as_fd(), PollFlags::IN)));
        }
        let mut watched: Vec<_> =
            sources.iter().map(|(_, file, wanted)| PollFd::from_borrowed_fd(*file, *wanted)).collect();
        // Rounded up, so that one does not wake just before the time.
        let left = until.saturating_duration_since(Instant::now()) + Duration::from_micros(100);
        match poll(&mut watched, Timespec::try_from(left).ok().as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = sources.iter().zip(&watched).filter(|(_, watched)| !watched.revents().is_empty());
        Ok(ready.map(|((ready, ..), _)| *ready).collect())
    }

    /// Writes as much of the input as there is room for; whether it may be read yet. A hook that does not read it has not failed by that.
    fn feed(&mut self, input: &mut &[u8]) -> bool {
        let Some(pipe) = &mut self.input else { return true };
        let mut is_heard = true;
        match pipe.write(input) {
            Ok(count) => *input = &input[count..],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return true;
            }
            Err(_) => (*input, is_heard) = (&[], false),
        }
        if input.is_empty() {
            self.input = None;
        }
        is_heard
    }

    fn read(&mut self, which: usize, piece: &mut [u8]) {
        let Some(output) = &mut self.outputs[which] else { return };
        match output.read(piece) {
            Ok(0) => self.outputs[which] = None,
            Ok(count) => self.printed[which].extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.outputs[which] = None,
        }
    }

    /// How it ended, now that it has.
    fn over(mut self) -> Ended {
        self.is_over = true;
        let Some(status) = end_group(&mut self.child) else {
            return Ended::NotRun("its end is not known".to_owned());
        };
        let [out, error] = std::mem::take(&mut self.printed);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let signal = status.signal().or_else(|| status.code().and_then(signal_told_by));
        match (signal, status.code()) {
            (None, Some(code)) => Ended::Exited { code, out: text(out), error: text(error) },
            (signal, _) => Ended::Killed(signal.unwrap_or_default()),
        }
    }
}

/// The signal that has ended what a shell ran, as the shell tells it by its own exit code.
fn signal_told_by(code: i32) -> Option<i32> {
    let signal = code - BY_SIGNAL;
    ((1..=LAST_SIGNAL).contains(&signal) && !sabotaged("hooks-take-a-crash-for-an-exit")).then_some(signal)
}

impl Drop for Course {
    fn drop(&mut self) {
        if !self.is_over {
            end_group(&mut self.child);
        }
    }
}

/// Ends the shell, if it has not ended, and all of its group; how the shell ended. Only once: afterwards its number may be another's.
fn end_group(child: &mut Child) -> Option<ExitStatus> {
    let signal = if sabotaged("hooks-leave-what-they-started") { None } else { Some(Signal::KILL) };
    match signal {
        // It fails only where nobody is left.
        Some(signal) => drop(kill_process_group(Pid::from_child(child), signal)),
        None => drop(child.kill()),
    }
    child.wait().ok()
}

#[cfg(test)]
mod tests;
