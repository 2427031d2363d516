//! [`Crossing`]: a call to the other side as a std future.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::RawTask;
use super::waker::AbiWaker;
use crate::CallError;
use crate::abi::{PENDING, READY, Step};

/// How a call to the other side begins. It stands in the future until then, so that what it hands over need not be moved
/// before.
pub trait Begin {
    /// Begins: with a place for the output, a place for the failure, the lent waker and a place for the task. What it
    /// holds afterwards is dropped.
    fn begin(
        &mut self,
        out: *mut (),
        failure: *mut MaybeUninit<CallError>,
        waker: *const AbiWaker,
        pending: *mut MaybeUninit<RawTask>,
    ) -> Step;
}

impl<F> Begin for Option<F>
where
    F: FnOnce(*mut (), *mut MaybeUninit<CallError>, *const AbiWaker, *mut MaybeUninit<RawTask>) -> Step,
{
    #[inline]
    fn begin(
        &mut self,
        out: *mut (),
        failure: *mut MaybeUninit<CallError>,
        waker: *const AbiWaker,
        pending: *mut MaybeUninit<RawTask>,
    ) -> Step {
        let Some(begin) = self.take() else { unreachable!("a call begins once") };
        begin(out, failure, waker, pending)
    }
}

/// A call to the other side as a std future.
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
#[inline]
pub const unsafe fn crossing<T, B: Begin>(begin: B) -> Crossing<T, B> {
    Crossing { begin: Some(begin), task: None, of: PhantomData }
}

/// The beginning of a call that has begun already.
pub type Begun =
    Option<fn(*mut (), *mut MaybeUninit<CallError>, *const AbiWaker, *mut MaybeUninit<RawTask>) -> Step>;

/// Makes a future of a task.
///
/// # Safety
/// `task` writes a `T` when it is ready.
#[must_use]
pub const unsafe fn resumed<T>(task: RawTask) -> Crossing<T, Begun> {
    Crossing { begin: None, task: Some(task), of: PhantomData }
}

impl<T, B: Begin> Future for Crossing<T, B> {
    type Output = Result<T, CallError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let waker = AbiWaker::lend(context.waker());
        let mut out = MaybeUninit::<T>::uninit();
        let mut failure = MaybeUninit::uninit();
        let place = out.as_mut_ptr().cast();
        let step = if let Some(begin) = &mut this.begin {
            let mut pending = MaybeUninit::uninit();
            let step = begin.begin(place, &raw mut failure, &raw const waker, &raw mut pending);
            this.begin = None;
            if step == PENDING {
                // SAFETY: `begin` says that it wrote a task.
                this.task = Some(unsafe { pending.assume_init() });
            }
            step
        } else if let Some(task) = &this.task {
            // SAFETY: places and waker are valid for the call; polls do not overlap.
            let step = unsafe { (task.poll)(task.state, place, &raw mut failure, &raw const waker) };
            if step != PENDING {
                this.task = None;
            }
            step
        } else {
            panic!("a finished call was polled again");
        };
        // SAFETY: the step says which of the two was written.
        unsafe {
            match step {
                READY => Poll::Ready(Ok(out.assume_init())),
                PENDING => Poll::Pending,
                _ => Poll::Ready(Err(failure.assume_init())),
            }
        }
    }
}
