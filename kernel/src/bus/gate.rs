//! [`Gate`]: where calls wait while a plugin that owns something passes from one generation to the next.
//!
//! Such a plugin (`handover = "exclusive"`) must have let go of what it owns before its successor starts. Its places on
//! the bus are kept meanwhile, with a gate in each: names stay known, events gather in its mailboxes, and calls, links
//! and streams wait, at most as long as they may take at all.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::task::{AbiWaker, RawStream, RawTask, WakerCache};
use transom_plugin_api::abi::{ENDED, FAILED, PENDING, READY, Step};
use transom_plugin_api::{CallError, CallErrorKind};

use super::fail;
use crate::kernel::Shared;

/// Closed until it is opened, once.
pub(crate) struct Gate {
    plugin: &'static str,
    is_open: watch::Sender<bool>,
    longest_ns: AtomicU64,
}

impl Gate {
    pub(crate) fn closed(plugin: &'static str) -> Arc<Self> {
        Arc::new(Self { plugin, is_open: watch::Sender::new(false), longest_ns: AtomicU64::new(0) })
    }

    /// Lets everybody through who waits.
    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// The longest that anybody has waited.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest_ns.load(Ordering::Relaxed))
    }

    /// Waits until it is open, for at most `limit`; answers how much of that is left.
    async fn passed(self: Arc<Self>, limit: Option<Duration>) -> Result<Option<Duration>, CallError> {
        let began = Instant::now();
        let mut is_open = self.is_open.subscribe();
        let opened = is_open.wait_for(|open| *open);
        let in_time = match limit {
            Some(limit) => tokio::time::timeout(limit, opened).await.is_ok(),
            None => opened.await.is_ok(),
        };
        let waited = began.elapsed();
        self.longest_ns.fetch_max(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        if in_time {
            return Ok(limit.map(|limit| limit.saturating_sub(waited).max(Duration::from_nanos(1))));
        }
        let limit = limit.unwrap_or_default().as_millis();
        let message =
            format!("plugin `{}` is being reloaded and was not back within {limit} ms", self.plugin);
        Err(CallError::new(CallErrorKind::Deadline, message))
    }
}

type Passing = Pin<Box<dyn Future<Output = Result<Option<Duration>, CallError>> + Send>>;

/// What waits at a gate, with what is left of its time.
struct AtGate {
    passing: Passing,
    waker: WakerCache,
}

impl AtGate {
    fn new(shared: &Shared, gate: &Arc<Gate>, limit: Option<Duration>) -> Self {
        // Timers belong to the host's runtime, whoever polls.
        let runtime = shared.runtime.clone();
        let mut passing = Box::pin(Arc::clone(gate).passed(limit));
        let entering = std::future::poll_fn(move |context| {
            let _entered = runtime.enter();
            passing.as_mut().poll(context)
        });
        Self { passing: Box::pin(entering), waker: WakerCache::default() }
    }

    fn poll(&mut self, waker: &AbiWaker) -> Poll<Result<Option<Duration>, CallError>> {
        let Self { passing, waker: cache } = self;
        cache.with(waker, |context| passing.as_mut().poll(context))
    }
}

/// What is done when the gate has opened.
pub(crate) trait Again: Send {
    /// Does what had to wait, in the time that is left.
    ///
    /// # Safety
    /// The places are free, the waker is valid for the call.
    unsafe fn again(
        self,
        left: Option<Duration>,
        out: *mut (),
        failure: FailurePlace,
        waker: *const AbiWaker,
        pending: *mut MaybeUninit<RawTask>,
    ) -> Step;
}

/// A call or a chain at a gate.
struct Held<A> {
    at_gate: Option<(AtGate, A)>,
    task: Option<RawTask>,
}

/// Makes what `again` is about wait at the gate.
///
/// # Safety
/// The places are free, the waker is valid for the call.
pub(crate) unsafe fn wait<A: Again>(
    (shared, gate): (&Shared, &Arc<Gate>),
    limit: Option<Duration>,
    again: A,
    out: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    let mut held = Held { at_gate: Some((AtGate::new(shared, gate, limit), again)), task: None };
    // SAFETY: by this function's contract.
    let step = unsafe { held.poll(out, failure, &*waker) };
    if step == PENDING {
        let state = Box::into_raw(Box::new(held)).cast();
        // SAFETY: a free place.
        unsafe { (*pending).write(RawTask { state, poll: poll_held::<A>, drop: drop_held::<A> }) };
    }
    step
}

