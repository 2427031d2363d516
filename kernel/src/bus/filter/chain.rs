//! A chain that waits for one of its links: it is polled on where the value is.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::task::Poll;

use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::task::{AbiWaker, RawTask};
use transom_plugin_api::abi::{PENDING, READY, Step};
use transom_plugin_api::{CallContext, CallError};

use super::{Progress, failed, run, too_deep};
use crate::breadcrumb;
use crate::bridge::place::Place;
use crate::bus::{Vigil, cancel, cut_error, fail, written};
use crate::table::{LinkRoute, Point, Routes};

/// Goes on with a chain that did not come to its end at once.
///
/// # Safety
/// As [`apply`](super::apply), but that the value's place is free.
#[inline(never)]
pub(super) unsafe fn unfinished(
    progress: Progress,
    routes: &Routes,
    context: CallContext,
    value: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    match progress {
        Progress::Done => READY,
        // SAFETY: a free place.
        Progress::Failed(error) => unsafe { fail(failure, error) },
        Progress::Waiting { link, task, backup } => {
            let mut chain = Chain {
                point: Arc::clone(&routes.point),
                links: Arc::clone(&routes.links),
                context,
                link,
                task: Some(task),
                backup,
                vigil: Vigil::over(&routes.links[link].contribution.seat, routes.point.deadline()),
            };
            // The first look arms the timer.
            // SAFETY: the waker is valid for the call; the places are free.
            let step = unsafe { chain.watch(&*waker, value, failure) };
            if step == PENDING {
                let state = Box::into_raw(Box::new(chain)).cast();
                // SAFETY: a free place.
                unsafe { (*pending).write(RawTask { state, poll: poll_chain, drop: drop_chain }) };
            }
            step
        }
    }
}

/// A chain in the middle of which a link waits.
struct Chain {
    point: Arc<Point>,
    links: Arc<[LinkRoute]>,
    context: CallContext,
    /// Which link waits.
    link: usize,
    task: Option<RawTask>,
    /// The value from before that link, at a fail-open point.
    backup: Option<Place>,
    vigil: Vigil,
}

impl Chain {
    /// # Safety
    /// `value` is a free place for a value of the point's type, `failure` one for a failure.
    unsafe fn poll(&mut self, value: *mut (), failure: FailurePlace, waker: &AbiWaker) -> Step {
        let Some(task) = &self.task else {
            // SAFETY: a free place.
            return unsafe { fail(failure, CallError::failed("the chain has ended")) };
        };
        let mut error = MaybeUninit::uninit();
        let step = match breadcrumb::resume(self.links[self.link].call.crumb) {
            // SAFETY: the places are free; the waker is valid; polls do not overlap.
            Some(_level) => unsafe { (task.poll)(task.state, value, &raw mut error, waker) },
            None => PENDING,
        };
        match step {
            // SAFETY: as this function's contract.
            PENDING => unsafe { self.watch(waker, value, failure) },
            // SAFETY: the link has put the value in place.
            READY => unsafe { self.go_on(value, failure, waker) },
            // SAFETY: the step says that the failure was written, and so the place is free.
            _ => unsafe { self.link_failed(written(error), value, failure, waker) },
        }
    }

    /// Looks at the deadline of the link that waits.
    ///
    /// # Safety
    /// As [`poll`](Self::poll).
    unsafe fn watch(&mut self, waker: &AbiWaker, value: *mut (), failure: FailurePlace) -> Step {
        match self.vigil.poll(waker) {
            Poll::Pending => PENDING,
            Poll::Ready(cut) => {
                let error = cut_error(cut, &self.links[self.link].contribution.seat, self.point.deadline());
                // SAFETY: as this function's contract.
                unsafe { self.link_failed(error, value, failure, waker) }
            }
        }
    }

    /// # Safety
    /// As [`poll`](Self::poll).
    unsafe fn link_failed(
        &mut self,
        error: CallError,
        value: *mut (),
        failure: FailurePlace,
        waker: &AbiWaker,
    ) -> Step {
        if let Some(task) = self.task.take() {
            cancel(task);
        }
        let link = Arc::clone(&self.links[self.link].contribution);
        // SAFETY: `value` is a free place, since the value went into the link that is gone.
        match unsafe { failed(&self.point, &link, error, self.backup.take(), value) } {
            // SAFETY: the value from before is back in place.
            Ok(()) => unsafe { self.go_on(value, failure, waker) },
            // SAFETY: a free place.
            Err(error) => unsafe { fail(failure, error) },
        }
    }

    /// Runs the links behind the one that waited.
    ///
    /// # Safety
    /// `value` holds a value; `failure` is a free place.
    unsafe fn go_on(&mut self, value: *mut (), failure: FailurePlace, waker: &AbiWaker) -> Step {
        self.task = None;
        self.backup = None;
        let Some(level) = breadcrumb::own().descend() else {
            // SAFETY: the value is nobody's any more; the failure's place is free.
            return unsafe { too_deep(&self.point, value, failure) };
        };
        // SAFETY: by this function's contract.
        let progress =
            unsafe { run(&level, &self.point, &self.links, self.link + 1, value, &self.context, waker) };
        drop(level);
        match progress {
            Progress::Done => READY,
            // SAFETY: a free place.
            Progress::Failed(error) => unsafe { fail(failure, error) },
            Progress::Waiting { link, task, backup } => {
                self.vigil = Vigil::over(&self.links[link].contribution.seat, self.point.deadline());
                (self.link, self.task, self.backup) = (link, Some(task), backup);
                // SAFETY: the value is in the link, so its place is free.
                unsafe { self.watch(waker, value, failure) }
            }
        }
    }
}

unsafe extern "C" fn poll_chain(
    state: *mut (),
    value: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
) -> Step {
    // SAFETY: made by `apply`; polls do not overlap; the waker is valid for the call.
    unsafe { (*state.cast::<Chain>()).poll(value, failure, &*waker) }
}

unsafe extern "C" fn drop_chain(state: *mut ()) {
    // SAFETY: made by `apply`, dropped once.
    let chain = unsafe { Box::from_raw(state.cast::<Chain>()) };
    let Chain { task, backup, .. } = *chain;
    if let Some(task) = task {
        cancel(task);
    }
    drop(backup);
}
