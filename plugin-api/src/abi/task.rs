//! Futures and streams across the border.
//!
//! A call is *started and first polled in one go*: when it is ready at once, which is the usual case for a filter
//! link or a cached answer, nothing stays behind. Otherwise the callee leaves a [`RawTask`] that the caller polls
//! in place, on its own task, and cancels by dropping it. A waker crosses as a borrowed [`AbiWaker`]; whoever
//! must keep it clones it once and reuses the clone as long as the same waker comes back, so polling allocates
//! nothing.

mod crossing;
mod stream;
mod waker;

pub(crate) use crossing::Over;
pub use crossing::{Begin, Begun, Crossing, crossing, resumed};
pub use stream::{RawStream, Slot, stream};
pub use waker::{AbiWaker, WakerCache};

use std::any::Any;
use std::future::{Future, Ready};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use abi_stable::StableAbi;

use stream::Serving;

use super::guard::{guarded, guarded_anywhere, swallow_panic};
use super::{FAILED, PENDING, READY, Step};
use crate::{CallError, Refusal};

/// A call that has begun and not ended. Dropping it through `drop` cancels it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawTask {
    /// The callee's state.
    pub state: *mut (),
    /// Polls on; writes the output or the failure when it answers [`READY`] or [`FAILED`].
    pub poll: unsafe extern "C" fn(*mut (), *mut (), *mut MaybeUninit<CallError>, *const AbiWaker) -> Step,
    /// Frees the state, finished or not.
    pub drop: unsafe extern "C" fn(*mut ()),
}

// SAFETY: the constructors below demand a `Send` future.
unsafe impl Send for RawTask {}

impl Drop for RawTask {
    fn drop(&mut self) {
        // SAFETY: the state belongs to this handle.
        unsafe { (self.drop)(self.state) }
    }
}

/// Something that can be entered around each poll of a future: the plugin's runtime, or nothing.
pub trait Surroundings: Send + 'static {
    /// Runs `poll` inside.
    fn around<R>(&self, poll: impl FnOnce() -> R) -> R;

    /// Whether there is something to enter. What is asked once need not be at each call.
    fn is_entered(&self) -> bool {
        true
    }
}

struct TaskState<F, S> {
    /// `None` once it was dropped.
    future: Option<Pin<Box<F>>>,
    surroundings: S,
    waker: WakerCache,
}

impl<F, S: Surroundings> TaskState<F, S> {
    fn new(surroundings: S, future: F) -> Self {
        Self { future: Some(Box::pin(future)), surroundings, waker: WakerCache::default() }
    }

