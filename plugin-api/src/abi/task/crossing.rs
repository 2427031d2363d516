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

    // Always: an output that came out of a function would be moved once more.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut out = MaybeUninit::<T>::uninit();
        let place = out.as_mut_ptr().cast();
        let polled = match &mut self.begin {
            Some(begin) => {
                let waker = AbiWaker::lend(context.waker());
                let (mut failure, mut pending) = (MaybeUninit::uninit(), MaybeUninit::uninit());
                let step = begin.begin(place, &raw mut failure, &raw const waker, &raw mut pending);
                self.begin = None;
                if step == READY {
                    Poll::Ready(None)
                } else {
                    // SAFETY: the step says which of the two was written; neither is used again.
                    unsafe { self.not_at_once(step, &failure, &pending) }
                }
            }
            None => self.poll_on(place, context),
        };
        // SAFETY: it is ready and did not fail, so the output was written.
        polled.map(|failed| failed.map_or_else(|| Ok(unsafe { out.assume_init() }), |failure| Err(*failure)))
    }
}

/// Whether a call is over, and what it failed with. A failure has a box, so that nothing but an output, which no other way
/// leads through, is ever moved from its place to the caller's.
pub(crate) type Over = Poll<Option<Box<CallError>>>;

// Apart from the way that most calls take.
impl<T, B> Crossing<T, B> {
    /// # Safety
    /// The callee answered `step`, which is not [`READY`], and what that says was written is not used again.
    #[inline(never)]
    unsafe fn not_at_once(
        &mut self,
        step: Step,
        failure: &MaybeUninit<CallError>,
        pending: &MaybeUninit<RawTask>,
    ) -> Over {
        // SAFETY: by this function's contract.
        unsafe {
            if step != PENDING {
                return Poll::Ready(Some(Box::new(failure.assume_init_read())));
            }
            self.task = Some(pending.assume_init_read());
            Poll::Pending
        }
    }

    /// Polls the task. `out` is a free place for a `T`.
    #[inline(never)]
    fn poll_on(&mut self, out: *mut (), context: &Context<'_>) -> Over {
        let Some(task) = &self.task else { panic!("a finished call was polled again") };
        let waker = AbiWaker::lend(context.waker());
        let mut failure = MaybeUninit::uninit();
        // SAFETY: places and waker are valid for the call; polls do not overlap.
        let step = unsafe { (task.poll)(task.state, out, &raw mut failure, &raw const waker) };
        if step == PENDING {
            return Poll::Pending;
        }
        self.task = None;
        // SAFETY: the step says whether the failure was written.
        Poll::Ready((step != READY).then(|| Box::new(unsafe { failure.assume_init() })))
    }
}
