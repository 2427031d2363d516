//! Futures and streams across the border.
//!
//! A call is *started and first polled in one go*: when it is ready at once, which is the usual case for a filter
//! link or a cached answer, nothing stays behind. Otherwise the callee leaves a [`RawTask`] that the caller polls
//! in place, on its own task, and cancels by dropping it. A waker crosses as a borrowed [`AbiWaker`]; whoever
//! must keep it clones it once and reuses the clone as long as the same waker comes back, so polling allocates
//! nothing.

use std::any::Any;
use std::cell::OnceCell;
use std::future::{Future, Ready};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

use abi_stable::StableAbi;

use super::guard::{guarded, guarded_anywhere, swallow_panic};
use super::{ENDED, FAILED, PENDING, READY, Step};
use crate::CallError;
use crate::sabotage::sabotaged;

/// A borrowed waker on its way across. Valid for the call it is passed to.
#[repr(C)]
#[derive(StableAbi)]
pub struct AbiWaker {
    waker: *const (),
    /// Equal keys wake the same task.
    key: [usize; 2],
    wake_by_ref: unsafe extern "C" fn(*const ()),
    keep: unsafe extern "C" fn(*const ()) -> *mut (),
    wake_kept: unsafe extern "C" fn(*const ()),
    drop_kept: unsafe extern "C" fn(*mut ()),
}

impl AbiWaker {
    /// Lends `waker` for one call.
    #[must_use]
    pub fn lend(waker: &Waker) -> Self {
        Self {
            waker: std::ptr::from_ref(waker).cast(),
            key: [waker.data() as usize, std::ptr::from_ref(waker.vtable()) as usize],
            wake_by_ref,
            keep,
            wake_kept: wake_by_ref,
            drop_kept,
        }
    }
}

unsafe extern "C" fn wake_by_ref(waker: *const ()) {
    // SAFETY: it is the borrowed waker of a call under way, or one that `keep` made and nobody dropped yet.
    unsafe { &*waker.cast::<Waker>() }.wake_by_ref();
}

unsafe extern "C" fn keep(waker: *const ()) -> *mut () {
    // SAFETY: the borrowed waker of a call under way.
    Box::into_raw(Box::new(unsafe { &*waker.cast::<Waker>() }.clone())).cast()
}

unsafe extern "C" fn drop_kept(waker: *mut ()) {
    // SAFETY: made by `keep`, dropped once.
    drop(unsafe { Box::from_raw(waker.cast::<Waker>()) });
}

/// A kept waker of the other side, behind one of ours.
struct KeptWaker {
    waker: *mut (),
    wake: unsafe extern "C" fn(*const ()),
    drop: unsafe extern "C" fn(*mut ()),
}

// SAFETY: behind the pointer is a `std::task::Waker`, which is `Send` and `Sync`; the functions are plain code.
unsafe impl Send for KeptWaker {}
// SAFETY: as above.
unsafe impl Sync for KeptWaker {}

impl Wake for KeptWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        // SAFETY: kept until `drop`.
        unsafe { (self.wake)(self.waker) }
    }
}

impl Drop for KeptWaker {
    fn drop(&mut self) {
        // SAFETY: made by `keep` of the other side, dropped here once.
        unsafe { (self.drop)(self.waker) }
    }
}

/// The waker a task keeps between polls.
#[derive(Default)]
pub struct WakerCache(Option<([usize; 2], Waker)>);

/// A lent waker that is cloned across only if the future asks for a clone.
struct LazyWaker<'a> {
    lent: &'a AbiWaker,
    kept: OnceCell<Waker>,
}

impl LazyWaker<'_> {
    fn kept(&self) -> &Waker {
        self.kept.get_or_init(|| {
            // SAFETY: the lent waker is valid for this call.
            let waker = unsafe { (self.lent.keep)(self.lent.waker) };
            Waker::from(Arc::new(KeptWaker { waker, wake: self.lent.wake_kept, drop: self.lent.drop_kept }))
        })
    }
}

