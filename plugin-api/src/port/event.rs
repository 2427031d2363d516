//! Saying and hearing events.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use super::Seated;
use crate::abi::guard::{guarded, swallow_panic};
use crate::abi::host_table::{AsyncHandler, FailurePlace, Handler, InlineHandler, MailboxTerms, RawReceived};
use crate::abi::payload::PayloadType;
use crate::abi::task::{AbiWaker, RawTask, Surroundings, crossing, start};
use crate::abi::{FAILED, READY, Step};
use crate::contract::Contract;
use crate::point::{Event, Immediate, Paced};
use crate::runtime::Runtime;
use crate::{CallContext, CallError, Host, StartError};

/// Says an event. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Emitter<T, D = Immediate> {
    at: Seated,
    of: PhantomData<fn(T, D)>,
}

impl<T: Contract, D> Emitter<T, D> {
    /// For `#[derive(Ports)]`.
    #[doc(hidden)]
    pub fn connect(host: &Host, point: &Event<T, D>, port: u32) -> Result<Self, StartError> {
        Ok(Self { at: resolve::<T, D>(host, point, port)?, of: PhantomData })
    }
}

impl<T: Contract> Emitter<T> {
    /// Tells everybody who listens. Inline listeners have run when it returns; queued ones have it in their
    /// mailbox. It never fails and never waits.
    #[inline]
    pub fn emit(&self, event: &T) {
        let raw = self.at.host.raw();
        // SAFETY: the seat is held; the event is borrowed for the call.
        unsafe { (raw.table.emit())(raw.seat, self.at.point, std::ptr::from_ref(event).cast()) }
    }
}

impl<T: Contract> Emitter<T, Paced> {
    /// Tells everybody who listens, and waits until every mailbox that asked for it has room.
    ///
    /// # Errors
    /// [`Deadline`](crate::CallErrorKind::Deadline) when a mailbox stayed full past the point's deadline; the
    /// others have the event.
    pub fn emit(&self, event: &T) -> impl Future<Output = Result<(), CallError>> + Send + use<'_, T> {
        let event = event.clone();
        let at = &self.at;
        // SAFETY: the host keeps the contract of `Step`; it clones what it needs of the event before it returns.
        unsafe {
            crossing::<(), _>(Some(
                move |_: *mut (), failure: FailurePlace, waker: *const AbiWaker, pending: *mut _| {
                    let raw = at.host.raw();
                    let event = std::ptr::from_ref(&event).cast();
                    (raw.table.emit_paced())(raw.seat, at.point, event, failure, waker, pending)
                },
            ))
        }
    }
}

fn resolve<T: Contract, D>(host: &Host, point: &Event<T, D>, port: u32) -> Result<Seated, StartError> {
    let none = PayloadType::of::<()>();
    Seated::resolve(host, port, point.spec(), PayloadType::of::<T>(), none, none)
}

/// Hears an event.
#[derive(Clone, Debug)]
pub struct Listener<T, D = Immediate> {
    at: Seated,
    of: PhantomData<fn() -> (T, D)>,
}

/// The mailbox of a queued listener.
#[derive(Clone, Copy, Debug)]
pub struct Mailbox(MailboxTerms);

impl Mailbox {
    /// Holds `capacity` events; when it is full the oldest is lost, and the next one received tells how many were.
    #[must_use]
    pub const fn drop_oldest(capacity: u32) -> Self {
        Self(MailboxTerms { capacity: at_least_one(capacity), when_full: 0 })
    }

    /// Holds the newest event only: for listeners to whom the latest state is all that matters.
    #[must_use]
    pub const fn coalesce() -> Self {
        Self(MailboxTerms { capacity: 1, when_full: 1 })
    }

    /// Holds `capacity` events; when it is full the emitter waits. Only at points declared [`Event::paced`]
    /// (elsewhere the registration is refused).
    #[must_use]
    pub const fn wait(capacity: u32) -> Self {
        Self(MailboxTerms { capacity: at_least_one(capacity), when_full: 2 })
    }
}

const fn at_least_one(capacity: u32) -> u32 {
    if capacity == 0 { 1 } else { capacity }
}

impl<T: Contract, D> Listener<T, D> {
    /// For `#[derive(Ports)]`.
    #[doc(hidden)]
    pub fn connect(host: &Host, point: &Event<T, D>, port: u32) -> Result<Self, StartError> {
        Ok(Self { at: resolve::<T, D>(host, point, port)?, of: PhantomData })
    }

    /// Runs `handler` in the emitter, before its `emit` returns. It must not block: whoever emits waits for it.
    ///
    /// # Errors
    /// When the plugin has been stopped meanwhile.
    pub fn inline(
        &self,
        handler: impl Fn(&T, &CallContext) + Send + Sync + 'static,
    ) -> Result<(), StartError> {
        self.at.contribute(
            "",
            std::ptr::null_mut(),
            Handler::Inline(inline::<T, _>(self.at.host.runtime(), handler)),
        )
    }

