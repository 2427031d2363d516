//! [`Registers`]: where a thread was when a signal interrupted it.

use std::ffi::c_void;

use libc::ucontext_t;

/// Where a thread was.
#[derive(Clone, Copy)]
pub(super) struct Registers {
    /// Address of the instruction.
    pub(super) instruction: usize,
    /// The stack pointer.
    pub(super) stack: usize,
}

impl Registers {
    /// Reads them from what the system gives a handler; `None` on machines whose registers are not known here.
    ///
    /// # Safety
    /// `context` is the third argument of a handler with `SA_SIGINFO`.
    pub(super) unsafe fn of(context: *mut c_void) -> Option<Self> {
        // SAFETY: by this function's contract.
        read(unsafe { &*context.cast::<ucontext_t>() })
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "the system writes addresses as signed numbers"
)]
fn read(context: &ucontext_t) -> Option<Registers> {
    let registers = &context.uc_mcontext.gregs;
    Some(Registers {
        instruction: registers[libc::REG_RIP as usize] as usize,
        stack: registers[libc::REG_RSP as usize] as usize,
    })
}

#[cfg(target_arch = "aarch64")]
#[allow(clippy::cast_possible_truncation, reason = "an address fits into a word")]
fn read(context: &ucontext_t) -> Option<Registers> {
    Some(Registers { instruction: context.uc_mcontext.pc as usize, stack: context.uc_mcontext.sp as usize })
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn read(_context: &ucontext_t) -> Option<Registers> {
    None
}
