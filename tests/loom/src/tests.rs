//! Each test runs in every interleaving of its threads, and again with a break that has to be found.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex as StdMutex;

use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::queue::{Queue, WhenFull};
use crate::quiet;
use crate::reaper::Reaper;
use crate::sabotage::ASKED;
use crate::snapshot::Published;

/// One test at a time, since a break is asked for of the whole process.
static ONE: StdMutex<()> = StdMutex::new(());

/// Runs `body` in every interleaving; then with a break, which must be found in one of them.
fn holds_unless(named: &'static str, body: fn()) {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    model(body);
    *ASKED.lock().expect("nothing panics with it") = Some(named);
    let broken = catch_unwind(AssertUnwindSafe(|| model(body)));
    *ASKED.lock().expect("nothing panics with it") = None;
    assert!(broken.is_err(), "`{named}` was not noticed in any interleaving");
}

fn model(body: fn()) {
    let mut builder = loom::model::Builder::new();
    // Three switches that were not asked for find what there is to find, and end.
    builder.preemption_bound = Some(3);
    builder.check(body);
}

fn read_to_the_end(queue: &Queue<u32>) -> Vec<u32> {
    let mut read = Vec::new();
    while let Some((item, lost)) = block_on(poll_fn(|context| queue.poll_next(context))) {
        assert_eq!(lost, 0, "nothing was pushed out");
        read.push(item);
    }
    read
}

/// Two emitters, one on the old table and one that may see either, while a generation follows another.
fn a_mailbox_changes_hands() {
    let (old, new) = (Queue::new(8, WhenFull::DropOldest), Queue::new(8, WhenFull::DropOldest));
    old.begin_reading();
    new.begin_reading();
    let emitting = {
        let (old, new) = (Arc::clone(&old), Arc::clone(&new));
        thread::spawn(move || {
            old.push(1);
            old.push(2);
            // Whoever sees the new table emits there from then on.
            new.push(3);
        })
    };
    let reading = {
        let old = Arc::clone(&old);
        thread::spawn(move || {
            let read = read_to_the_end(&old);
            old.end_reading();
            read
        })
    };
    old.hand_over(&new);
    block_on(poll_fn(|context| old.poll_left(context)));
    let mut read = reading.join().expect("the old reader does not panic");
    emitting.join().expect("the emitter does not panic");
    new.close();
    read.extend(read_to_the_end(&new));
    assert_eq!(read, [1, 2, 3]);
}

#[test]
fn nothing_is_lost_doubled_or_reordered_when_a_mailbox_changes_hands() {
    holds_unless("hand-over-in-two-steps", a_mailbox_changes_hands);
}

fn a_table_is_replaced_while_it_is_read() {
    let reaper = Reaper::default();
    let alive = Arc::new(AtomicBool::new(true));
    let table = Arc::new(Published::new(Token(Some(Arc::clone(&alive))), reaper.clone()));
    let reading = {
        let table = Arc::clone(&table);
        thread::spawn(move || {
            let snapshot = table.load();
            if let Some(alive) = &snapshot.0 {
                assert!(alive.load(Ordering::SeqCst), "read after its end");
            }
        })
    };
    table.replace(Token(None));
    reaper.look();
    reading.join().expect("the reader does not panic");
    reaper.look();
    assert!(!alive.load(Ordering::SeqCst), "dropped once nobody reads it");
}

/// Says that it is there for as long as it is.
struct Token(Option<Arc<AtomicBool>>);

impl Drop for Token {
    fn drop(&mut self) {
        if let Some(alive) = &self.0 {
            alive.store(false, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_table_is_dropped_when_nobody_reads_it_and_not_before() {
    holds_unless("reap-while-it-is-read", a_table_is_replaced_while_it_is_read);
}

#[test]
fn an_activation_is_quiet_when_its_last_holder_is_gone() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    model(|| {
        let (running, quiet) = quiet::running();
        let done = Arc::new(AtomicBool::new(false));
        let working = {
            let (running, done) = (Arc::clone(&running), Arc::clone(&done));
            thread::spawn(move || {
                done.store(true, Ordering::Release);
                drop(running);
            })
        };
        drop(running);
        block_on(quiet.reached());
        assert!(done.load(Ordering::Acquire), "quiet while something ran");
        working.join().expect("it does not panic");
    });
}
