//! Who is running on each thread; counts and sampled times of points.
//!
//! Nothing shared is written on the event path: each thread has a slot of its own. Who wants to know the sum, or who
//! runs where, reads the slots of all threads.

use std::cell::{Cell, OnceCell};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Points that are counted one by one; the rest share the last place.
pub(crate) const COUNTED: usize = 1024;

/// One emission or call in so many is timed.
const SAMPLE: u32 = 256;

/// How deep calls may nest on one thread before an emission is dropped: each level is a handler that emits.
const MAX_DEPTH: u32 = 64;

/// A thread's own place. Written by that thread alone, with plain stores.
struct Slot {
    /// Plugin and point that run now: `plugin << 32 | point`, or [`IDLE`].
    crumb: AtomicU64,
    depth: Cell<u32>,
    tick: Cell<u32>,
    counts: Arc<Counts>,
}

struct Counts([AtomicU64; COUNTED]);

impl Counts {
    fn new() -> Arc<Self> {
        Arc::new(Self(std::array::from_fn(|_| AtomicU64::new(0))))
    }
}

const IDLE: u64 = u64::MAX;

/// The counts of all threads, those that ended included.
static ALL: Mutex<Vec<Arc<Counts>>> = Mutex::new(Vec::new());
static NEXT: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static SLOT: OnceCell<Slot> = const { OnceCell::new() };
}

/// A point's place among the counts, unique in the process as long as there are places.
pub(crate) fn next_counter() -> u32 {
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    next.min(COUNTED as u32 - 1)
}

/// The sampled times of a point.
#[derive(Debug, Default)]
pub(crate) struct Times {
    samples: AtomicU64,
    nanos: AtomicU64,
}

/// What is known about the traffic of one point.
#[derive(Clone, Debug, PartialEq)]
pub struct PointMetrics {
    /// Name of the point.
    pub point: String,
    /// Emissions, filterings or calls so far.
    pub count: u64,
    /// How many of them were timed.
    pub timed: u64,
    /// Mean of the timed ones, in nanoseconds; of calls, until they were ready or pending.
    pub mean_ns: f64,
}

impl Times {
    pub(crate) fn metrics(&self, point: &str, counter: u32) -> PointMetrics {
        let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.iter().map(|counts| counts.0[counter as usize].load(Ordering::Relaxed)).sum();
        let (timed, nanos) = (self.samples.load(Ordering::Relaxed), self.nanos.load(Ordering::Relaxed));
        #[allow(clippy::cast_precision_loss, reason = "a mean for people")]
        let mean_ns = if timed == 0 { 0.0 } else { nanos as f64 / timed as f64 };
        PointMetrics { point: point.to_owned(), count, timed, mean_ns }
    }
}

/// One dispatch on this thread: counted, perhaps timed, and ended when it is dropped.
pub(crate) struct Dispatch<'a> {
    slot: *const Slot,
    before: u64,
    timed: Option<(Instant, &'a Times)>,
}

impl<'a> Dispatch<'a> {
    /// Begins one; `None` when this thread is too deep in nested handlers.
    #[inline]
    pub(crate) fn begin(counter: u32, times: &'a Times) -> Option<Self> {
        SLOT.with(|slot| {
            let slot = slot.get_or_init(new_slot);
            let depth = slot.depth.get();
            if depth >= MAX_DEPTH {
                return None;
            }
            slot.depth.set(depth + 1);
            let count = &slot.counts.0[counter as usize];
            // Only this thread writes it, so a load and a store are enough and cost no bus lock.
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            let tick = slot.tick.get().wrapping_add(1);
            slot.tick.set(tick);
            let timed = tick.is_multiple_of(SAMPLE).then(|| (Instant::now(), times));
            Some(Self { slot, before: slot.crumb.load(Ordering::Relaxed), timed })
        })
    }

    /// Says who runs next.
    #[inline]
    pub(crate) fn runs(&self, plugin: u32, point: u32) {
        // SAFETY: the slot is this thread's own and outlives every dispatch on its stack.
        let slot = unsafe { &*self.slot };
        slot.crumb.store(u64::from(plugin) << 32 | u64::from(point), Ordering::Relaxed);
    }
}

impl Drop for Dispatch<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: as above.
        let slot = unsafe { &*self.slot };
        slot.crumb.store(self.before, Ordering::Relaxed);
        slot.depth.set(slot.depth.get() - 1);
        if let Some((began, times)) = self.timed.take() {
            let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            times.samples.fetch_add(1, Ordering::Relaxed);
            times.nanos.fetch_add(nanos, Ordering::Relaxed);
        }
    }
}

#[cold]
fn new_slot() -> Slot {
    let counts = Counts::new();
    ALL.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counts));
    Slot { crumb: AtomicU64::new(IDLE), depth: Cell::new(0), tick: Cell::new(0), counts }
}
