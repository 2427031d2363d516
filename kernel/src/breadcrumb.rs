//! Who is running on each thread; counts and sampled times of points.
//!
//! Nothing shared is written on the event path: each thread has a slot of its own. Who wants to know the sum, or who
//! runs where, reads the slots of all threads.

mod count;
mod histogram;
#[cfg(test)]
mod tests;
mod times;

pub(crate) use count::Count;
pub use times::PointMetrics;
pub(crate) use times::{PointTally, Times};

use std::cell::Cell;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use transom_plugin_api::sabotage::sabotaged;

use crate::snapshot::{Hazard, Noted, Published, enlist};

/// Places for counts: a point that comes too late for one of its own shares the last.
pub(crate) const COUNTED: usize = 1024;

/// One emission or call in so many is timed, in the mean.
const SAMPLE: u32 = 256;

/// How deep calls may nest on one thread before an emission is dropped: each level is a handler that emits.
const MAX_DEPTH: usize = 64;

/// A thread's own place. Written by that thread alone, with plain stores.
struct Slot {
    /// Plugin and point that run now: `plugin << 32 | point`, or [`IDLE`].
    crumb: AtomicU64,
    depth: Cell<usize>,
    /// Changes with each dispatch, so that who looks twice knows whether it is still the same one.
    tick: AtomicU32,
    /// The tick from which on the next dispatch is timed.
    timed_next: Cell<u32>,
    /// With which this thread reads the routes: one for each level of nested dispatches.
    hazards: [Hazard; MAX_DEPTH],
    counts: [AtomicU64; COUNTED],
}

// SAFETY: the cells are touched by the one thread that has taken the slot; others read the atomics only.
unsafe impl Sync for Slot {}

const IDLE: u64 = u64::MAX;

/// What else than a handler runs in a plugin. In a breadcrumb each stands in the place of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Loading,
    Starting,
    Stopping,
    HandingOver,
    Task,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Loading, Self::Starting, Self::Stopping, Self::HandingOver, Self::Task];

    /// Numbers from the end, where no point is.
    const fn number(self) -> u32 {
        u32::MAX - 1 - self as u32
    }

    /// The phase that stands in the place of a point, if it is one.
    pub(crate) fn of(point: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.number() == point)
    }

    /// Whether a thread of the host's is busy as long as it lasts. The others have a deadline and a thread of their own.
    const fn keeps_a_thread_of_the_host(self) -> bool {
        matches!(self, Self::HandingOver | Self::Task)
    }
}

impl Slot {
    #[inline]
    fn next_tick(&self) -> u32 {
        let tick = self.tick.load(Ordering::Relaxed).wrapping_add(1);
        self.tick.store(tick, Ordering::Relaxed);
        tick
    }

    /// Whether the dispatch that has this tick is timed.
    #[inline]
    fn is_timed(&self, tick: u32) -> bool {
        let is_timed = tick.wrapping_sub(self.timed_next.get()) < u32::MAX / 2;
        if is_timed {
            self.timed_next.set(tick.wrapping_add(pause_after(tick)));
        }
        is_timed
    }
}

/// Ticks until the next dispatch that is timed. It varies, so that of what a thread does over and over every part is timed.
#[cold]
fn pause_after(tick: u32) -> u32 {
    if sabotaged("time-in-step") {
        return SAMPLE;
    }
    SAMPLE / 2 + (tick.wrapping_mul(0x9E37_79B9) >> 24) * SAMPLE / 256
}

/// A dispatch that is under way on some thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UnderWay {
    /// Number of the thread's place, from 0.
    pub(crate) thread: usize,
    tick: u32,
    pub(crate) plugin: u32,
    pub(crate) point: u32,
}

#[allow(clippy::cast_possible_truncation, reason = "two numbers of 32 bits in one of 64")]
const fn parts(crumb: u64) -> (u32, u32) {
    ((crumb >> 32) as u32, crumb as u32)
}

/// Plugin and point, or phase, that this thread is at.
pub(crate) fn here() -> Option<(u32, u32)> {
    let crumb = SLOT.get()?.crumb.load(Ordering::Relaxed);
    (crumb != IDLE).then(|| parts(crumb))
}