    /// As [`queued`](Self::queued), with a clone of `state` for every event.
    ///
    /// # Errors
    /// As `queued`.
    pub fn queued_with<S, F, Fut>(&self, state: &S, mailbox: Mailbox, handler: F) -> Result<(), StartError>
    where
        S: Clone + Send + 'static,
        F: Fn(S, Received<T>, CallContext) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let state = state.clone();
        self.queued(mailbox, move |event, context| handler(state.clone(), event, context))
    }

    /// Runs `handler` for one event after the other, in order, on a task of the listener's own.
    ///
    /// # Errors
    /// When the mailbox [waits](Mailbox::wait) but the point is not paced, or the plugin has been stopped.
    pub fn queued<F, Fut>(&self, mailbox: Mailbox, handler: F) -> Result<(), StartError>
    where
        F: FnMut(Received<T>, CallContext) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler = queued::<T, F, Fut>(self.at.host.runtime(), handler);
        self.at.contribute("", std::ptr::null_mut(), Handler::Queued(handler, mailbox.0))
    }
}

struct InlineState<F> {
    handler: F,
    runtime: Runtime,
}

fn inline<T: Contract, F: Fn(&T, &CallContext) + Send + Sync + 'static>(
    runtime: Runtime,
    handler: F,
) -> InlineHandler {
    unsafe extern "C" fn call<T, F: Fn(&T, &CallContext), const ENTERS: bool>(
        state: *const (),
        event: *const (),
        context: *const CallContext,
        failure: FailurePlace,
    ) -> Step {
        // SAFETY: the state is this closure; event and context are borrowed for the call, and the event's type
        // was compared at attachment.
        let (state, event, context) =
            unsafe { (&*state.cast::<InlineState<F>>(), &*event.cast::<T>(), &*context) };
        let handle = || (state.handler)(event, context);
        match guarded(|| if ENTERS { state.runtime.around(handle) } else { handle() }) {
            Ok(()) => READY,
            Err(panic) => {
                // SAFETY: a free place.
                unsafe { (*failure).write(panic) };
                FAILED
            }
        }
    }
    InlineHandler {
        call: if runtime.is_entered() { call::<T, F, true> } else { call::<T, F, false> },
        state: Box::into_raw(Box::new(InlineState { handler, runtime })).cast(),
        drop: drop_closure::<InlineState<F>>,
    }
}

/// Frees a boxed closure; a panic in what it captured is swallowed.
pub(super) unsafe extern "C" fn drop_closure<F>(state: *mut ()) {
    // SAFETY: boxed by the SDK for this type, dropped once.
    let closure = unsafe { Box::from_raw(state.cast::<F>()) };
    swallow_panic(|| drop(closure));
}

struct QueuedState<F> {
    // The kernel runs one event at a time, so the lock is always free; it only makes `FnMut` callable.
    handler: Mutex<F>,
    runtime: Runtime,
}

fn queued<T, F, Fut>(runtime: Runtime, handler: F) -> AsyncHandler
where
    T: Contract,
    F: FnMut(Received<T>, CallContext) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    unsafe extern "C" fn start_one<T, F, Fut>(
        state: *const (),
        event: *mut (),
        context: *const CallContext,
        out: *mut (),
        failure: FailurePlace,
        waker: *const AbiWaker,
        pending: *mut std::mem::MaybeUninit<RawTask>,
    ) -> Step
    where
        T: Contract,
        F: FnMut(Received<T>, CallContext) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        // SAFETY: the state is the one below; the event is moved over; the context is borrowed for the call.
        let (state, event, context) =
            unsafe { (&*state.cast::<QueuedState<F>>(), event.cast::<RawReceived>().read(), *context) };
        let handler = || {
            let mut handler = state.handler.lock().unwrap_or_else(PoisonError::into_inner);
            (*handler)(Received { raw: event, of: PhantomData }, context)
        };
        // SAFETY: the places are the kernel's, as `AsyncHandler` asks.
        unsafe { start::<(), _, _, true>(&state.runtime, handler, out, failure, waker, pending) }
    }
    let state = QueuedState { handler: Mutex::new(handler), runtime };
    AsyncHandler {
        state: Box::into_raw(Box::new(state)).cast(),
        start: start_one::<T, F, Fut>,
        drop: drop_closure::<QueuedState<F>>,
    }
}

/// One event out of a mailbox. All mailboxes that hold it share one clone.
pub struct Received<T> {
    raw: RawReceived,
    of: PhantomData<fn() -> T>,
}

impl<T> Received<T> {
    /// How many events this mailbox lost since the one before.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.raw.lost
    }
}

impl<T> Deref for Received<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: alive as long as this holder; its type was compared at attachment.
        unsafe { &*self.raw.payload.cast::<T>() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Received<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("event", &**self).field("lost", &self.lost()).finish()
    }
}
