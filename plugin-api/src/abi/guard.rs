//! The guard at every entry into a plugin: a panic becomes a [`CallError`], never an unwinding across images.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sabotage::sabotaged;
use crate::{CallError, CallErrorKind};

thread_local! {
    /// How many guards are around the running code of this thread and image.
    static GUARDS: Cell<u32> = const { Cell::new(0) };
    /// Where the last panic of this thread and image happened, noted by the hook, which alone can see it.
    static LAST_PANIC_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes where a panic happened, for the guard that will catch it.
fn note_panic_location(location: Option<&std::panic::Location<'_>>) {
    // A panic while thread-locals are being torn down has nobody left to read the note.
    let _ = LAST_PANIC_AT.try_with(|place| *place.borrow_mut() = location.map(ToString::to_string));
}

/// Runs `body`; a panic in it becomes an error with its message and, where known, its place. For entries that the kernel
/// makes from a dispatch: the panic hook asks it whether one is under way, so nothing needs to be noted here.
///
/// # Errors
/// When `body` panicked.
#[inline]
pub fn guarded<R>(body: impl FnOnce() -> R) -> Result<R, CallError> {
    // What a panicking handler leaves half-done is its own plugin's state; the kernel's is not reachable here.
    if sabotaged("leave-panics-alone") {
        return Ok(body());
    }
    catch_unwind(AssertUnwindSafe(body)).map_err(caught)
}

/// As [`guarded`], for entries from elsewhere: it notes for the panic hook that somebody will catch.
///
/// # Errors
/// When `body` panicked.
pub fn guarded_anywhere<R>(body: impl FnOnce() -> R) -> Result<R, CallError> {
    let _entered = Entered::new();
    guarded(body)
}

#[cold]
fn caught(payload: Box<dyn Any + Send>) -> CallError {
    let mut message = panic_message(&*payload);
    if let Ok(Some(place)) = LAST_PANIC_AT.try_with(|place| place.borrow_mut().take()) {
        message = format!("{message} (at {place})");
    }
    swallow_panic(|| drop(payload));
    CallError::new(CallErrorKind::Panicked, format!("panicked: {message}"))
}

/// The text of a panic, for the usual kinds of payload.
fn panic_message(payload: &dyn Any) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}

/// Counts a guard for as long as it lives.
struct Entered;

impl Entered {
    fn new() -> Self {
        let _ = GUARDS.try_with(|guards| guards.set(guards.get() + 1));
        Self
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let _ = GUARDS.try_with(|guards| guards.set(guards.get() - 1));
    }
}

/// Runs clean-up code of a plugin's; a panic in it is swallowed, since nobody is left to be told.
pub fn swallow_panic(clean_up: impl FnOnce()) {
    let _entered = Entered::new();
    if let Err(payload) = catch_unwind(AssertUnwindSafe(clean_up)) {
        // A panic's payload may panic in its own `Drop`: it is leaked rather than dropped.
        std::mem::forget(payload);
    }
}

/// Replaces this image's panic hook: inside a guard the place is noted for the error that follows; anywhere else,
/// such as on a plugin's own thread, the panic is reported as one line. Nothing is printed. `is_dispatching` says whether
/// this thread is inside a dispatch of the kernel's, which is guarded too.
pub fn install_panic_hook(
    is_dispatching: impl Fn() -> bool + Send + Sync + 'static,
    report: impl Fn(&str) + Send + Sync + 'static,
) {
    std::panic::set_hook(Box::new(move |info| {
        if GUARDS.try_with(Cell::get).is_ok_and(|guards| guards > 0) || is_dispatching() {
            note_panic_location(info.location());
            return;
        }
        let place = info.location().map(|place| format!(" (at {place})")).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        report(&format!("thread `{thread}` panicked: {}{place}", panic_message(info.payload())));
    }));
}
