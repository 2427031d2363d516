//! [`Warden`]: a small process that kills the groups of servers when the host is gone, however that came.
//!
//! The kernel closes the pipe to it when the host ends, also by `SIGKILL`; then it kills what was not told to have ended. That
//! holds for whatever a server has started, unless that has left its group.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::Pid;
use transom_plugin_api::sabotage::sabotaged;

/// Reads `+ GROUP` and `- GROUP`, one a line, until there is nothing more to come.
const SCRIPT: &str = r#"trap '' HUP INT TERM
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done"#;

/// Watches over groups. Cheap to clone; the process is there from the first group on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warden(Arc<Mutex<Watch>>);

#[derive(Debug, Default)]
struct Watch {
    process: Option<(Child, ChildStdin)>,
    is_told: bool,
}

/// A group that is watched over, until this is dropped: while its number is still its own.
#[derive(Debug)]
pub(crate) struct Watched {
    warden: Warden,
    group: Pid,
}

impl Warden {
    /// Watches over a group from now on.
    pub(crate) fn watch(&self, group: Pid) -> Watched {
        self.tell('+', group);
        Watched { warden: self.clone(), group }
    }

    fn tell(&self, sign: char, group: Pid) {
        let mut watch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if watch.process.is_none() {
            watch.process = begin();
        }
        let line = format!("{sign} {}\n", group.as_raw_nonzero());
        let told = watch.process.as_mut().map(|(_, input)| input.write_all(line.as_bytes()));
        if !matches!(told, Some(Ok(()))) && !std::mem::replace(&mut watch.is_told, true) {
            tracing::warn!(
                "nobody can watch over the servers' processes: should the host be killed, they only notice that nobody writes to them any more"
            );
        }
    }
}

fn begin() -> Option<(Child, ChildStdin)> {
    if sabotaged("let-servers-outlive-the-host") {
        return None;
    }
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SCRIPT]).env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().ok()?;
    let input = child.stdin.take()?;
    Some((child, input))
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.warden.tell('-', self.group);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some((mut child, input)) = self.process.take() {
            // Then it ends, since there is nothing left for it to do.
            drop(input);
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// A process that leads a group, and a pipe that is closed when it has ended.
    fn group() -> (Child, std::process::ChildStdout) {
        let mut command = Command::new("sleep");
        let mut child = command.arg("100").stdout(Stdio::piped()).process_group(0).spawn().expect("started");
        let output = child.stdout.take().expect("it is piped");
        (child, output)
    }

    #[test]
    fn when_the_host_is_gone_the_groups_are_killed_that_were_not_told_to_have_ended() {
        let (mut first, mut output) = group();
        let (mut second, _) = group();
        let warden = Warden::default();
        let watched = warden.watch(Pid::from_child(&first));
        drop(warden.watch(Pid::from_child(&second)));
        // As the kernel does it with a host that is killed.
        let process = warden.0.lock().expect("nobody panics in here").process.take();
        let (mut sh, input) = process.expect("it runs");
        drop(input);
        sh.wait().expect("it ends");
        assert_eq!(output.read(&mut [0]).expect("the pipe is closed"), 0);
        first.wait().expect("it was killed");
        assert!(second.try_wait().expect("asked").is_none(), "the other one lives");
        std::mem::forget(watched);
        second.kill().and_then(|()| second.wait()).expect("killed");
    }
}
