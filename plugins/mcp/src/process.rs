//! [`Process`]: a server as a process, with a group of its own that ends when it does.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe::{Receiver, Sender};
use transom_plugin_api::sabotage::sabotaged;

use crate::warden::{Warden, Watched};

/// How long one waits where one may not for long.
const TO_GO: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    pub(crate) folder: PathBuf,
}

/// A process that was started, and all that it starts. Dropped, they are killed.
#[derive(Debug)]
pub(crate) struct Process {
    child: Option<Child>,
    group: Pid,
    descriptor: OwnedFd,
    watched: Option<Watched>,
}

/// Where it is spoken to.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) input: Sender,
    pub(crate) output: Receiver,
    pub(crate) errors: Receiver,
}

impl Process {
    /// Starts it, under the eyes of a warden. Asks the disk.
    pub(crate) fn start(start: &Start, warden: &Warden) -> io::Result<Self> {
        let mut command = Command::new(&start.program);
        command.args(&start.arguments).current_dir(&start.folder).env_clear();
        command.envs(start.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let group = Pid::from_child(&child);
        let watched = Some(warden.watch(group));
        match pidfd_open(group, PidfdFlags::NONBLOCK) {
            Ok(descriptor) => Ok(Self { child: Some(child), group, descriptor, watched }),
            Err(error) => {
                kill(group);
                child.wait()?;
                Err(error.into())
            }
        }
    }

    /// Its pipes, once. Inside of a runtime.
    pub(crate) fn pipes(&mut self) -> io::Result<Pipes> {
        let child = self.child.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = (input, output, errors) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        Ok(Pipes {
            input: Sender::from_owned_fd(input.into())?,
            output: Receiver::from_owned_fd(output.into())?,
            errors: Receiver::from_owned_fd(errors.into())?,
        })
    }

    /// Waits until it has ended; what it has started may still run. Inside of a runtime.
    pub(crate) async fn ended(&self) -> io::Result<()> {
        #[expect(deprecated, reason = "an owned descriptor is what its unsafe successor asks to be promised")]
        let descriptor = AsyncFd::with_interest(self.descriptor.try_clone()?, Interest::READABLE)?;
        descriptor.readable().await.map(drop)
    }

    /// Kills it with all of its group, waits until it is gone, and tells how it has ended.
    pub(crate) async fn end(mut self) -> Option<ExitStatus> {
        kill(self.group);
        // It is a zombie from then on, so that its number stays its own until it is waited for.
        self.ended().await.ok()?;
        drop(self.watched.take());
        self.child.take().and_then(|mut child| child.wait().ok())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        kill(self.group);
        let mut watched = [PollFd::new(&self.descriptor, PollFlags::IN)];
        // What was killed goes at once, unless the kernel itself holds it: then it is left to whoever watches, and nobody waits for it.
        if poll(&mut watched, Some(&TO_GO)) == Ok(0) {
            std::mem::forget(self.watched.take());
            return;
        }
        drop(self.watched.take());
        let _ = child.try_wait();
    }
}

/// The number of a group whose leader was not waited for yet is nobody else's.
fn kill(group: Pid) {
    if !sabotaged("leave-servers-running") {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// How a process has ended, for a person.
pub(crate) fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    fn start(script: &str) -> Process {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        let environment = vec![("PATH".into(), std::env::var_os("PATH").expect("there is one"))];
        let folder = std::env::temp_dir();
        let start = Start { program: "sh".to_owned(), arguments, environment, folder };
        Process::start(&start, &Warden::default()).expect("started")
    }

    #[tokio::test]
    async fn a_process_ends_with_all_of_its_group() {
        let mut process = start("sleep 1000 & echo $!; wait");
        let mut pipes = process.pipes().expect("its pipes");
        assert!(pipes.output.read(&mut [0; 32]).await.expect("read") > 0, "the number of the second one");
        assert_eq!(process.end().await.and_then(|status| status.signal()), Some(9));
        // The second one held the other end of the pipe, too.
        let mut rest = Vec::new();
        pipes.output.read_to_end(&mut rest).await.expect("the pipe is closed");
    }

    #[tokio::test]
    async fn that_one_has_ended_by_itself_is_noticed_and_told() {
        let process = start("exit 7");
        process.ended().await.expect("it ends");
        assert_eq!(told(process.end().await.expect("it was waited for")), "it ended with code 7");
    }

    #[tokio::test]
    async fn one_that_is_dropped_is_killed() {
        let mut process = start("sleep 1000");
        let mut output = process.pipes().expect("its pipes").output;
        drop(process);
        assert_eq!(output.read(&mut [0]).await.expect("the pipe is closed"), 0);
    }
}
