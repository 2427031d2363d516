//! The keeper: a small program that stands between the host and a shell, so that nothing the shell starts gets lost.
//!
//! The kernel hands processes whose parent has gone to the nearest ancestor that asks for them. The keeper asks, so whatever
//! forks and lets go comes back to it: everything that a command ever started is below the keeper for as long as it lives. The
//! host cannot ask itself, since it would be given processes of others, too.
//!
//! It is run as `keeper MILLISECONDS SHELL COMMAND`, with a socket to the plugin as its standard input and the command's pipes as its
//! output, in the command's folder and environment. `build.rs` compiles it by itself, with nothing but the standard library.
//!
//! | it is told | it does |
//! |---|---|
//! | `t` | sends SIGTERM to everything below it |
//! | `k` | sends SIGKILL to everything below it, until nothing is |
//! | the end of the socket | both, with the milliseconds between them: the plugin has gone, or the whole host |
//!
//! It says `e` and a wait status when the shell has ended, or `n` and the system's number when there was none to run: five bytes,
//! the number in the byte order of the machine. It ends, and with it the socket, when nothing is below it any more.

mod descendants;
mod system;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use system::{Reaped, Signal};

/// Between two rounds of killing. The next one sees who came up from below those that the last one ended.
const ROUND: Duration = Duration::from_millis(2);

#[cfg_attr(
    test,
    allow(dead_code, reason = "it is compiled into tests for those of its parts, not to be run")
)]
fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let patience = words.next().and_then(|word| word.to_str()?.parse().ok()).map(Duration::from_millis);
    let (Some(patience), Some(shell), Some(command)) = (patience, words.next(), words.next()) else {
        return ExitCode::from(2);
    };
    if system::settle().is_err() {
        return ExitCode::from(3);
    }
    let mut socket = system::standard_input();
    // Before there is anything that it would have to end.
    if let Err(error) = listen(&socket, patience) {
        say(&mut socket, b'n', error.raw_os_error().unwrap_or_default());
        return ExitCode::from(4);
    }
    let shell = Command::new(shell).arg("-c").arg(command).stdin(Stdio::null()).process_group(0).spawn();
    // Who reads the command's pipes must see their end.
    system::let_go_of_output();
    match shell {
        Ok(shell) => keep(shell.id(), socket),
        Err(error) => say(&mut socket, b'n', error.raw_os_error().unwrap_or_default()),
    }
    ExitCode::SUCCESS
}

/// Until nothing is left.
fn keep(shell: u32, mut socket: UnixStream) {
    loop {
        match system::reap() {
            Reaped::Child(child, status) if child == shell => say(&mut socket, b'e', status),
            Reaped::Child(..) => {}
            // No child is no descendant either, because those would have become children.
            Reaped::Nobody => return,
        }
    }
}

fn say(socket: &mut UnixStream, what: u8, number: i32) {
    let mut word = vec![what];
    word.extend(number.to_ne_bytes());
    // When nobody hears it the plugin has gone, and the other thread sees that.
    let _ = socket.write_all(&word);
}

fn listen(socket: &UnixStream, patience: Duration) -> std::io::Result<()> {
    let orders = socket.try_clone()?;
    std::thread::Builder::new().spawn(move || obey(orders, patience)).map(drop)
}

fn obey(mut orders: UnixStream, patience: Duration) {
    let mut order = [0];
    loop {
        match orders.read(&mut order) {
            Ok(1) if order[0] == b't' => send(Signal::Terminate),
            Ok(1) => kill_all(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    send(Signal::Terminate);
    std::thread::sleep(patience);
    kill_all();
}

/// Returns never: the process ends when nobody is left.
fn kill_all() -> ! {
    loop {
        send(Signal::Kill);
        std::thread::sleep(ROUND);
    }
}

fn send(signal: Signal) {
    for process in descendants::of(std::process::id()) {
        system::send(process, signal);
    }
}