const LAZY: RawWakerVTable = RawWakerVTable::new(
    |lazy| {
        // SAFETY: a `LazyWaker` on the stack of the poll under way.
        let clone = ManuallyDrop::new(unsafe { &*lazy.cast::<LazyWaker<'_>>() }.kept().clone());
        RawWaker::new(clone.data(), clone.vtable())
    },
    |_| unreachable!("a lent waker is only borrowed"),
    |lazy| {
        // SAFETY: as above; the lent waker is valid during the poll.
        let lent = unsafe { &*lazy.cast::<LazyWaker<'_>>() }.lent;
        // SAFETY: as above.
        unsafe { (lent.wake_by_ref)(lent.waker) }
    },
    |_| {},
);

impl WakerCache {
    /// Polls with a std waker that stands for the `lent` one.
    pub fn with<R>(&mut self, lent: &AbiWaker, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        if let Some((key, waker)) = &self.0
            && *key == lent.key
            && !sabotaged("keep-no-waker")
        {
            return poll(&mut Context::from_waker(waker));
        }
        let lazy = LazyWaker { lent, kept: OnceCell::new() };
        // SAFETY: the functions above keep the contract: `clone` gives an owned waker with a vtable of its own,
        // and the borrowed one is never consumed, because it is only reachable by reference.
        let borrowed = ManuallyDrop::new(unsafe { Waker::new(std::ptr::from_ref(&lazy).cast(), &LAZY) });
        let result = poll(&mut Context::from_waker(&borrowed));
        if let Some(kept) = lazy.kept.into_inner() {
            self.0 = Some((lent.key, kept));
        }
        result
    }
}

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

    /// Drops the future. Its `Drop` may touch timers and sockets, so it needs the same surroundings as its polls.
    fn end(&mut self) {
        let Self { future, surroundings, .. } = self;
        swallow_panic(|| surroundings.around(|| *future = None));
    }
}

/// What a handler gave.
pub enum Given<T, F> {
    /// Its answer, without waiting.
    Answer(Result<T, CallError>),
    /// A future of it.
    Future(F),
}

/// The output of a [`Ready`], else the future itself: a handler that never waits needs no task, and nothing is allocated.
pub fn settled<F>(future: F) -> Result<F::Output, F>
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

/// Runs a handler and polls its future once; leaves a task behind when it is not ready.
///
/// # Safety
/// `out` is a free place for a `T`, `failure` and `pending` are free places, `waker` is valid for the call.
pub unsafe fn start<T, F, S>(
    surroundings: &S,
    handler: impl FnOnce() -> Given<T, F>,
    out: *mut (),
    failure: *mut MaybeUninit<CallError>,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step
where
    F: Future<Output = Result<T, CallError>> + Send,
    S: Surroundings + Clone,
{
    let mut step = None;
    let ran = guarded(|| {
        surroundings.around(|| {
            let future = match handler() {
                Given::Answer(answer) => {
                    // SAFETY: free places, by this function's contract.
                    step = Some(unsafe { Outcome { out, failure }.write(Poll::Ready(answer)) });
                    return;
                }
                Given::Future(future) => future,
            };
            let mut future = Box::pin(future);
            let mut cache = WakerCache::default();
            // SAFETY: valid for the call, by this function's contract.
            let waker = unsafe { &*waker };
            // SAFETY: as above; `T` is what the caller expects.
            let polled = cache.with(waker, |context| unsafe {
                Outcome { out, failure }.write(future.as_mut().poll(context))
            });
            step = Some(polled);
            if polled == PENDING {
                let surroundings = surroundings.clone();
                let state = Box::new(TaskState { future: Some(future), surroundings, waker: cache });
                // SAFETY: a free place, by this function's contract.
                unsafe { (*pending).write(raw_task::<T, F, S>(state)) };
            }
        });
    });
    match (ran, step) {
        // What was answered stands, even if the drop of the finished future panicked.
        (_, Some(step)) => step,
        (Err(panic), None) => {
            // SAFETY: nothing was written yet.
            unsafe { (*failure).write(panic) };
            FAILED
        }
        (Ok(()), None) => unreachable!("a poll answers with a step"),
    }
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
    F: Future<Output = Result<T, CallError>> + Send,
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
    F: Future<Output = Result<T, CallError>>,
    S: Surroundings,
{
    // SAFETY: `state` was made for these types by `raw_task`; polls do not overlap; the waker is valid for the call.
    let (state, waker) = unsafe { (&mut *state.cast::<TaskState<F, S>>(), &*waker) };
    let polled = guarded_anywhere(|| {
        // SAFETY: the places are free.
        state.poll_with(waker, |future, context| unsafe {
            Outcome { out, failure }.write(future.poll(context))
        })
    });
    polled.unwrap_or_else(|panic| {
        // SAFETY: a free place, since the panic came before anything was written.
        unsafe { (*failure).write(panic) };
        FAILED
    })
}

unsafe extern "C" fn drop_task<F, S: Surroundings>(state: *mut ()) {
    // SAFETY: as above, dropped once.
    unsafe { Box::from_raw(state.cast::<TaskState<F, S>>()) }.end();
}

/// A stream that has been opened. Dropping it through `drop` cancels it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawStream {
    /// The provider's state.
    pub state: *mut (),
    /// Polls for the next item: [`READY`] wrote one, [`FAILED`] wrote the failure that ended it, [`ENDED`] wrote
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

/// The one place between a stream's producer and its consumer.
pub struct Slot<T>(Arc<Mutex<Place<T>>>);

struct Place<T> {
    item: Option<T>,
    producer: Option<Waker>,
    consumer: Option<Waker>,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Slot<T> {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Place { item: None, producer: None, consumer: None })))
    }

    fn lock(&self) -> MutexGuard<'_, Place<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            && !producer.will_wake(context.waker())
        {
            producer.wake();
        }
        place.item.take()
    }

    /// Puts `item` there, if the place is free, and wakes the consumer when it runs on another task.
    pub fn poll_put(&self, item: &mut Option<T>, context: &Context<'_>) -> Poll<()> {
        let mut place = self.lock();
        if place.item.is_some() {
            remember(&mut place.producer, context);
            return Poll::Pending;
        }
        place.item = item.take();
        if let Some(consumer) = place.consumer.take()
            && !consumer.will_wake(context.waker())
        {
            consumer.wake();
        }
        Poll::Ready(())
    }
}

