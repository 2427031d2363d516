//! Streams across the border: what a producer sends lands in its consumer's own place.

use std::cell::Cell;
use std::future::Future;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use abi_stable::StableAbi;

use super::waker::{AbiWaker, lazy, own_waker};
use super::{Surroundings, TaskState, failed_with};
use crate::CallError;
use crate::abi::guard::{guarded, swallow_panic};
use crate::abi::{ENDED, PENDING, READY, Step};

/// A stream that has been opened. Dropping it through `drop` cancels it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawStream {
    /// The provider's state.
    pub state: *mut (),
    /// Polls for the next item: [`READY`] wrote one, [`FAILED`](crate::abi::FAILED) wrote the failure that ended it, [`ENDED`] wrote
    /// nothing; after either of the last two it is not polled again.
    pub poll_next:
        unsafe extern "C" fn(*mut (), *mut (), *mut MaybeUninit<CallError>, *const AbiWaker) -> Step,
    /// Frees the state, ended or not.
    pub drop: unsafe extern "C" fn(*mut ()),
}

// SAFETY: the constructor below demands a `Send` future and `Send` items.
unsafe impl Send for RawStream {}

impl Drop for RawStream {
    fn drop(&mut self) {
        // SAFETY: the state belongs to this handle.
        unsafe { (self.drop)(self.state) }
    }
}

/// A consumer that polls, on its stack: the producer that it polls puts the item there.
pub(super) struct Serving {
    /// Address of the slot whose consumer it is.
    slot: *const (),
    /// A place for an item; free until it is filled.
    out: *mut (),
    is_filled: Cell<bool>,
}

impl Serving {
    /// # Safety
    /// `out` is a free place for a `T`.
    unsafe fn fill<T>(&self, item: T) {
        // SAFETY: by this function's contract; it is not free from now on.
        unsafe { self.out.cast::<T>().write(item) };
        self.is_filled.set(true);
    }
}

/// What stands between a stream's producer and its consumer. As long as the producer is polled by the consumer, items go
/// straight to the consumer's own place; once one was sent from elsewhere, such as a task of its own, all go through the
/// place in here.
pub struct Slot<T>(Arc<Meeting<T>>);

struct Meeting<T> {
    is_outside: AtomicBool,
    place: Mutex<Place<T>>,
}

struct Place<T> {
    item: Option<T>,
    producer: Option<Waker>,
    consumer: Option<Waker>,
}

impl<T> Slot<T> {
    fn new() -> Self {
        let place = Place { item: None, producer: None, consumer: None };
        Self(Arc::new(Meeting { is_outside: AtomicBool::new(false), place: Mutex::new(place) }))
    }

