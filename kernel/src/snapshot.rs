//! One value that many read at every moment and somebody replaces now and then.
//!
//! A reader writes nothing that another thread writes and executes no locked instruction: it notes the pointer it is
//! about to follow in a cell of its own thread (a *hazard*) and looks again whether the pointer is still the current one.
//! Whoever replaces the value makes all threads pass a memory barrier once (`membarrier`), and so knows that every reader
//! has either been seen or sees the new value. That moves the whole price of the synchronisation to the rare side;
//! `docs/decisions/0007` has the measurement against `arc-swap`, which pays two locked instructions a read.
//!
//! Replaced values are dropped by the reaper's thread when no hazard names them any more.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::null_mut;

use transom_plugin_api::sabotage::sabotaged;

use crate::reaper::Reaper;
use crate::sync::{
    AtomicPtr, AtomicUsize, Mutex, Ordering, PoisonError, compiler_fence, fence, per_thread, shared,
};

/// How many snapshots one thread may hold at once beside those of its dispatches, which bring a hazard of their own.
const HAZARDS: usize = if cfg!(loom) { 2 } else { 16 };

/// Where a thread notes what it is about to follow.
pub(crate) struct Hazard(AtomicPtr<()>);

impl Hazard {
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }
}

/// Makes hazards known to whoever drops what was replaced. Before that nothing must be read with them.
pub(crate) fn enlist(hazards: &'static [Hazard]) {
    READERS.lock().unwrap_or_else(PoisonError::into_inner).hazards.push(hazards);
}

/// A thread's hazards for [`Published::load`]. The first `held` of them are in use.
struct Reader {
    hazards: [Hazard; HAZARDS],
    held: Cell<usize>,
}

// SAFETY: `held` is touched by the one thread that has taken the reader; others read the hazards only.
unsafe impl Sync for Reader {}

shared! {
    /// All hazards there ever were, and the readers whose thread has ended.
    static READERS: Mutex<Readers> = Mutex::new(Readers { hazards: Vec::new(), free: Vec::new() });
    /// Snapshots beyond [`HAZARDS`]: while there is one, nothing is dropped.
    static UNNOTED: AtomicUsize = AtomicUsize::new(0);
}

struct Readers {
    hazards: Vec<&'static [Hazard]>,
    free: Vec<&'static Reader>,
}

per_thread! {
    /// Without a destructor, so that reading it is one load; [`RETURN`] does what is to be done at the end.
    static READER: Cell<Option<&'static Reader>> = Cell::new(None);
    static RETURN: Cell<Option<Return>> = Cell::new(None);
}

/// Gives a reader back when its thread ends.
struct Return(&'static Reader);

impl Drop for Return {
    fn drop(&mut self) {
        READER.with(|own| own.set(None));
        READERS.lock().unwrap_or_else(PoisonError::into_inner).free.push(self.0);
    }
}

#[cold]
fn take_reader() -> &'static Reader {
    let mut readers = READERS.lock().unwrap_or_else(PoisonError::into_inner);
    let reader = readers.free.pop().unwrap_or_else(|| {
        let hazards = std::array::from_fn(|_| Hazard::new());
        let reader: &'static Reader = Box::leak(Box::new(Reader { hazards, held: Cell::new(0) }));
        readers.hazards.push(&reader.hazards);
        reader
    });
    drop(readers);
    READER.with(|own| own.set(Some(reader)));
    if !cfg!(loom) {
        RETURN.with(|at_end| at_end.set(Some(Return(reader))));
    }
    reader
}

/// A value that is replaced as a whole.
pub(crate) struct Published<T: Send + Sync + 'static> {
    current: AtomicPtr<T>,
    /// Whether readers need no fence of their own, kept beside what they read.
    is_remote: bool,
    reaper: Reaper,
}

impl<T: Send + Sync + 'static> Published<T> {
    pub(crate) fn new(value: T, reaper: Reaper) -> Self {
        let is_remote = barrier_is_remote();
        Self { current: AtomicPtr::new(Box::into_raw(Box::new(value))), is_remote, reaper }
    }

    /// The current value, for as long as the snapshot lives. Snapshots of one thread end in the reverse order in which
    /// they were taken.
    #[inline]
    pub(crate) fn load(&self) -> Snapshot<'_, T> {
        let reader = READER.with(Cell::get).unwrap_or_else(take_reader);
        let held = reader.held.get();
        reader.held.set(held + 1);
        let noted = match reader.hazards.get(held) {
            // SAFETY: it was enlisted when its reader was made, which is this thread's; those in use come before it.
            Some(hazard) => Ok(unsafe { self.load_with(hazard) }),
            None => Err(self.load_unnoted()),
        };
        Snapshot { noted, reader }
    }

    /// As [`load`](Self::load), noted in a hazard of the caller's.
    ///
    /// # Safety
    /// The hazard is enlisted, the running thread's alone, and not in use.
    #[inline(always)]
    pub(crate) unsafe fn load_with(&self, hazard: &'static Hazard) -> Noted<'_, T> {
        let Hazard(hazard) = hazard;
        let mut value = self.current.load(Ordering::Acquire);
        loop {
            hazard.store(value.cast(), Ordering::Relaxed);
            // The other half of this fence is the barrier in `replace`.
            if self.is_remote {
                compiler_fence(Ordering::SeqCst)
            } else {
                fence(Ordering::SeqCst)
            }
            let again = self.current.load(Ordering::Acquire);
            if again == value {
                return Noted { value, hazard, of: PhantomData };
            }
            value = again;
        }
    }

    /// As [`load`](Self::load), for a thread that has no hazard left.
    #[cold]
    fn load_unnoted(&self) -> *mut T {
        UNNOTED.fetch_add(1, Ordering::SeqCst);
        self.current.load(Ordering::SeqCst)
    }

    /// Makes `value` the current one. The one before is dropped by the reaper, once nobody reads it.
    pub(crate) fn replace(&self, value: T) {
        let before = self.current.swap(Box::into_raw(Box::new(value)), Ordering::SeqCst);
        barrier();
        self.reaper.retire(Retired { address: before.cast(), drop: drop_boxed::<T> });
    }
}

