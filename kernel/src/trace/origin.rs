//! Which trace something belongs to, carried along where the thread changes.
//!
//! All of it costs one relaxed load until a host says that it follows traces.

use std::future::Future;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use tracing::instrument::Instrumented;
use tracing::{Instrument, Span};
use transom_plugin_api::{CallContext, TraceId};

static FOLLOWED: AtomicBool = AtomicBool::new(false);
/// Answers the trace id of the span that the calling thread is in.
pub type CurrentTrace = fn() -> Option<TraceId>;

static CURRENT: RwLock<Option<CurrentTrace>> = RwLock::new(None);

/// Has traces followed from now on, or no longer: queued events and background tasks run in the span in which they were
/// emitted or spawned, and every `CallContext` has the trace id that `current` answers on the caller's thread.
pub fn follow(current: Option<CurrentTrace>) {
    *CURRENT.write().unwrap_or_else(PoisonError::into_inner) = current;
    FOLLOWED.store(current.is_some(), Ordering::Relaxed);
}

/// The context of a call by `caller` that may take so long.
#[inline]
pub(crate) fn stamped(caller: &'static str, budget_ns: u64) -> CallContext {
    let mut context = CallContext::stamped(caller, budget_ns);
    note_trace(&mut context);
    context
}

/// `plain`, or where traces are followed a copy of it in `place` that is part of the one that this thread is in.
#[inline(always)]
pub(crate) fn noted<'a>(plain: &'a CallContext, place: &'a mut MaybeUninit<CallContext>) -> &'a CallContext {
    if !FOLLOWED.load(Ordering::Relaxed) {
        return plain;
    }
    let context = place.write(*plain);
    note_current(context);
    context
}

/// Makes a context part of the trace that this thread is in, where traces are followed.
#[inline(always)]
pub(crate) fn note_trace(context: &mut CallContext) {
    if FOLLOWED.load(Ordering::Relaxed) {
        note_current(context);
    }
}

#[cold]
fn note_current(context: &mut CallContext) {
    let current = *CURRENT.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(trace) = current.and_then(|current| current()) {
        *context = context.within(trace);
    }
}

/// The span in which something began that goes on elsewhere.
pub(crate) struct Origin(Option<Box<Span>>);

impl Origin {
    /// The span that this thread is in; nothing when traces are not followed.
    #[inline]
    pub(crate) fn here() -> Self {
        if FOLLOWED.load(Ordering::Relaxed) { Self::current() } else { Self(None) }
    }

    #[cold]
    fn current() -> Self {
        let span = Span::current();
        Self((!span.is_none()).then(|| Box::new(span)))
    }

    /// Polls `future` in that span.
    pub(crate) fn around<F: Future>(self, future: F) -> Instrumented<F> {
        future.instrument(self.0.map_or_else(Span::none, |span| *span))
    }
}

/// Who told an event, and in which span.
pub(crate) struct Teller {
    pub(crate) id: &'static str,
    pub(crate) origin: Origin,
}

impl Teller {
    #[inline]
    pub(crate) fn of(id: &'static str) -> Self {
        Self { id, origin: Origin::here() }
    }
}
