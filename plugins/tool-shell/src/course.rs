//! [`Course`]: a command from its beginning until nothing of it is left.

use std::io::{ErrorKind, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use transom_plugin_api::sabotage::sabotaged;

use crate::keeping::{Keeping, Order, Program, Said};
use crate::output::Output;
use crate::stream::Stream;

/// Bytes that are read at once, which is what a pipe holds.
const PIECE: usize = 64 << 10;
/// Bytes of a stream that are read when nothing of the command is left: what is in its pipe, and no more, should somebody else
/// have been given the other end.
const LAST: usize = 1 << 20;

/// Why a command was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It took too long.
    Over = 1,
    /// The tool is about to end.
    Closing = 2,
    /// Nobody waits for it any more.
    Unwanted,
}

/// How a command went.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The shell's wait status, when it is known.
    pub(crate) status: Option<i32>,
    pub(crate) stop: Option<Stop>,
    /// Whether something was still running when the shell had ended by itself.
    pub(crate) left: bool,
    /// Whether something could not be ended.
    pub(crate) is_stubborn: bool,
}

/// How far it is; each stage but the first ends at its time.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The shell runs.
    Running,
    /// The shell has ended, something else has not.
    Lingering(Instant),
    /// Everything was asked to end.
    Asked(Instant),
    /// Everything was killed.
    Killed(Instant),
    /// Nothing is left.
    Over,
}

/// What there is to hear from.
#[derive(Clone, Copy)]
enum Source {
    Keeper,
    Bell,
    Printed(Stream),
}

/// A command that runs.
pub(crate) struct Course<'a> {
    keeping: Keeping,
    streams: [Option<PipeReader>; 2],
    /// Says in one byte why the command is to end, and ends itself when nobody waits any more.
    bell: Option<PipeReader>,
    shell: PathBuf,
    grace: Duration,
    kill_after: Duration,
    patience: Duration,
    output: &'a mut Output,
    stage: Stage,
    outcome: Outcome,
}

impl<'a> Course<'a> {
    /// Runs a command. What it prints is taken by `output`.
    ///
    /// # Errors
    /// Why it could not be run, for the model.
    pub(crate) fn begin(
        program: &Program,
        order: &Order,
        bell: PipeReader,
        output: &'a mut Output,
    ) -> Result<Self, String> {
        let (keeping, streams) = Keeping::begin(program, order)?;
        let outcome = Outcome { status: None, stop: None, left: false, is_stubborn: false };
        let (streams, bell) = (streams.map(Some), Some(bell));
        let shell = order.shell.clone();
        Ok(Self {
            shell,
            grace: order.grace,
            keeping,
            streams,
            bell,
            kill_after: order.kill_after,
            patience: order.patience,
            output,
            stage: Stage::Running,
            outcome,
        })
    }

    /// Waits until nothing of it is left.
    ///
    /// # Errors
    /// Why it could not be run, for the model.
    pub(crate) fn finish(mut self) -> Result<Outcome, String> {
        let mut piece = vec![0; PIECE];
        while !matches!(self.stage, Stage::Over) {
            let ready = self.ready().map_err(|error| format!("the command was lost sight of: {error}"))?;
            for source in ready {
                match source {
                    Source::Keeper => self.hear_keeper()?,
                    Source::Bell => self.hear_bell(),
                    Source::Printed(stream) => drop(self.read(stream, &mut piece)),
                }
            }
            self.go_on(Instant::now());
        }
        self.keeping.end();
        Stream::BOTH.into_iter().for_each(|stream| self.read_last(stream, &mut piece));
        Ok(self.outcome)
    }