impl<A: Again> Held<A> {
    /// # Safety
    /// The places are free; the waker is valid for the call.
    unsafe fn poll(&mut self, out: *mut (), failure: FailurePlace, waker: &AbiWaker) -> Step {
        if let Some((at_gate, _)) = &mut self.at_gate {
            let passed = match at_gate.poll(waker) {
                Poll::Pending => return PENDING,
                Poll::Ready(passed) => passed,
            };
            let again = self.at_gate.take().map(|(_, again)| again);
            return match (passed, again) {
                // SAFETY: as this function's contract.
                (Ok(left), Some(again)) => unsafe { self.go_on(again, left, out, failure, waker) },
                // SAFETY: a free place.
                (Err(error), _) => unsafe { fail(failure, error) },
                // SAFETY: a free place.
                (_, None) => unsafe { fail(failure, CallError::failed("the call has ended")) },
            };
        }
        let Some(task) = &self.task else {
            // SAFETY: a free place.
            return unsafe { fail(failure, CallError::failed("the call has ended")) };
        };
        // SAFETY: the places are free; the waker is valid; polls do not overlap.
        let step = unsafe { (task.poll)(task.state, out, failure, waker) };
        if step != PENDING {
            self.task = None;
        }
        step
    }

    /// # Safety
    /// As [`poll`](Self::poll).
    unsafe fn go_on(
        &mut self,
        again: A,
        left: Option<Duration>,
        out: *mut (),
        failure: FailurePlace,
        waker: &AbiWaker,
    ) -> Step {
        let mut pending = MaybeUninit::uninit();
        // SAFETY: by this function's contract.
        let step = unsafe { again.again(left, out, failure, std::ptr::from_ref(waker), &raw mut pending) };
        if step == PENDING {
            // SAFETY: the step says that a task was written.
            self.task = Some(unsafe { pending.assume_init() });
        }
        step
    }
}

unsafe extern "C" fn poll_held<A: Again>(
    state: *mut (),
    out: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
) -> Step {
    // SAFETY: made by `wait`; polls do not overlap; the waker is valid for the call.
    unsafe { (*state.cast::<Held<A>>()).poll(out, failure, &*waker) }
}

unsafe extern "C" fn drop_held<A>(state: *mut ()) {
    // SAFETY: made by `wait`, dropped once.
    let held = unsafe { Box::from_raw(state.cast::<Held<A>>()) };
    swallow_panic(|| drop(held));
}

/// Opens a stream when the gate has opened.
pub(crate) trait OpenAgain: Send {
    /// # Safety
    /// The places are free.
    unsafe fn open(self, opened: *mut MaybeUninit<RawStream>, failure: FailurePlace) -> Step;
}

struct HeldStream<A> {
    at_gate: Option<(AtGate, A)>,
    stream: Option<RawStream>,
}

/// A stream that waits at the gate before its first item.
pub(crate) fn wait_stream<A: OpenAgain>(
    (shared, gate): (&Shared, &Arc<Gate>),
    limit: Option<Duration>,
    again: A,
) -> RawStream {
    let held = HeldStream { at_gate: Some((AtGate::new(shared, gate, limit), again)), stream: None };
    let state = Box::into_raw(Box::new(held)).cast();
    RawStream { state, poll_next: next_of_held::<A>, drop: drop_held_stream::<A> }
}

unsafe extern "C" fn next_of_held<A: OpenAgain>(
    state: *mut (),
    item: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
) -> Step {
    // SAFETY: made by `wait_stream`; polls do not overlap; the waker is valid for the call.
    let (held, waker) = unsafe { (&mut *state.cast::<HeldStream<A>>(), &*waker) };
    if let Some((at_gate, _)) = &mut held.at_gate {
        match at_gate.poll(waker) {
            Poll::Pending => return PENDING,
            Poll::Ready(Err(error)) => {
                held.at_gate = None;
                // SAFETY: a free place.
                return unsafe { fail(failure, error) };
            }
            Poll::Ready(Ok(_)) => {}
        }
        let Some((_, again)) = held.at_gate.take() else { return ENDED };
        let mut opened = MaybeUninit::uninit();
        // SAFETY: the places are free.
        let step = unsafe { again.open(&raw mut opened, failure) };
        if step != READY {
            return FAILED;
        }
        // SAFETY: the step says that a stream was written.
        held.stream = Some(unsafe { opened.assume_init() });
    }
    let Some(stream) = &held.stream else { return ENDED };
    // SAFETY: the places are free; the waker is valid; polls do not overlap.
    let step = unsafe { (stream.poll_next)(stream.state, item, failure, waker) };
    if matches!(step, FAILED | ENDED) {
        held.stream = None;
    }
    step
}

unsafe extern "C" fn drop_held_stream<A>(state: *mut ()) {
    // SAFETY: made by `wait_stream`, dropped once.
    let held = unsafe { Box::from_raw(state.cast::<HeldStream<A>>()) };
    swallow_panic(|| drop(held));
}