/// What runs on each thread of the host's at this moment.
pub(crate) fn under_way() -> Vec<UnderWay> {
    let slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
    let running = slots.all.iter().enumerate().filter_map(|(thread, slot)| {
        let crumb = slot.crumb.load(Ordering::Relaxed);
        let (plugin, point) = parts(crumb);
        let tick = slot.tick.load(Ordering::Relaxed);
        let counts = crumb != IDLE && Phase::of(point).is_none_or(Phase::keeps_a_thread_of_the_host);
        counts.then_some(UnderWay { thread, tick, plugin, point })
    });
    running.collect()
}

/// All slots there ever were, and those whose thread has ended: the next thread goes on counting in them.
static SLOTS: Mutex<Slots> = Mutex::new(Slots { all: Vec::new(), free: Vec::new() });
static NEXT: AtomicU32 = AtomicU32::new(0);

struct Slots {
    all: Vec<&'static Slot>,
    free: Vec<&'static Slot>,
}

thread_local! {
    /// Without a destructor, so that reading it is one load; [`RETURN`] does what is to be done at the end.
    static SLOT: Cell<Option<&'static Slot>> = const { Cell::new(None) };
    static RETURN: Cell<Option<Return>> = const { Cell::new(None) };
}

/// Gives a slot back when its thread ends.
struct Return(&'static Slot);

impl Drop for Return {
    fn drop(&mut self) {
        SLOT.set(None);
        SLOTS.lock().unwrap_or_else(PoisonError::into_inner).free.push(self.0);
    }
}

/// A point's place among the counts, unique in the process as long as there are places.
pub(crate) fn next_counter() -> u32 {
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    next.min(COUNTED as u32 - 1)
}

/// Whether this thread is inside a plugin's handler, where a panic will be caught.
#[must_use]
pub fn is_dispatching() -> bool {
    SLOT.get().is_some_and(|slot| slot.depth.get() > 0)
}

/// The plugin whose handler runs on this thread, if one does.
#[must_use]
pub fn running_plugin() -> Option<&'static str> {
    crate::whereabouts::whereabouts().map(|here| here.plugin)
}

/// This thread's own place. It stays on the thread: what it does to its slot no other may do.
#[derive(Clone, Copy)]
pub(crate) struct Own(&'static Slot, PhantomData<*const ()>);

/// The place of the thread that asks.
#[inline]
pub(crate) fn own() -> Own {
    Own(SLOT.get().unwrap_or_else(take_slot), PhantomData)
}

impl Own {
    /// Says who runs next, on a level that is held.
    #[inline(always)]
    pub(crate) fn runs(self, crumb: u64) {
        self.0.crumb.store(crumb, Ordering::Relaxed);
    }

    /// Adds at a place among the counts, and answers what this thread had added there before.
    #[inline(always)]
    fn adds(self, place: u32, more: u64) -> u64 {
        let Self(slot, _) = self;
        // Places are below their number; said so that nothing has to be checked here.
        let count = &slot.counts[place as usize % COUNTED];
        // Only this thread writes it, so a load and a store are enough and cost no bus lock.
        let before = count.load(Ordering::Relaxed);
        count.store(before.wrapping_add(more), Ordering::Relaxed);
        before
    }

    /// Goes one level deeper; `None` when this thread is too deep in nested handlers.
    #[inline(always)]
    pub(crate) fn descend(self) -> Option<Level> {
        let Self(slot, _) = self;
        let depth = slot.depth.get();
        if depth >= MAX_DEPTH {
            return None;
        }
        slot.depth.set(depth + 1);
        Some(Level { own: self, before: slot.crumb.load(Ordering::Relaxed) })
    }

    /// Goes one level deeper, with a look at what is published.
    #[inline(always)]
    pub(crate) fn enter<T: Send + Sync + 'static>(self, published: &Published<T>) -> Option<Inside<'_, T>> {
        let Self(slot, _) = self;
        let hazard = slot.hazards.get(slot.depth.get())?;
        let level = self.descend()?;
        // SAFETY: it was enlisted when its slot was made, the slot is the running thread's, since `self` is, and this
        // level's one look is this.
        let seen = unsafe { published.load_with(hazard) };
        Some(Inside { seen, level })
    }
}

/// A level of nested dispatches on this thread, held until it is dropped.
pub(crate) struct Level {
    pub(crate) own: Own,
    before: u64,
}

impl Level {
    /// Counts a dispatch, of which one in [`SAMPLE`] is timed until what this answers is dropped.
    #[inline(always)]
    pub(crate) fn begins<'a>(&self, counter: u32, times: &'a Times) -> Timing<'a> {
        Timing::of(self.counts(counter), times)
    }

    /// Counts a dispatch, and says whether it is to be timed.
    #[inline(always)]
    pub(crate) fn counts(&self, counter: u32) -> bool {
        let Own(slot, _) = self.own;
        self.own.adds(counter, 1);
        slot.is_timed(slot.next_tick())
    }

    /// Says that who ran before runs again.
    #[inline(always)]
    pub(crate) fn runs_no_more(&self) {
        self.own.runs(self.before);
    }
}