    /// The other end of it.
    fn twin(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    fn lock(&self) -> MutexGuard<'_, Place<T>> {
        self.0.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn address(&self) -> *const () {
        Arc::as_ptr(&self.0).cast()
    }

    /// Whether an item was ever sent from outside of the consumer's polls.
    fn is_outside(&self) -> bool {
        self.0.is_outside.load(Ordering::Acquire)
    }

    /// Takes the item, or leaves the consumer's waker. The producer is only woken when it runs on another task:
    /// on this one the consumer polls it next anyway.
    fn poll_take(&self, context: &Context<'_>) -> Option<T> {
        let mut place = self.lock();
        if place.item.is_none() {
            remember(&mut place.consumer, context);
            return None;
        }
        if let Some(producer) = place.producer.take()
            && !producer.will_wake(own_waker(context))
        {
            producer.wake();
        }
        place.item.take()
    }

    /// Puts `item` where the consumer finds it, if there is room, and wakes the consumer when it runs on another task.
    #[inline]
    pub fn poll_put(&mut self, item: &mut Option<T>, context: &Context<'_>) -> Poll<()> {
        if !self.is_outside()
            && let Some(serving) = lazy(context.waker()).and_then(|lazy| lazy.serves)
            && serving.slot == self.address()
        {
            // The consumer has one already, and polls again for this one.
            if serving.is_filled.get() {
                return Poll::Pending;
            }
            if let Some(item) = item.take() {
                // SAFETY: this is the poll of the slot's own consumer, which waits for its end and made a place for a `T`.
                // Nobody else fills it meanwhile: there is one producer, borrowed exclusively here.
                unsafe { serving.fill(item) };
            }
            return Poll::Ready(());
        }
        self.put_outside(item, context)
    }

    #[inline(never)]
    fn put_outside(&self, item: &mut Option<T>, context: &Context<'_>) -> Poll<()> {
        let mut place = self.lock();
        self.0.is_outside.store(true, Ordering::Release);
        if place.item.is_some() {
            remember(&mut place.producer, context);
            return Poll::Pending;
        }
        place.item = item.take();
        if let Some(consumer) = place.consumer.take()
            && !consumer.will_wake(own_waker(context))
        {
            consumer.wake();
        }
        Poll::Ready(())
    }
}

fn remember(waker: &mut Option<Waker>, context: &Context<'_>) {
    let own = own_waker(context);
    match waker {
        Some(known) => known.clone_from(own),
        None => *waker = Some(own.clone()),
    }
}

struct StreamState<T, F, S> {
    producer: TaskState<F, S>,
    slot: Slot<T>,
    /// How the producer ended, while an item of it may still wait.
    ended: Option<Result<(), CallError>>,
}

impl<T, F: Future<Output = Result<(), CallError>>, S: Surroundings> StreamState<T, F, S> {
    /// # Safety
    /// `out` is a free place for a `T`, `failure` one for a failure.
    #[inline]
    unsafe fn poll_next<const ENTERS: bool>(
        &mut self,
        out: *mut (),
        failure: *mut MaybeUninit<CallError>,
        waker: &AbiWaker,
    ) -> Step {
        let Self { producer, slot, ended } = self;
        let serving = Serving { slot: slot.address(), out, is_filled: Cell::new(false) };
        let take = |context: &Context<'_>| {
            if let Some(item) = slot.poll_take(context) {
                // SAFETY: by this function's contract; only called while it is not filled.
                unsafe { serving.fill(item) };
            }
        };
        let polled = guarded(|| {
            producer.poll_serving::<_, ENTERS>(waker, &serving, |future, context| {
                // What came from outside meanwhile.
                if slot.is_outside() {
                    take(context);
                }
                if !serving.is_filled.get()
                    && ended.is_none()
                    && let Poll::Ready(end) = future.poll(context)
                {
                    *ended = Some(end);
                }
                // What has ended without one from outside has none left, and its consumer is not to be woken any more.
                if !serving.is_filled.get() && (ended.is_none() || slot.is_outside()) {
                    take(context);
                }
            })
        });
        if let Err(panic) = polled {
            *ended = Some(Err(panic));
            // What was sent before the panic is still delivered before it.
            if !serving.is_filled.get()
                && let Some(item) = slot.lock().item.take()
            {
                // SAFETY: by this function's contract.
                unsafe { serving.fill(item) };
            }
        }
        if serving.is_filled.get() {
            return READY;
        }
        match ended.take() {
            None => PENDING,
            Some(Ok(())) => ENDED,
            // SAFETY: a free place.
            Some(Err(error)) => unsafe { failed_with(error, failure) },
        }
    }
}

/// A stream whose items are what `make`'s future puts into the slot. The future runs only while the consumer polls.
///
/// # Errors
/// When `make` panics.
pub fn stream<T, F, S>(surroundings: S, make: impl FnOnce(Slot<T>) -> F) -> Result<RawStream, CallError>
where
    T: Send,
    F: Future<Output = Result<(), CallError>> + Send,
    S: Surroundings,
{
    let slot = Slot::new();
    let future = guarded(|| surroundings.around(|| make(slot.twin())))?;
    let poll_next =
        if surroundings.is_entered() { poll_next::<T, F, S, true> } else { poll_next::<T, F, S, false> };
    let state = Box::new(StreamState { producer: TaskState::new(surroundings, future), slot, ended: None });
    Ok(RawStream { state: Box::into_raw(state).cast(), poll_next, drop: drop_stream::<T, F, S> })
}

unsafe extern "C" fn poll_next<T, F, S, const ENTERS: bool>(
    state: *mut (),
    out: *mut (),
    failure: *mut MaybeUninit<CallError>,
    waker: *const AbiWaker,
) -> Step
where
    F: Future<Output = Result<(), CallError>>,
    S: Surroundings,
{
    // SAFETY: made for these types by `stream`; polls do not overlap; the places are free for what is written; the waker
    // is valid for the call.
    unsafe { (*state.cast::<StreamState<T, F, S>>()).poll_next::<ENTERS>(out, failure, &*waker) }
}

unsafe extern "C" fn drop_stream<T, F, S: Surroundings>(state: *mut ()) {
    // SAFETY: made for these types by `stream`, dropped once.
    let state = unsafe { Box::from_raw(state.cast::<StreamState<T, F, S>>()) };
    let StreamState { mut producer, slot, .. } = *state;
    producer.end();
    swallow_panic(|| drop(slot));
}
