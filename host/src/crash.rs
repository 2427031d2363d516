//! The last line of a process that native code brings down: the signal, and the plugin in which it happened.
//!
//! A fault in a plugin's native code ends the host, whatever the host does. What can be done is to say whose it was, and
//! to die by the same signal, so that who supervises the process and who reads its core sees what happened.

mod line;
mod registers;

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, siginfo_t};
use transom_kernel::whereabouts;
use transom_loader::plugin_at;
use transom_plugin_api::sabotage::sabotaged;

use line::{Culprit, Line};
use registers::Registers;

/// What native code dies of.
const SIGNALS: [c_int; 5] = [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT];

/// How long the line waits for room in a pipe that nobody reads, in milliseconds.
const PATIENCE_MS: c_int = 1000;

/// How far from the stack's end an address may be that a function reached for, in bytes.
const NEAR_THE_STACK: usize = 64 * 1024;

/// Whether some thread tells already what happened.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Has a crash of native code in this process leave one line on standard error, and then take its course.
///
/// The program's own threads, made by its `std`, have a stack for signals of their own, so that an overflow of theirs is
/// told too. A thread that a plugin's file makes has none; there, an overflow ends the process without a line.
pub fn tell_crashes() {
    if sabotaged("die-silently") {
        return;
    }
    for signal in SIGNALS {
        // SAFETY: a zeroed action is a valid one without flags.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = tell as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: both are valid for the calls; the handler does only what a handler may.
        unsafe {
            for other in SIGNALS {
                libc::sigaddset(&raw mut action.sa_mask, other);
            }
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
    }
}

/// Does only what may be done where anything may be locked or broken: reads, formats on the stack, and system calls.
unsafe extern "C" fn tell(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    if TOLD.swap(true, Ordering::Relaxed) {
        // Another thread has crashed as well, and the process dies of that; its line must be whole.
        loop {
            // SAFETY: it only waits.
            unsafe { libc::pause() };
        }
    }
    // SAFETY: the system gives both to a handler with SA_SIGINFO.
    let registers = unsafe { Registers::of(context) };
    // SAFETY: as above.
    let address = unsafe { (*info).si_addr() } as usize;
    let is_overflow = signal == SIGSEGV
        && registers.is_some_and(|registers| registers.stack.abs_diff(address) < NEAR_THE_STACK);
    let culprit = culprit(registers);
    write(Line::of(signal, is_overflow, &culprit).as_bytes());
    die_of(signal);
}

/// Who ran: the plugin the kernel led this thread into, else the one whose code it was at.
fn culprit(registers: Option<Registers>) -> Culprit {
    if let Some(at) = whereabouts() {
        return Culprit::Led(at);
    }
    match registers.and_then(|registers| plugin_at(registers.instruction)) {
        Some(plugin) => Culprit::Alone { plugin, thread: thread_name() },
        None => Culprit::Nobody { thread: thread_name() },
    }
}

/// The name of this thread, ended by a zero.
fn thread_name() -> [u8; 16] {
    let mut name = [0; 16];
    // SAFETY: the system writes at most 16 bytes there.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name
}

/// Writes to standard error in one piece, past whoever has it locked.
fn write(line: &[u8]) {
    let mut pipe = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one descriptor, and as many bytes as there are.
    unsafe {
        if libc::poll(&raw mut pipe, 1, PATIENCE_MS) > 0 {
            libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len());
        }
    }
}

/// Sends this thread the signal again, with nobody to catch it. It is delivered when the handler returns, at the
/// instruction that was at fault.
fn die_of(signal: c_int) {
    // SAFETY: the default action needs no handler.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}