impl Drop for Level {
    #[inline(always)]
    fn drop(&mut self) {
        self.runs_no_more();
        let Own(slot, _) = self.own;
        slot.depth.set(slot.depth.get() - 1);
    }
}

/// A dispatch that is perhaps timed, until it is dropped.
pub(crate) struct Timing<'a>(Option<(Instant, &'a Times)>);

impl<'a> Timing<'a> {
    /// Of a dispatch that is to be timed, or is not.
    #[inline(always)]
    pub(crate) fn of(is_timed: bool, times: &'a Times) -> Self {
        Self(if is_timed { Some((now(), times)) } else { None })
    }
}

impl Drop for Timing<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some((began, times)) = self.0.take() {
            times.note(began);
        }
    }
}

/// A level with a look at what is published.
pub(crate) struct Inside<'a, T> {
    pub(crate) seen: Noted<'a, T>,
    pub(crate) level: Level,
}

/// Goes on with a dispatch that has begun and waited, at `crumb`: neither counted nor timed again. `None` when this thread
/// is too deep in nested handlers.
#[inline]
pub(crate) fn resume(crumb: u64) -> Option<Level> {
    let own = own();
    let level = own.descend()?;
    own.0.next_tick();
    own.runs(crumb);
    Some(level)
}

#[cold]
fn now() -> Instant {
    Instant::now()
}

/// What stands in a slot while a plugin's handler runs at a point.
pub(crate) const fn crumb(plugin: u32, point: u32) -> u64 {
    (plugin as u64) << 32 | point as u64
}

/// Runs `body`, and says meanwhile that it runs in that plugin at that phase.
pub(crate) fn during<R>(plugin: u32, phase: Phase, body: impl FnOnce() -> R) -> R {
    let slot = SLOT.get().unwrap_or_else(take_slot);
    slot.next_tick();
    let _back = Back { slot, before: slot.crumb.load(Ordering::Relaxed) };
    slot.crumb.store(crumb(plugin, phase.number()), Ordering::Relaxed);
    body()
}

/// Says again who ran before, also when what ran meanwhile panicked.
struct Back {
    slot: &'static Slot,
    before: u64,
}

impl Drop for Back {
    fn drop(&mut self) {
        self.slot.crumb.store(self.before, Ordering::Relaxed);
    }
}

/// As `future`; each poll says that it runs in that plugin at that phase.
pub(crate) async fn polled_during<F: Future>(plugin: u32, phase: Phase, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| during(plugin, phase, || future.as_mut().poll(context))).await
}

/// As `future`; each poll says that it runs the handler that `crumb` stands for.
pub(crate) async fn polled_at<F: Future>(crumb: u64, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _level = resume(crumb);
        future.as_mut().poll(context)
    })
    .await
}

#[cold]
fn take_slot() -> &'static Slot {
    let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
    let slot = slots.free.pop().unwrap_or_else(|| {
        let slot: &'static Slot = Box::leak(Box::new(Slot {
            crumb: AtomicU64::new(IDLE),
            depth: Cell::new(0),
            tick: AtomicU32::new(0),
            timed_next: Cell::new(SAMPLE),
            hazards: std::array::from_fn(|_| Hazard::new()),
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
        }));
        enlist(if sabotaged("enlist-the-first-level-only") { &slot.hazards[..1] } else { &slot.hazards });
        slots.all.push(slot);
        slot
    });
    drop(slots);
    SLOT.set(Some(slot));
    RETURN.set(Some(Return(slot)));
    slot
}
