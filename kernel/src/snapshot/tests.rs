//! Values are dropped when nobody reads them any more, and never before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::*;

/// Counts how many of its kind live, and notices a use after its end.
struct Token {
    number: u64,
    alive: Arc<AtomicU64>,
    check: Box<u64>,
}

impl Token {
    fn new(number: u64, alive: &Arc<AtomicU64>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self { number, alive: Arc::clone(alive), check: Box::new(!number) }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        *self.check = 0;
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

fn wait_until(what: impl Fn() -> bool) {
    let seconds = if cfg!(miri) { 600 } else { 20 };
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    while !what() {
        assert!(std::time::Instant::now() < limit, "it did not come about within {seconds} s");
        std::thread::yield_now();
    }
}

/// The reaper works in the order in which it is asked.
fn until_the_reaper_was_there(reaper: &Reaper) {
    let (asked, answered) = std::sync::mpsc::channel::<()>();
    reaper.take(asked);
    let _ = answered.recv();
}

#[test]
fn a_value_that_is_read_outlives_its_replacement_and_no_longer() {
    let alive = Arc::new(AtomicU64::new(0));
    let published = Published::new(Token::new(1, &alive), Reaper::start());
    let outer = published.load();
    published.replace(Token::new(2, &alive));
    let inner = published.load();
    assert_eq!((outer.number, inner.number), (1, 2));
    until_the_reaper_was_there(&published.reaper);
    assert_eq!(alive.load(Ordering::SeqCst), 2);
    drop(inner);
    drop(outer);
    wait_until(|| alive.load(Ordering::SeqCst) == 1);
    drop(published);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_thread_that_holds_more_snapshots_than_it_has_hazards_is_still_safe() {
    let alive = Arc::new(AtomicU64::new(0));
    let published = Published::new(Token::new(7, &alive), Reaper::start());
    let mut held: Vec<_> = (0..HAZARDS + 3).map(|_| published.load()).collect();
    published.replace(Token::new(8, &alive));
    assert!(held.iter().all(|snapshot| snapshot.number == 7 && *snapshot.check == !7));
    while held.pop().is_some() {}
    wait_until(|| alive.load(Ordering::SeqCst) == 1);
}

#[test]
fn readers_never_meet_a_dropped_value_while_writers_replace_it() {
    let rounds = if cfg!(miri) { 10 } else { 20_000 };
    let alive = Arc::new(AtomicU64::new(0));
    let published = Published::new(Token::new(0, &alive), Reaper::start());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = 0;
                while !over.load(Ordering::Relaxed) {
                    let snapshot = published.load();
                    assert_eq!(*snapshot.check, !snapshot.number);
                    assert!(snapshot.number >= last, "values only go on");
                    last = snapshot.number;
                }
            });
        }
        for number in 1..rounds {
            published.replace(Token::new(number, &alive));
        }
        over.store(true, Ordering::Relaxed);
    });
    wait_until(|| alive.load(Ordering::SeqCst) == 1);
}
