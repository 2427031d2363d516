//! [`Host`], a plugin's only way in and out besides its ports.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::abi::RStr;
use crate::abi::host_table::StartFacts;
use crate::abi::plugin_table::RawHost;
use crate::abi::task::{RawTask, resumed, task};
use crate::runtime::Runtime;
use crate::{CallError, StartError};

/// What a plugin's host does for it, apart from the bus. Cheap to clone; usable from any thread.
pub struct Host {
    raw: RawHost,
    runtime: Runtime,
}

// SAFETY: the seat is a reference-counted, thread-safe record of the host's; the table is static.
unsafe impl Send for Host {}
// SAFETY: as above; every function of the table may be called from any thread.
unsafe impl Sync for Host {}

impl Host {
    /// For the SDK and for the kernel's own residents: wraps a held seat.
    #[doc(hidden)]
    #[must_use]
    pub fn from_raw(raw: RawHost, runtime: Runtime) -> Self {
        Self { raw, runtime }
    }

    /// For the SDK: the seat and the table.
    pub(crate) const fn raw(&self) -> &RawHost {
        &self.raw
    }

    pub(crate) fn runtime(&self) -> Runtime {
        self.runtime.clone()
    }

    fn facts(&self) -> &StartFacts {
        // SAFETY: valid as long as the seat is held, which `self` does.
        unsafe { &*(self.raw.table.facts())(self.raw.seat) }
    }

    /// The id under which this plugin runs.
    #[must_use]
    pub fn id(&self) -> &str {
        self.facts().id.as_str()
    }

    /// Version of the host program, such as `0.1.0`.
    #[must_use]
    pub fn host_version(&self) -> &str {
        self.facts().host_version.as_str()
    }

    /// The folder for this plugin's own files; made, for the owner only, when it is not there yet.
    ///
    /// # Errors
    /// When the folder cannot be made; names it.
    pub fn data_folder(&self) -> Result<PathBuf, StartError> {
        use std::os::unix::fs::DirBuilderExt;
        let folder = PathBuf::from(self.facts().data_folder.as_str());
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|error| {
            StartError::new(format!("folder `{}` cannot be made: {error}", folder.display()))
        })?;
        Ok(folder)
    }

    /// The folders in which the operator lets agents work: absolute, symlinks resolved.
    pub fn roots(&self) -> impl Iterator<Item = &Path> {
        self.facts().roots.iter().map(|root| Path::new(root.as_str()))
    }

    /// Milliseconds since the epoch, by the host's clock.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        // SAFETY: the seat is held.
        unsafe { (self.raw.table.now_ms())(self.raw.seat) }
    }

    /// Waits, by the host's clock. Needs no runtime in the plugin.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + use<> {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        // SAFETY: the seat is held.
        let sleep = unsafe { (self.raw.table.sleep())(self.raw.seat, nanos) };
        // SAFETY: the host's task writes nothing but its step, as `()` asks for.
        let sleep = unsafe { resumed::<()>(sleep) };
        async move {
            // A sleep fails only when the host is going away, and then there is nothing to wait for.
            let _ = sleep.await;
        }
    }

    /// Runs `future` for at most `limit`; `None`, and the future dropped, when the time is over.
    pub async fn within<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut limit = pin!(self.sleep(limit));
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            limit.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// Runs `future` in the background, on the host's threads. It is dropped when the plugin is stopped.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let task = self.task(future);
        // SAFETY: the seat is held; the task moves over.
        unsafe { (self.raw.table.spawn())(self.raw.seat, task) }
    }

    /// Registers what runs when the plugin is stopped, after its contributions have left the bus. Last registered,
    /// first run; all of it shares the stop deadline.
    pub fn on_stop(&self, future: impl Future<Output = ()> + Send + 'static) {
        let task = self.task(future);
        // SAFETY: the seat is held; the task moves over.
        unsafe { (self.raw.table.on_stop())(self.raw.seat, task) }
    }

    fn task(&self, future: impl Future<Output = ()> + Send + 'static) -> RawTask {
        task::<(), _, _>(self.runtime(), async move {
            future.await;
            Ok::<(), CallError>(())
        })
    }

    /// For the SDK: whether this thread is inside a dispatch of the kernel's.
    pub(crate) fn is_dispatching(&self) -> bool {
        // SAFETY: the seat is held.
        unsafe { (self.raw.table.is_dispatching())(self.raw.seat) }
    }

    /// For the SDK: hands a log line over that has no callsite.
    pub(crate) fn log(&self, level: u8, target: &str, message: &str) {
        // SAFETY: the seat is held; the texts are borrowed for the call.
        unsafe {
            (self.raw.table.log())(self.raw.seat, level, RStr::from_str(target), RStr::from_str(message))
        }
    }
}

impl Clone for Host {
    fn clone(&self) -> Self {
        // SAFETY: the seat is held by `self`.
        unsafe { (self.raw.table.retain())(self.raw.seat) };
        Self { raw: RawHost { seat: self.raw.seat, table: self.raw.table }, runtime: self.runtime.clone() }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: this value is one holder.
        unsafe { (self.raw.table.release())(self.raw.seat) }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("id", &self.id()).finish_non_exhaustive()
    }
}
