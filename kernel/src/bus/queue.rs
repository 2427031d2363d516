//! [`Queue`]: items on their way to one reader, in order, and how the queue of the next generation takes them over.
//!
//! Nothing but a lock and the wakers behind it, so that it can be checked by a model of all interleavings. Whatever is
//! dropped or woken is so outside of the lock, because that may run a plugin's code.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use transom_plugin_api::sabotage::sabotaged;

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a full queue does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// The oldest is dropped, and counted as lost.
    DropOldest,
    /// The oldest is dropped; only the latest matters there.
    Coalesce,
    /// Who pushes waits.
    Wait,
}

/// Items for one reader.
pub(crate) struct Queue<T> {
    capacity: usize,
    when_full: WhenFull,
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    items: VecDeque<T>,
    lost: u64,
    end: End<T>,
    has_reader: bool,
    reader: Option<Waker>,
    pushers: Vec<Waker>,
    /// Who waits until the reader has left.
    successor: Option<Waker>,
}

/// What becomes of items that come now.
enum End<T> {
    Open,
    /// They are dropped; those inside are still read.
    Closed,
    /// They go to the queue of the next generation, as those inside did.
    Moved(Arc<Queue<T>>),
}

impl<T> Inner<T> {
    fn moved_to(&self) -> Option<Arc<Queue<T>>> {
        if let End::Moved(next) = &self.end { Some(Arc::clone(next)) } else { None }
    }
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize, when_full: WhenFull) -> Arc<Self> {
        let inner = Inner {
            items: VecDeque::new(),
            lost: 0,
            end: End::Open,
            has_reader: false,
            reader: None,
            pushers: Vec::new(),
            successor: None,
        };
        Arc::new(Self { capacity, when_full, inner: Mutex::new(inner) })
    }

    /// An empty one on the same terms.
    pub(crate) fn alike(&self) -> Arc<Self> {
        Self::new(self.capacity, self.when_full)
    }

    pub(crate) fn waits(&self) -> bool {
        self.when_full == WhenFull::Wait
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in; a full queue loses by its terms.
    pub(crate) fn push(&self, item: T) {
        let next = {
            let inner = self.lock();
            match inner.moved_to() {
                Some(next) => next,
                None => return self.push_here(inner, item),
            }
        };
        next.push(item);
    }

    fn push_here(&self, mut inner: MutexGuard<'_, Inner<T>>, item: T) {
        if matches!(inner.end, End::Closed) {
            drop(inner);
            return drop(item);
        }
        let full = inner.items.len() >= self.capacity;
        let pushed_out = if full { inner.items.pop_front() } else { None };
        inner.lost += u64::from(full && self.when_full != WhenFull::Coalesce);
        inner.items.push_back(item);
        let reader = inner.reader.take();
        drop(inner);
        drop(pushed_out);
        wake(reader);
    }

    /// Puts the item in as soon as there is room; a closed queue takes it and drops it.
    pub(crate) fn poll_push(&self, item: &mut Option<T>, context: &Context<'_>) -> Poll<()> {
        let next = {
            let mut inner = self.lock();
            match inner.moved_to() {
                Some(next) => next,
                None if inner.items.len() >= self.capacity && !matches!(inner.end, End::Closed) => {
                    inner.pushers.push(context.waker().clone());
                    return Poll::Pending;
                }
                None => {
                    if let Some(item) = item.take() {
                        self.push_here(inner, item);
                    }
                    return Poll::Ready(());
                }
            }
        };
        next.poll_push(item, context)
    }

    /// How many items are in it now.
    pub(crate) fn depth(&self) -> usize {
        self.lock().items.len()
    }

    /// Says that somebody reads from now on. Said before anybody can hand this queue over.
    pub(crate) fn begin_reading(&self) {
        self.lock().has_reader = true;
    }

    /// The next item, with the number of those lost before it; `None` when there will be none for this reader.
    pub(crate) fn poll_next(&self, context: &Context<'_>) -> Poll<Option<(T, u64)>> {
        let (item, lost, pushers) = {
            let mut inner = self.lock();
            let Some(item) = inner.items.pop_front() else {
                if !matches!(inner.end, End::Open) {
                    return Poll::Ready(None);
                }
                inner.reader = Some(context.waker().clone());
                return Poll::Pending;
            };
            (item, std::mem::take(&mut inner.lost), std::mem::take(&mut inner.pushers))
        };
        pushers.into_iter().for_each(Waker::wake);
        Poll::Ready(Some((item, lost)))
    }

    /// Says that the reader has left: what it was reading last has been handled, or was given up.
    pub(crate) fn end_reading(&self) {
        let successor = {
            let mut inner = self.lock();
            inner.has_reader = false;
            inner.successor.take()
        };
        wake(successor);
    }

    /// Whether the reader has left, so that the next one may begin without overtaking it.
    pub(crate) fn poll_left(&self, context: &Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if !inner.has_reader {
            return Poll::Ready(());
        }
        inner.successor = Some(context.waker().clone());
        Poll::Pending
    }

    /// Gives everything inside, and everything that comes, to `next`. The reader here stops after the item that it has;
    /// nothing is lost, and nothing overtakes. A queue that was handed over to this one takes everything back this way.
    ///
    /// Only one hand-over may be under way at a time: it is the draft's lock that sees to it.
    pub(crate) fn hand_over(&self, next: &Arc<Self>) {
        let (readers, pushers) = {
            let mut inner = self.lock();
            if !matches!(inner.end, End::Open) {
                return;
            }
            let mut taking = next.lock();
            if matches!(taking.end, End::Moved(_)) {
                taking.end = End::Open;
            }
            let mut items = std::mem::take(&mut inner.items);
            if sabotaged("hand-over-in-two-steps") {
                drop(inner);
                inner = self.lock();
            }
            items.append(&mut taking.items);
            taking.items = items;
            taking.lost += std::mem::take(&mut inner.lost);
            inner.end = End::Moved(Arc::clone(next));
            ([inner.reader.take(), taking.reader.take()], std::mem::take(&mut inner.pushers))
        };
        readers.into_iter().for_each(wake);
        pushers.into_iter().for_each(Waker::wake);
    }

    /// No further items; those inside are still read.
    pub(crate) fn close(&self) {
        let (reader, pushers) = {
            let mut inner = self.lock();
            if matches!(inner.end, End::Open) {
                inner.end = End::Closed;
            }
            (inner.reader.take(), std::mem::take(&mut inner.pushers))
        };
        wake(reader);
        pushers.into_iter().for_each(Waker::wake);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::task::Waker;

    use super::*;

    fn queue(capacity: usize, when_full: WhenFull) -> Arc<Queue<u32>> {
        Queue::new(capacity, when_full)
    }

    fn next(queue: &Queue<u32>) -> Poll<Option<(u32, u64)>> {
        queue.poll_next(&Context::from_waker(Waker::noop()))
    }

    fn all(queue: &Queue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| match next(queue) {
            Poll::Ready(item) => item.map(|(item, _)| item),
            Poll::Pending => None,
        })
        .collect()
    }

    #[test]
    fn a_full_queue_drops_the_oldest_and_says_how_many() {
        let full = queue(2, WhenFull::DropOldest);
        (1..=5).for_each(|item| full.push(item));
        assert_eq!(next(&full), Poll::Ready(Some((4, 3))));
        assert_eq!(next(&full), Poll::Ready(Some((5, 0))));
        assert_eq!(next(&full), Poll::Pending);
    }

    #[test]
    fn a_coalescing_queue_counts_nothing_as_lost() {
        let full = queue(1, WhenFull::Coalesce);
        (1..=3).for_each(|item| full.push(item));
        assert_eq!(next(&full), Poll::Ready(Some((3, 0))));
    }

    #[test]
    fn who_pushes_waits_for_room_where_that_was_agreed() {
        let context = Context::from_waker(Waker::noop());
        let full = queue(1, WhenFull::Wait);
        let (mut first, mut second) = (Some(1), Some(2));
        assert_eq!(full.poll_push(&mut first, &context), Poll::Ready(()));
        assert_eq!(full.poll_push(&mut second, &context), Poll::Pending);
        assert_eq!((second, next(&full)), (Some(2), Poll::Ready(Some((1, 0)))));
        assert_eq!(full.poll_push(&mut second, &context), Poll::Ready(()));
        assert_eq!(all(&full), [2]);
    }

    #[test]
    fn what_nobody_has_read_goes_to_the_next_queue_before_what_comes_later() {
        let (old, new) = (queue(8, WhenFull::DropOldest), queue(8, WhenFull::DropOldest));
        old.begin_reading();
        (1..=3).for_each(|item| old.push(item));
        assert_eq!(next(&old), Poll::Ready(Some((1, 0))));
        old.hand_over(&new);
        // An emission that began before the change still has the old queue.
        old.push(4);
        new.push(5);
        assert_eq!(next(&old), Poll::Ready(None), "its reader is to leave");
        let context = Context::from_waker(Waker::noop());
        assert_eq!(old.poll_left(&context), Poll::Pending, "the old reader still has an item");
        old.end_reading();
        assert_eq!(old.poll_left(&context), Poll::Ready(()));
        assert_eq!(all(&new), [2, 3, 4, 5]);
    }

    #[test]
    fn a_queue_takes_back_what_it_handed_over() {
        let (old, keeper) = (queue(8, WhenFull::DropOldest), queue(8, WhenFull::DropOldest));
        old.push(1);
        old.hand_over(&keeper);
        old.push(2);
        keeper.hand_over(&old);
        keeper.push(3);
        old.push(4);
        assert_eq!(all(&old), [1, 2, 3, 4]);
        assert_eq!(next(&keeper), Poll::Ready(None));
    }

    #[test]
    fn nothing_is_lost_when_more_is_taken_over_than_fits() {
        let (old, new) = (queue(8, WhenFull::DropOldest), queue(2, WhenFull::DropOldest));
        (1..=4).for_each(|item| old.push(item));
        old.hand_over(&new);
        assert_eq!(all(&new), [1, 2, 3, 4]);
    }

    #[test]
    fn a_closed_queue_is_read_to_its_end() {
        let closed = queue(8, WhenFull::DropOldest);
        closed.push(1);
        closed.close();
        closed.push(2);
        assert_eq!((next(&closed), next(&closed)), (Poll::Ready(Some((1, 0))), Poll::Ready(None)));
    }
}
