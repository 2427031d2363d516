//! [`CallContext`], what a handler knows about the call it serves.

use std::fmt;
use std::time::Duration;

use abi_stable::StableAbi;

use crate::TraceId;
use crate::abi::{RStr, limit};

/// Who calls, and until when. Stamped by the kernel on every call; nothing in this crate lets a plugin make or
/// alter one.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct CallContext {
    caller: RStr<'static>,
    /// Nanoseconds the call may take, counted from its start; 0 when it has no deadline.
    budget_ns: u64,
    /// The trace id, upper and lower half; zeros when there is none, or nobody wants it.
    trace: [u64; 2],
}

impl CallContext {
    /// For the kernel: stamps a call that may take `budget_ns` nanoseconds from now on, or 0 for as long as it needs.
    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub const fn stamped(caller: &'static str, budget_ns: u64) -> Self {
        Self { caller: RStr::from_str(caller), budget_ns, trace: [0; 2] }
    }

    /// For the kernel: the same call, as a part of a trace.
    #[doc(hidden)]
    #[must_use]
    pub const fn within(mut self, trace: TraceId) -> Self {
        let bits = trace.bits();
        self.trace = [(bits >> 64) as u64, bits as u64];
        self
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
        limit(self.budget_ns)
    }

    /// What this call has in common with everything else that is done for the same request, for plugins that call other
    /// systems. `None` outside of a span, and in a host whose operator does not want traces followed.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        let [upper, lower] = self.trace;
        TraceId::new(u128::from(upper) << 64 | u128::from(lower))
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("caller", &self.caller())
            .field("budget", &self.budget())
            .field("trace_id", &self.trace_id())
            .finish()
    }
}
