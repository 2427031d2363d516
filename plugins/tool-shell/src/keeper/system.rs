//! The few calls of the system that the standard library has no words for.

use std::ffi::{c_int, c_long, c_ulong};
use std::io;
use std::os::fd::FromRawFd;
use std::os::unix::net::UnixStream;

unsafe extern "C" {
    fn dup2(from: c_int, to: c_int) -> c_int;
    fn kill(process: c_int, signal: c_int) -> c_int;
    fn open(path: *const std::ffi::c_char, flags: c_int, ...) -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn setsid() -> c_int;
    fn signal(signal: c_int, handler: usize) -> usize;
    fn syscall(number: c_long, ...) -> c_long;
    fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
}

const PR_SET_NAME: c_int = 15;
const PR_SET_CHILD_SUBREAPER: c_int = 36;
const CLOSE_RANGE: c_long = 436;
const SIG_DFL: usize = 0;
const SIG_ERR: usize = usize::MAX;
const SIGKILL: c_int = 9;
const SIGPIPE: c_int = 13;
const SIGTERM: c_int = 15;
const SIGCONT: c_int = 18;
const SIGNALS: c_int = 64;
const WRITE_ONLY: c_int = 1;

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Signal {
    /// SIGTERM, and what wakes a process that is stopped, so that it hears it.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// Who has ended.
pub(crate) enum Reaped {
    /// A child, with its wait status.
    Child(u32, i32),
    /// There is no child.
    Nobody,
}

/// Makes this process the one that orphans below it are given to, in a session of its own, with signals and files that are those
/// of a fresh process whatever the host's are.
pub(crate) fn settle() -> io::Result<()> {
    // SAFETY: none of these touches memory of this process but the name, which ends with a NUL; no other thread runs yet, and
    // no file above the third was opened by this process.
    unsafe {
        let _ = prctl(PR_SET_NAME, c"transom-keeper".as_ptr());
        // It fails where this process leads a group already, which is as good.
        let _ = setsid();
        for number in (1..=SIGNALS).filter(|number| *number != SIGPIPE) {
            // What cannot be set is what nobody can have changed.
            let _ = signal(number, SIG_DFL) == SIG_ERR;
        }
        // An old system lacks it; what the standard library opens is closed for a new program anyhow.
        let _ = syscall(CLOSE_RANGE, 3 as c_ulong, c_ulong::from(u32::MAX), 0 as c_ulong);
        if prctl(PR_SET_CHILD_SUBREAPER, 1 as c_ulong, 0 as c_ulong, 0 as c_ulong, 0 as c_ulong) == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

/// The socket that is this process's standard input. Called once.
pub(crate) fn standard_input() -> UnixStream {
    // SAFETY: the plugin puts a socket there, and nothing here reads standard input in another way.
    unsafe { UnixStream::from_raw_fd(0) }
}

/// Puts nothing in place of standard output and standard error.
pub(crate) fn let_go_of_output() {
    // SAFETY: the path ends with a NUL; nothing in this process writes to either.
    unsafe {
        let nothing = open(c"/dev/null".as_ptr(), WRITE_ONLY);
        dup2(nothing, 1);
        dup2(nothing, 2);
    }
}

/// Waits until a child ends.
pub(crate) fn reap() -> Reaped {
    loop {
        let mut status = 0;
        // SAFETY: the place is free for the status.
        let child = unsafe { waitpid(-1, &raw mut status, 0) };
        match u32::try_from(child) {
            Ok(child) => return Reaped::Child(child, status),
            Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Reaped::Nobody,
        }
    }
}

/// Sends a signal. That the process has gone already, or is somebody else's, is not told.
pub(crate) fn send(process: u32, what: Signal) {
    let Ok(process) = c_int::try_from(process) else { return };
    let signals: &[c_int] = match what {
        Signal::Terminate => &[SIGTERM, SIGCONT],
        Signal::Kill => &[SIGKILL],
    };
    for number in signals {
        // SAFETY: it touches no memory of this process; the number is above 1, as descendants have it.
        unsafe { kill(process, *number) };
    }
}