    /// Waits until there is something to hear or to do.
    fn ready(&self) -> Result<Vec<Source>, Errno> {
        let sources = self.sources();
        let files = sources.iter().map(|(_, file)| *file);
        let mut watched: Vec<_> = files.map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN)).collect();
        let now = Instant::now();
        let next = self.stage.end().into_iter().chain(self.output.due(now)).min();
        // Rounded up, so that one does not wake just before the time.
        let left = next.map(|next| next.saturating_duration_since(now) + Duration::from_micros(100));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut watched, left.as_ref()) {
            Err(Errno::INTR) => return Ok(Vec::new()),
            other => other?,
        };
        let is_ready = |watched: &PollFd<'_>| !watched.revents().is_empty();
        Ok(sources
            .iter()
            .zip(&watched)
            .filter(|(_, file)| is_ready(file))
            .map(|((source, _), _)| *source)
            .collect())
    }

    fn sources(&self) -> Vec<(Source, BorrowedFd<'_>)> {
        let printed = Stream::BOTH.into_iter().filter_map(|stream| {
            Some((Source::Printed(stream), self.streams[stream as usize].as_ref()?.as_fd()))
        });
        let bell = self.bell.as_ref().map(|bell| (Source::Bell, bell.as_fd()));
        printed.chain(bell).chain([(Source::Keeper, self.keeping.as_fd())]).collect()
    }

    /// How much of a stream there was to read; `None` where there is nothing now.
    fn read(&mut self, stream: Stream, piece: &mut [u8]) -> Option<usize> {
        let reader = self.streams[stream as usize].as_mut()?;
        match reader.read(piece) {
            Ok(0) => self.streams[stream as usize] = None,
            Ok(count) => {
                self.output.take(stream, &piece[..count]);
                return Some(count);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.streams[stream as usize] = None,
        }
        None
    }

    fn read_last(&mut self, stream: Stream, piece: &mut [u8]) {
        let mut left = LAST;
        while let Some(count) = self.read(stream, piece).filter(|_| left > 0) {
            left = left.saturating_sub(count);
        }
    }

    fn hear_keeper(&mut self) -> Result<(), String> {
        for said in self.keeping.said() {
            match said {
                Said::Ended(status) => {
                    self.outcome.status = Some(status);
                    if matches!(self.stage, Stage::Running) && !sabotaged("wait-for-the-pipe") {
                        self.stage = Stage::Lingering(Instant::now() + self.grace);
                    }
                }
                Said::NotStarted(number) => {
                    let reason = std::io::Error::from_raw_os_error(number);
                    return Err(format!("the shell `{}` cannot be run: {reason}", self.shell.display()));
                }
                Said::Gone => self.stage = Stage::Over,
            }
        }
        Ok(())
    }

    fn hear_bell(&mut self) {
        let mut rung = [0];
        // It is heard once. Whoever has gone when the time was over is not told less than otherwise.
        let stop = match self.bell.take().map(|mut bell| bell.read(&mut rung)) {
            Some(Ok(1)) if rung == [Stop::Over as u8] => Stop::Over,
            Some(Ok(1)) => Stop::Closing,
            _ => Stop::Unwanted,
        };
        if stop == Stop::Unwanted && sabotaged("run-on-after-a-dropped-call") {
            return;
        }
        match self.stage {
            Stage::Running => self.outcome.stop = Some(stop),
            // The command itself came to its end in time.
            Stage::Lingering(_) => self.outcome.left = true,
            _ => return,
        }
        self.ask();
    }

    /// Does what its time has come for.
    fn go_on(&mut self, now: Instant) {
        self.output.show(now);
        if self.stage.end().is_none_or(|end| end > now) {
            return;
        }
        match self.stage {
            Stage::Lingering(_) if sabotaged("leave-what-the-shell-left") => {
                self.keeping.abandon();
                self.stage = Stage::Over;
            }
            Stage::Lingering(_) => {
                self.outcome.left = true;
                self.ask();
            }
            Stage::Asked(_) => {
                if !sabotaged("ask-and-never-kill") {
                    self.keeping.kill();
                }
                self.stage = Stage::Killed(now + self.patience);
            }
            Stage::Killed(_) => {
                self.outcome.is_stubborn = true;
                self.stage = Stage::Over;
            }
            Stage::Running | Stage::Over => {}
        }
    }

    fn ask(&mut self) {
        self.keeping.terminate();
        self.stage = Stage::Asked(Instant::now() + self.kill_after);
    }
}

impl Stage {
    fn end(&self) -> Option<Instant> {
        match self {
            Self::Lingering(end) | Self::Asked(end) | Self::Killed(end) => Some(*end),
            Self::Running | Self::Over => None,
        }
    }
}

#[cfg(test)]
mod tests;
