//! [`Clock`]: what time it is, as plugins are told.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use transom_plugin_api::sabotage::sabotaged;

/// Where the time comes from that plugins are told: the system, unless a test has one of its own. It goes with the
/// timers, which belong to the kernel's runtime.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<Reading>>);

type Reading = dyn Fn() -> i64 + Send + Sync;

impl Clock {
    /// A clock that shows what `read` gives, in milliseconds since the epoch. It is read from any thread.
    #[must_use]
    pub fn reading(read: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(read)))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Some(read) if !sabotaged("show-the-real-time") => read(),
            _ => system_ms(),
        }
    }
}

fn system_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(of its own)" } else { "Clock(the system's)" })
    }
}
