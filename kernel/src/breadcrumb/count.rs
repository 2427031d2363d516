//! [`Count`]: a number to which all threads add, each in a slot of its own, so that adding executes no locked instruction.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{COUNTED, NEXT, SLOTS, next_counter, own};

/// Places that a count has given back. What was added there before is still in them.
static FREE: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A number to which all threads add.
#[derive(Debug)]
pub(crate) struct Count {
    /// Its place among those of each slot, unless there was none left.
    place: Option<u32>,
    /// What was added there by others, in earlier times; counted down from here.
    before: u64,
    /// What was added where it has no place.
    shared: AtomicU64,
}

impl Default for Count {
    fn default() -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // The other half is for points, which count nowhere else.
        let has_room = || NEXT.load(Ordering::Relaxed) < COUNTED as u32 / 2;
        let place = free.or_else(|| has_room().then(next_counter));
        Self { place, before: place.map_or(0, counted), shared: AtomicU64::new(0) }
    }
}

impl Count {
    /// Adds, and answers what this thread alone had added at this place before; where it has no place, what all had.
    #[inline]
    pub(crate) fn add(&self, more: u64) -> u64 {
        let Some(place) = self.place else { return self.shared.fetch_add(more, Ordering::Relaxed) };
        own().adds(place, more)
    }

    /// All that was added so far.
    pub(crate) fn so_far(&self) -> u64 {
        let counted = self.place.map_or(0, counted).wrapping_sub(self.before);
        counted + self.shared.load(Ordering::Relaxed)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).push(place);
        }
    }
}

/// What all threads have added at one place so far.
pub(super) fn counted(place: u32) -> u64 {
    let slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
    let here = slots.all.iter().map(|slot| slot.counts[place as usize].load(Ordering::Relaxed));
    here.fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_add_is_all_there() {
        let count = Count::default();
        std::thread::scope(|scope| {
            (0..4).for_each(|_| {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        count.add(3);
                    }
                });
            });
        });
        assert_eq!(count.so_far(), 12_000);
    }

    #[test]
    fn a_place_that_was_used_before_begins_anew() {
        let first = Count::default();
        first.add(7);
        let place = first.place;
        drop(first);
        // Others of this process take places too, so the one is waited for.
        let mut held = Vec::new();
        let again = loop {
            let next = Count::default();
            if next.place == place || next.place.is_none() {
                break next;
            }
            held.push(next);
        };
        assert_eq!(again.so_far(), 0);
        again.add(1);
        assert_eq!(again.so_far(), 1);
    }

    #[test]
    fn without_a_place_it_counts_all_the_same() {
        let count = Count { place: None, before: 0, shared: AtomicU64::new(0) };
        count.add(2);
        count.add(3);
        assert_eq!(count.so_far(), 5);
    }
}