impl<T: Send + Sync + 'static> Drop for Published<T> {
    fn drop(&mut self) {
        // Snapshots borrow `self`, so there is none left.
        // SAFETY: made by `Box::into_raw`, dropped once.
        drop(unsafe { Box::from_raw(self.current.load(Ordering::Acquire)) });
    }
}

unsafe fn drop_boxed<T>(value: *mut ()) {
    // SAFETY: made by `Box::into_raw` for this type, dropped once.
    drop(unsafe { Box::from_raw(value.cast::<T>()) });
}

/// A look at the value as it was at one moment, noted in a hazard.
pub(crate) struct Noted<'a, T> {
    value: *mut T,
    hazard: &'static AtomicPtr<()>,
    of: PhantomData<&'a T>,
}

impl<T> Deref for Noted<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: its hazard keeps the value from being dropped.
        unsafe { &*self.value }
    }
}

impl<T> Drop for Noted<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.hazard.store(null_mut(), Ordering::Release);
    }
}

/// A look at the value as it was at one moment.
pub(crate) struct Snapshot<'a, T> {
    /// Where the thread had no hazard left, only where the value is.
    noted: Result<Noted<'a, T>, *mut T>,
    reader: &'static Reader,
}

impl<T> Deref for Snapshot<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        match &self.noted {
            Ok(noted) => noted,
            // SAFETY: while there is one that is not noted, nothing is dropped.
            Err(value) => unsafe { &**value },
        }
    }
}

impl<T> Drop for Snapshot<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let held = self.reader.held.get() - 1;
        self.reader.held.set(held);
        match &self.noted {
            // Snapshots end in the reverse order of their beginning, so the last hazard in use is this one's.
            Ok(noted) => debug_assert!(std::ptr::eq(noted.hazard, &self.reader.hazards[held].0), "in order"),
            Err(_) => forget_unnoted(),
        }
    }
}

#[cold]
fn forget_unnoted() {
    UNNOTED.fetch_sub(1, Ordering::SeqCst);
}

/// A value that nobody can begin to read any more.
pub(crate) struct Retired {
    address: *mut (),
    drop: unsafe fn(*mut ()),
}

// SAFETY: the value is `Send`; the reaper is the only one that still knows it.
unsafe impl Send for Retired {}

impl Retired {
    /// Whether somebody still reads it.
    pub(crate) fn is_read(&self) -> bool {
        if sabotaged("reap-while-it-is-read") {
            return false;
        }
        if UNNOTED.load(Ordering::SeqCst) > 0 {
            return true;
        }
        let readers = READERS.lock().unwrap_or_else(PoisonError::into_inner);
        let names_it = |hazard: &Hazard| hazard.0.load(Ordering::Acquire) == self.address;
        readers.hazards.iter().any(|hazards| hazards.iter().any(names_it))
    }

    /// Drops the value.
    ///
    /// # Safety
    /// [`is_read`](Self::is_read) said no.
    pub(crate) unsafe fn drop_value(self) {
        // SAFETY: nobody can reach the value: it is not current, and no hazard names it.
        unsafe { (self.drop)(self.address) }
    }
}

/// Whether [`barrier`] reaches into the other threads, so that readers need no fence of their own.
#[inline]
fn barrier_is_remote() -> bool {
    static REMOTE: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *REMOTE.get_or_init(membarrier::register)
}

/// Makes every thread of this process pass a full memory barrier.
fn barrier() {
    if barrier_is_remote() {
        membarrier::issue();
    } else {
        fence(Ordering::SeqCst);
    }
}

#[cfg(all(target_os = "linux", not(miri), not(loom)))]
mod membarrier {
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    fn call(command: libc::c_int) -> libc::c_long {
        // SAFETY: the call takes two integers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0 as libc::c_int) }
    }

    pub(super) fn register() -> bool {
        call(REGISTER_PRIVATE_EXPEDITED) == 0
    }

    pub(super) fn issue() {
        // Registered before, it fails in no documented way; should it all the same, no reader may be trusted.
        assert_eq!(call(PRIVATE_EXPEDITED), 0, "membarrier works once it was registered");
    }
}

#[cfg(not(all(target_os = "linux", not(miri), not(loom))))]
mod membarrier {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn issue() {}
}

// Named, because the model of `tests/loom` looks for it from elsewhere.
#[cfg(all(test, not(loom)))]
#[path = "snapshot/tests.rs"]
mod tests;
