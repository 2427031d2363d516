//! Wakers across the border: lent for a poll, kept only where the future asks for it.

use std::mem::ManuallyDrop;
use std::sync::{Arc, OnceLock};
use std::task::{Context, RawWaker, RawWakerVTable, Wake, Waker};

use abi_stable::StableAbi;

use super::stream::Serving;
use crate::sabotage::sabotaged;

/// A borrowed waker on its way across. Valid for the call it is passed to.
#[repr(C)]
#[derive(StableAbi)]
pub struct AbiWaker {
    waker: *const (),
    functions: &'static WakerFunctions,
}

/// What the image that lends a waker does with it.
#[repr(C)]
#[derive(StableAbi)]
struct WakerFunctions {
    key: unsafe extern "C" fn(*const ()) -> WakerKey,
    wake_by_ref: unsafe extern "C" fn(*const ()),
    keep: unsafe extern "C" fn(*const ()) -> *mut (),
    wake_kept: unsafe extern "C" fn(*const ()),
    drop_kept: unsafe extern "C" fn(*mut ()),
}

/// Equal keys wake the same task, as long as one of the two wakers is kept.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, StableAbi)]
struct WakerKey {
    data: usize,
    functions: usize,
}

static LENT: WakerFunctions = WakerFunctions { key, wake_by_ref, keep, wake_kept: wake_by_ref, drop_kept };

impl AbiWaker {
    /// Lends `waker` for one call.
    #[must_use]
    #[inline]
    pub fn lend(waker: &Waker) -> Self {
        Self { waker: std::ptr::from_ref(waker).cast(), functions: &LENT }
    }

    fn key(&self) -> WakerKey {
        // SAFETY: a lent waker is valid as long as this is.
        unsafe { (self.functions.key)(self.waker) }
    }
}

unsafe extern "C" fn key(waker: *const ()) -> WakerKey {
    // SAFETY: the borrowed waker of a call under way.
    let waker = unsafe { &*waker.cast::<Waker>() };
    match lazy(waker).filter(|_| !sabotaged("know-wakers-by-their-place")) {
        // It stands on a stack, where the next poll's may stand too: what counts is whom it stands for.
        Some(lazy) => lazy.lent.key(),
        None => {
            WakerKey { data: waker.data() as usize, functions: std::ptr::from_ref(waker.vtable()) as usize }
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
pub struct WakerCache(Option<(WakerKey, Waker)>);

/// A lent waker that is cloned across only if the future asks for a clone.
pub(super) struct LazyWaker<'a> {
    lent: &'a AbiWaker,
    /// With a lock, because during the poll any thread may clone a waker that it was shown.
    kept: OnceLock<Waker>,
    /// What was kept at an earlier poll.
    before: Option<&'a (WakerKey, Waker)>,
    /// The consumer whose poll this is, if it is a stream's.
    pub(super) serves: Option<&'a Serving>,
}

impl LazyWaker<'_> {
    fn kept(&self) -> &Waker {
        if let Some((key, waker)) = self.before
            && *key == self.lent.key()
            && !sabotaged("keep-no-waker")
        {
            return waker;
        }
        self.kept.get_or_init(|| {
            let functions = self.lent.functions;
            // SAFETY: the lent waker is valid for this call.
            let waker = unsafe { (functions.keep)(self.lent.waker) };
            let (wake, drop) = (functions.wake_kept, functions.drop_kept);
            Waker::from(Arc::new(KeptWaker { waker, wake, drop }))
        })
    }
}

/// What stands behind `waker`, if it is a lent one of this image.
pub(super) fn lazy(waker: &Waker) -> Option<&LazyWaker<'_>> {
    // SAFETY: only `polled_lazily` makes wakers with these functions, and those point at a `LazyWaker` that outlives every
    // reference to them: they are never cloned as they are, and not to be had but by a reference for the poll under way.
    std::ptr::eq(waker.vtable(), &raw const LAZY).then(|| unsafe { &*waker.data().cast::<LazyWaker<'_>>() })
}

/// A static, so that its address tells.
static LAZY: RawWakerVTable = RawWakerVTable::new(
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
        unsafe { (lent.functions.wake_by_ref)(lent.waker) }
    },
    |_| {},
);

impl WakerCache {
    /// Polls with a std waker that stands for the `lent` one.
    pub fn with<R>(&mut self, lent: &AbiWaker, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        if let Some((key, waker)) = &self.0
            && *key == lent.key()
            && !sabotaged("keep-no-waker")
        {
            return poll(&mut Context::from_waker(waker));
        }
        self.polled_lazily(lent, None, poll)
    }

    /// Polls with a std waker that stands for the `lent` one, and by which items find the consumer that polls.
    pub(super) fn serving<R>(
        &mut self,
        lent: &AbiWaker,
        serves: &Serving,
        poll: impl FnOnce(&mut Context<'_>) -> R,
    ) -> R {
        self.polled_lazily(lent, Some(serves), poll)
    }

    #[inline]
    fn polled_lazily<R>(
        &mut self,
        lent: &AbiWaker,
        serves: Option<&Serving>,
        poll: impl FnOnce(&mut Context<'_>) -> R,
    ) -> R {
        let lazy = LazyWaker { lent, kept: OnceLock::new(), before: self.0.as_ref(), serves };
        // SAFETY: the functions above keep the contract: `clone` gives an owned waker with a vtable of its own,
        // and the borrowed one is never consumed, because it is only reachable by reference.
        let borrowed = ManuallyDrop::new(unsafe { Waker::new(std::ptr::from_ref(&lazy).cast(), &LAZY) });
        let result = poll(&mut Context::from_waker(&borrowed));
        if let Some(kept) = lazy.kept.into_inner() {
            self.0 = Some((lent.key(), kept));
        }
        result
    }
}

/// The waker of the task that polls, in the form in which it is kept.
pub(super) fn own_waker<'a>(context: &Context<'a>) -> &'a Waker {
    let waker = context.waker();
    lazy(waker).map_or(waker, LazyWaker::kept)
}