fn remember(waker: &mut Option<Waker>, context: &Context<'_>) {
    match waker {
        Some(known) => known.clone_from(context.waker()),
        None => *waker = Some(context.waker().clone()),
    }
}

struct StreamState<T, F, S> {
    producer: TaskState<F, S>,
    slot: Slot<T>,
    /// How the producer ended, while an item of it may still wait.
    ended: Option<Result<(), CallError>>,
}

impl<T, F: Future<Output = Result<(), CallError>>, S: Surroundings> StreamState<T, F, S> {
    fn poll_next(&mut self, waker: &AbiWaker) -> Poll<Option<Result<T, CallError>>> {
        let Self { producer, slot, ended } = self;
        let polled = guarded(|| {
            producer.poll_with(waker, |future, context| {
                let mut item = slot.poll_take(context);
                if item.is_none() && ended.is_none() {
                    if let Poll::Ready(end) = future.poll(context) {
                        *ended = Some(end);
                    }
                    item = slot.poll_take(context);
                }
                item
            })
        });
        let item = polled.unwrap_or_else(|panic| {
            // What was sent before the panic is still delivered before it.
            *ended = Some(Err(panic));
            slot.lock().item.take()
        });
        match (item, &ended) {
            (Some(item), _) => Poll::Ready(Some(Ok(item))),
            (None, None) => Poll::Pending,
            (None, Some(_)) => Poll::Ready(match ended.take() {
                Some(Err(error)) => Some(Err(error)),
                _ => None,
            }),
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
    let future = guarded(|| surroundings.around(|| make(slot.clone())))?;
    let state = Box::new(StreamState { producer: TaskState::new(surroundings, future), slot, ended: None });
    Ok(RawStream {
        state: Box::into_raw(state).cast(),
        poll_next: poll_next::<T, F, S>,
        drop: drop_stream::<T, F, S>,
    })
}

unsafe extern "C" fn poll_next<T, F, S>(
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
    unsafe {
        match (*state.cast::<StreamState<T, F, S>>()).poll_next(&*waker) {
            Poll::Pending => PENDING,
            Poll::Ready(None) => ENDED,
            Poll::Ready(Some(Ok(item))) => {
                out.cast::<T>().write(item);
                READY
            }
            Poll::Ready(Some(Err(error))) => {
                (*failure).write(error);
                FAILED
            }
        }
    }
}

unsafe extern "C" fn drop_stream<T, F, S: Surroundings>(state: *mut ()) {
    // SAFETY: made for these types by `stream`, dropped once.
    let state = unsafe { Box::from_raw(state.cast::<StreamState<T, F, S>>()) };
    let StreamState { mut producer, slot, .. } = *state;
    producer.end();
    swallow_panic(|| drop(slot));
}

/// A call to the other side as a std future.
///
/// `begin` starts it with a place for the output, a place for the failure, the lent waker and a place for the task.
pub struct Crossing<T, B> {
    begin: Option<B>,
    task: Option<RawTask>,
    of: PhantomData<fn() -> T>,
}

// Nothing in it is ever pinned: the parts that must not move live behind `RawTask`.
impl<T, B> Unpin for Crossing<T, B> {}

/// Makes a future of a call.
///
/// # Safety
/// `begin` keeps the contract of [`Step`]: it writes a `T`, a failure or a task, as its answer says.
pub const unsafe fn crossing<T, B>(begin: B) -> Crossing<T, B>
where
    B: FnOnce(*mut (), *mut MaybeUninit<CallError>, *const AbiWaker, *mut MaybeUninit<RawTask>) -> Step,
{
    Crossing { begin: Some(begin), task: None, of: PhantomData }
}

/// The beginning of a call that has begun already.
pub type Begun = fn(*mut (), *mut MaybeUninit<CallError>, *const AbiWaker, *mut MaybeUninit<RawTask>) -> Step;

/// Makes a future of a task.
///
/// # Safety
/// `task` writes a `T` when it is ready.
#[must_use]
pub const unsafe fn resumed<T>(task: RawTask) -> Crossing<T, Begun> {
    Crossing { begin: None, task: Some(task), of: PhantomData }
}

impl<T, B> Future for Crossing<T, B>
where
    B: FnOnce(*mut (), *mut MaybeUninit<CallError>, *const AbiWaker, *mut MaybeUninit<RawTask>) -> Step,
{
    type Output = Result<T, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = AbiWaker::lend(context.waker());
        let mut out = MaybeUninit::<T>::uninit();
        let mut failure = MaybeUninit::uninit();
        let place = out.as_mut_ptr().cast();
        let step = if let Some(begin) = self.begin.take() {
            let mut pending = MaybeUninit::uninit();
            let step = begin(place, &raw mut failure, &raw const waker, &raw mut pending);
            if step == PENDING {
                // SAFETY: `begin` says that it wrote a task.
                self.task = Some(unsafe { pending.assume_init() });
            }
            step
        } else if let Some(task) = &self.task {
            // SAFETY: places and waker are valid for the call; polls do not overlap.
            unsafe { (task.poll)(task.state, place, &raw mut failure, &raw const waker) }
        } else {
            panic!("a finished call was polled again");
        };
        if step == PENDING {
            return Poll::Pending;
        }
        self.task = None;
        // SAFETY: the step says which of the two was written.
        Poll::Ready(unsafe { if step == READY { Ok(out.assume_init()) } else { Err(failure.assume_init()) } })
    }
}
