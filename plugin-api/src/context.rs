//! [`CallContext`], what a handler knows about the call it serves.

use std::fmt;
use std::time::Duration;

use abi_stable::StableAbi;

use crate::abi::RStr;

/// Who calls, and until when. Stamped by the kernel on every call; nothing in this crate lets a plugin make or
/// alter one.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct CallContext {
    caller: RStr<'static>,
    /// Nanoseconds the call may take, counted from its start; 0 when it has no deadline.
    budget_ns: u64,
}

impl CallContext {
    /// For the kernel: stamps a call that may take `budget_ns` nanoseconds from now on, or 0 for as long as it needs.
    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub const fn stamped(caller: &'static str, budget_ns: u64) -> Self {
        Self { caller: RStr::from_str(caller), budget_ns }
    }

    /// The id of the plugin that emitted, applied or called; `host` for the host itself.
    #[must_use]
    pub fn caller(&self) -> &'static str {
        self.caller.as_str()
    }

    /// The time the call was given when it began; `None` when it may take as long as it needs. The kernel
    /// drops the handler's future when it is over, so this only serves those who want to do less in time.
    #[must_use]
    pub fn budget(&self) -> Option<Duration> {
        (self.budget_ns > 0).then(|| Duration::from_nanos(self.budget_ns))
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext").field("caller", &self.caller()).field("budget", &self.budget()).finish()
    }
}
