//! Ends what belonged to a command whose keeper was taken away, as far as it can still be known.
//!
//! Its processes have the run's name in their environment, unless they have put it away.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::keeping::MARKER;

/// How long what was killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks at which nobody is found before nobody is there: a process that is just becoming another program has no environment
/// for a moment.
const VAIN_LOOKS: u32 = 5;

/// Ends every process of this run that can be found, and waits until none is.
pub(crate) fn end(run: &str) {
    let (until, mut vain) = (Instant::now() + PATIENCE, 0);
    while vain < VAIN_LOOKS && Instant::now() < until {
        let found = of(run);
        vain = if found.is_empty() { vain + 1 } else { 0 };
        for process in found {
            // One that has gone meanwhile needs no end.
            let _ = kill_process(process, Signal::KILL);
        }
        std::thread::sleep(PAUSE);
    }
}

/// The processes that have this run's name in their environment. Those that have ended have none.
pub(crate) fn of(run: &str) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| is_of(*id, run)).filter_map(Pid::from_raw).collect()
}

fn is_of(process: i32, run: &str) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{process}/environ")) else { return false };
    let wanted = format!("{MARKER}={run}");
    environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_has_the_name_of_the_run_is_ended_and_nothing_else() {
        let sleeper =
            |run: &str| Command::new("sleep").arg("60").env(MARKER, run).spawn().expect("`sleep` runs");
        let name = format!("stray-{}", std::process::id());
        let (mut ours, mut other) = (sleeper(&name), sleeper(&format!("{name}-other")));
        while of(&name).is_empty() {
            // It is becoming `sleep`.
            std::thread::yield_now();
        }
        end(&name);
        assert!(!ours.wait().expect("it was started").success());
        assert!(other.try_wait().expect("it was started").is_none());
        other.kill().and_then(|()| other.wait()).expect("it ends");
    }
}