    /// Polls the future through `poll`, in its surroundings.
    fn poll_with<R>(&mut self, waker: &AbiWaker, poll: impl FnOnce(Pin<&mut F>, &mut Context<'_>) -> R) -> R {
        let Self { future, surroundings, waker: cache } = self;
        let Some(future) = future else { unreachable!("polled after it was dropped") };
        surroundings.around(|| cache.with(waker, |context| poll(future.as_mut(), context)))
    }

    /// As [`poll_with`](Self::poll_with), for a consumer of items; in the surroundings if `ENTERS` says so.
    #[inline]
    fn poll_serving<R, const ENTERS: bool>(
        &mut self,
        waker: &AbiWaker,
        serves: &Serving,
        poll: impl FnOnce(Pin<&mut F>, &mut Context<'_>) -> R,
    ) -> R {
        let Self { future, surroundings, waker: cache } = self;
        let Some(future) = future else { unreachable!("polled after it was dropped") };
        let poll = || cache.serving(waker, serves, |context| poll(future.as_mut(), context));
        if ENTERS { surroundings.around(poll) } else { poll() }
    }

    /// Drops the future. Its `Drop` may touch timers and sockets, so it needs the same surroundings as its polls.
    fn end(&mut self) {
        let Self { future, surroundings, .. } = self;
        swallow_panic(|| surroundings.around(|| *future = None));
    }
}

/// What the future of a handler may give.
pub trait Answer<T> {
    /// The value, or the failure.
    ///
    /// # Errors
    /// When the handler failed.
    fn answer(self) -> Result<T, CallError>;
}

impl<T> Answer<T> for Result<T, CallError> {
    #[inline]
    fn answer(self) -> Self {
        self
    }
}

impl<T> Answer<T> for Result<T, Refusal> {
    #[inline]
    fn answer(self) -> Result<T, CallError> {
        self.map_err(CallError::from)
    }
}

impl Answer<()> for () {
    fn answer(self) -> Result<(), CallError> {
        Ok(())
    }
}

/// The output of a [`Ready`], else the future itself: a handler that never waits needs no task, and nothing is allocated.
#[inline]
fn settled<F>(future: F) -> Result<F::Output, F>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let mut future = Some(future);
    match (&mut future as &mut dyn Any).downcast_mut::<Option<Ready<F::Output>>>().and_then(Option::take) {
        Some(ready) => Ok(ready.into_inner()),
        None => Err(future.expect("it was not taken")),
    }
}

/// Runs a handler in its surroundings, and polls its future once; leaves a task behind when it is not ready. `ENTERS` says
/// what [`is_entered`](Surroundings::is_entered) does, so that where there is nothing to enter nothing is asked.
///
/// # Safety
/// `out` is a free place for a `T`, `failure` and `pending` are free places, `waker` is valid for the call.
#[inline(always)]
pub unsafe fn start<T, F, S, const ENTERS: bool>(
    surroundings: &S,
    handler: impl FnOnce() -> F,
    out: *mut (),
    failure: *mut MaybeUninit<CallError>,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step
where
    F: Future<Output: Answer<T>> + Send + 'static,
    S: Surroundings + Clone,
{
    let begin = || match settled(handler()) {
        // SAFETY: free places, by this function's contract.
        Ok(answer) => unsafe { Outcome { out, failure }.write(Poll::Ready(answer.answer())) },
        // SAFETY: as above; the waker is valid for the call.
        Err(future) => unsafe { first_poll(surroundings, future, out, failure, waker, pending) },
    };
    let began = guarded(|| if ENTERS { surroundings.around(begin) } else { begin() });
    // SAFETY: after a panic nothing was written.
    began.unwrap_or_else(|panic| unsafe { failed_with(panic, failure) })
}

/// # Safety
/// A free place.
#[cold]
unsafe fn failed_with(error: CallError, failure: *mut MaybeUninit<CallError>) -> Step {
    // SAFETY: by this function's contract.
    unsafe { (*failure).write(error) };
    FAILED
}

/// # Safety
/// As [`start`].
#[inline(never)]
unsafe fn first_poll<T, F, S>(
    surroundings: &S,
    future: F,
    out: *mut (),
    failure: *mut MaybeUninit<CallError>,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step
where
    F: Future<Output: Answer<T>> + Send,
    S: Surroundings + Clone,
{
    let mut future = Box::pin(future);
    let mut cache = WakerCache::default();
    // SAFETY: valid for the call, by this function's contract.
    let waker = unsafe { &*waker };
    // SAFETY: free places, by this function's contract; `T` is what the caller expects.
    let step = cache.with(waker, |context| unsafe {
        Outcome { out, failure }.write(future.as_mut().poll(context).map(Answer::answer))
    });
    if step == PENDING {
        let surroundings = surroundings.clone();
        let state = Box::new(TaskState { future: Some(future), surroundings, waker: cache });
        // SAFETY: a free place, by this function's contract.
        unsafe { (*pending).write(raw_task::<T, F, S>(state)) };
    } else {
        // What was answered stands, even if the drop of the finished future panics.
        swallow_panic(|| drop(future));
    }
    step
}

/// A task that has not been polled yet, for those who spawn rather than call.
pub fn task<T, F, S>(surroundings: S, future: F) -> RawTask
where
    F: Future<Output = Result<T, CallError>> + Send,
    S: Surroundings,
{
    raw_task::<T, F, S>(Box::new(TaskState::new(surroundings, future)))
}

fn raw_task<T, F, S>(state: Box<TaskState<F, S>>) -> RawTask
where
    F: Future<Output: Answer<T>> + Send,
    S: Surroundings,
{
    RawTask { state: Box::into_raw(state).cast(), poll: poll_task::<T, F, S>, drop: drop_task::<F, S> }
}

/// Where the outcome of a poll goes.
struct Outcome {
    out: *mut (),
    failure: *mut MaybeUninit<CallError>,
}

impl Outcome {
    /// # Safety
    /// `out` is a free place for a `T`, `failure` one for a failure.
    #[inline(always)]
    unsafe fn write<T>(self, polled: Poll<Result<T, CallError>>) -> Step {
        // SAFETY: by this function's contract.
        unsafe {
            match polled {
                Poll::Pending => PENDING,
                Poll::Ready(Ok(value)) => {
                    self.out.cast::<T>().write(value);
                    READY
                }
                Poll::Ready(Err(error)) => {
                    (*self.failure).write(error);
                    FAILED
                }
            }
        }
    }
}

unsafe extern "C" fn poll_task<T, F, S>(
    state: *mut (),
    out: *mut (),
    failure: *mut MaybeUninit<CallError>,
    waker: *const AbiWaker,
) -> Step
where
    F: Future<Output: Answer<T>>,
    S: Surroundings,
{
    // SAFETY: `state` was made for these types by `raw_task`; polls do not overlap; the waker is valid for the call.
    let (state, waker) = unsafe { (&mut *state.cast::<TaskState<F, S>>(), &*waker) };
    let polled = guarded_anywhere(|| {
        // SAFETY: the places are free.
        state.poll_with(waker, |future, context| unsafe {
            Outcome { out, failure }.write(future.poll(context).map(Answer::answer))
        })
    });
    // SAFETY: a free place, since the panic came before anything was written.
    polled.unwrap_or_else(|panic| unsafe { failed_with(panic, failure) })
}

unsafe extern "C" fn drop_task<F, S: Surroundings>(state: *mut ()) {
    // SAFETY: as above, dropped once.
    unsafe { Box::from_raw(state.cast::<TaskState<F, S>>()) }.end();
}

#[cfg(test)]
mod tests;
