//! [`Roll`]: a list that only grows, and is read without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Places in the first piece; each further piece has twice as many as the one before.
const FIRST: usize = 32;

/// Pieces, for more entries than there is memory for.
const PIECES: usize = 32;

/// A list to which any thread adds and from which nothing is taken. Reading loads two pointers: it neither waits nor
/// allocates, so that a handler of signals may do it.
#[derive(Debug)]
pub struct Roll<T> {
    length: AtomicUsize,
    pieces: [OnceLock<Box<[OnceLock<T>]>>; PIECES],
}

impl<T> Roll<T> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { length: AtomicUsize::new(0), pieces: [const { OnceLock::new() }; PIECES] }
    }

    /// Adds `entry`; answers its place.
    ///
    /// # Panics
    /// When there are more entries than fit into memory.
    pub fn push(&self, entry: T) -> usize {
        let index = self.length.fetch_add(1, Ordering::Relaxed);
        let (piece, place) = place_of(index);
        let piece = self.pieces[piece].get_or_init(|| (0..FIRST << piece).map(|_| OnceLock::new()).collect());
        // The place is this call's alone, so it is free.
        let _ = piece[place].set(entry);
        index
    }

    /// The entry at `index`; `None` where none is yet.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        let (piece, place) = place_of(index);
        self.pieces.get(piece)?.get()?.get(place)?.get()
    }

    /// All entries, in their order; not those that are being added meanwhile.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.length.load(Ordering::Relaxed)).filter_map(|index| self.get(index))
    }
}

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Which piece, and where in it.
const fn place_of(index: usize) -> (usize, usize) {
    let round = index / FIRST + 1;
    let piece = round.ilog2() as usize;
    (piece, index - FIRST * ((1 << piece) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stay_where_they_were_put() {
        let roll = Roll::new();
        for number in 0..1000 {
            assert_eq!(roll.push(number), number);
        }
        assert!((0..1000).all(|number| roll.get(number) == Some(&number)));
        assert_eq!(roll.iter().copied().collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
        assert_eq!((roll.get(1000), roll.get(usize::MAX / 2)), (None, None));
    }

    #[test]
    fn entries_of_many_threads_are_all_there_once() {
        let roll = Roll::new();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let roll = &roll;
                scope.spawn(move || (0..500).map(|number| roll.push(thread * 500 + number)).max());
            }
        });
        let mut all: Vec<_> = roll.iter().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..2000).collect::<Vec<_>>());
    }
}
