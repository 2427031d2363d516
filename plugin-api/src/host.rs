//! [`Host`], a plugin's only way in and out besides its ports.

use std::fmt;
use std::future::Future;
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::abi::host_table::StartFacts;
use crate::abi::plugin_table::{RawHost, no_failure};
use crate::abi::task::{RawTask, resumed, task};
use crate::abi::{READY, RStr, handover};
use crate::background::Background;
use crate::blocking::Job;
use crate::contract::Contract;
use crate::runtime::Runtime;
use crate::{CallError, Secret, StartError, codec};

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

    /// For the SDK: the same host without the plugin's runtime, for what an image keeps for ever.
    pub(crate) fn without_runtime(&self) -> Self {
        let mut host = self.clone();
        host.runtime = Runtime::default();
        host
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

    /// The secret of that name in the operator's `[secrets]`. It is looked up anew each time, so it need not be kept; its
    /// text shows wherever the plugin writes it, and nowhere else.
    ///
    /// # Errors
    /// [`Denied`](crate::CallErrorKind::Denied) unless the plugin's export asks for the [capability](crate::capability)
    /// `secrets:NAME` and the operator grants it; [`NotFound`](crate::CallErrorKind::NotFound) when there is no such secret,
    /// naming the manifest's key; [`Retired`](crate::CallErrorKind::Retired) when the plugin has been stopped.
    pub fn secret(&self, name: &str) -> Result<Secret, CallError> {
        let (mut text, mut failure) = (MaybeUninit::uninit(), no_failure());
        let (raw, name) = (&self.raw, RStr::from_str(name));
        // SAFETY: the seat is held, the name is borrowed for the call, both places are free.
        let step = unsafe { (raw.table.secret())(raw.seat, name, &raw mut text, &raw mut failure) };
        if step == READY {
            // SAFETY: the step says that the text was written.
            return Ok(Secret::new(unsafe { text.assume_init() }));
        }
        // SAFETY: the step says that the failure was written.
        Err(unsafe { failure.assume_init() })
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

    /// Runs `future` in the background, on the host's threads. It is dropped when the plugin is stopped, or before by
    /// [`Background::cancel`]; who does not need that drops the handle. A panic in it is logged.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Background {
        let (background, future) = Background::over(future);
        let task = self.task(future);
        // SAFETY: the seat is held; the task moves over.
        unsafe { (self.raw.table.spawn())(self.raw.seat, task) }
        background
    }

    /// Runs `work` on one of the host's threads that may block, with the plugin's runtime entered: for files, long
    /// computations, libraries that wait. It begins after the future is first polled, and then it runs to its end, whether
    /// anybody still waits for it or not; when the future is dropped before, `work` is dropped too. How much of it may run at
    /// once is for the plugin to limit. A plugin that is stopped is not quiet before its work is done.
    ///
    /// # Errors
    /// [`Panicked`](crate::CallErrorKind::Panicked) when `work` does; [`Retired`](crate::CallErrorKind::Retired) when the
    /// plugin was stopped before it began.
    ///
    /// ```
    /// use transom_plugin_api::prelude::*;
    ///
    /// async fn size(host: &Host, path: std::path::PathBuf) -> Result<u64, CallError> {
    ///     Ok(host.blocking(move || std::fs::metadata(path)).await??.len())
    /// }
    /// ```
    pub fn blocking<F, R>(&self, work: F) -> impl Future<Output = Result<R, CallError>> + Send + use<F, R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let host = self.clone();
        async move {
            let (job, outcome) = Job::of(work);
            let task = host.task(job.run());
            // SAFETY: the seat is held; the task moves over.
            unsafe { (host.raw.table.run_blocking())(host.raw.seat, task) };
            outcome.await
        }
    }

    /// Registers what runs when the plugin is stopped, after its contributions have left the bus. Last registered,
    /// first run; all of it shares the stop deadline.
    pub fn on_stop(&self, future: impl Future<Output = ()> + Send + 'static) {
        let task = self.task(future);
        // SAFETY: the seat is held; the task moves over.
        unsafe { (self.raw.table.on_stop())(self.raw.seat, task) }
    }

    /// Registers what the next generation of this plugin is given when it is [reloaded](crate::plugin::Plugin): `state`
    /// is asked for it while this generation still serves, or, where the handover is `exclusive`, when no call of it is
    /// under way any more and before it is stopped. What it says may be read by another version of the plugin, as any
    /// contract may.
    ///
    /// When it fails or takes longer than calls are given to end, the reload is refused and this generation goes on.
    pub fn hand_over<T, F>(&self, state: impl Fn() -> F + Send + Sync + 'static)
    where
        T: Contract,
        F: Future<Output = Result<T, CallError>> + Send + 'static,
    {
        let maker = handover::state_maker(self.runtime(), state);
        // SAFETY: the seat is held; the maker moves over.
        unsafe { (self.raw.table.on_hand_over())(self.raw.seat, maker) }
    }

    /// Registers what runs when this generation is to be replaced, before it is waited for that calls to it end: `work`
    /// brings to an end what would not end by itself, such as streams that go on for ever. It is told how long what is
    /// under way may still take. A reload that is refused later leaves this generation where it is, so nothing that it
    /// needs may be given up here; that belongs under [`on_stop`](Self::on_stop).
    pub fn on_drain<F>(&self, work: impl Fn(Duration) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let maker = handover::work_maker(self.runtime(), work);
        // SAFETY: the seat is held; the maker moves over.
        unsafe { (self.raw.table.on_drain())(self.raw.seat, maker) }
    }

    /// What the generation before this one handed over; `None` for the first, where nothing was, and once it was asked for.
    ///
    /// # Errors
    /// When it cannot be read as a `T`. A plugin that returns the error from its `start` has the reload refused.
    pub fn handed_over<T: Contract>(&self) -> Result<Option<T>, StartError> {
        // SAFETY: the seat is held.
        let bytes = unsafe { (self.raw.table.handed_over())(self.raw.seat) };
        if bytes.is_empty() {
            return Ok(None);
        }
        let state = codec::decode(&bytes);
        state.map(Some).map_err(|error| {
            StartError::new(format!("what the generation before handed over: {}", error.message))
        })
    }

    /// A socket that listens at `address`, such as `127.0.0.1:8080`. It is the host's and only lent: when the plugin is
    /// reloaded, the next generation is lent the same one, so nobody who connects meanwhile is refused. Each call gives a
    /// handle of its own, not blocking; the socket is closed when the plugin is stopped for good.
    ///
    /// # Errors
    /// When nobody can listen there; names the address.
    pub fn listen(&self, address: &str) -> Result<TcpListener, StartError> {
        let (mut descriptor, mut failure) = (-1, MaybeUninit::uninit());
        // SAFETY: the seat is held; the places are free.
        unsafe {
            let address = RStr::from_str(address);
            let listen = self.raw.table.listen();
            if listen(self.raw.seat, address, &raw mut descriptor, &raw mut failure) == READY {
                // The host gave a descriptor of its own for it.
                return Ok(TcpListener::from(OwnedFd::from_raw_fd(descriptor)));
            }
            Err(StartError::new(failure.assume_init().message))
        }
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
