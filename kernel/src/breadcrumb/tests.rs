//! What a level of nested dispatches looks at stays there, however often it is replaced meanwhile.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::own;
use crate::reaper::Reaper;
use crate::snapshot::Published;

/// The reaper works in the order in which it is asked.
fn until_the_reaper_was_there(reaper: &Reaper) {
    let (asked, answered) = channel::<()>();
    reaper.take(asked);
    // It answers by dropping what it was given.
    let _ = answered.recv();
}

#[test]
fn each_level_of_nested_dispatches_keeps_what_it_looks_at() {
    let (reaper, alive) = (Reaper::start(), Arc::new(()));
    let published = Published::new((0, Arc::clone(&alive)), reaper.clone());
    let next = |number: u32| published.replace((number, Arc::clone(&alive)));
    let counted = || Arc::strong_count(&alive) - 1;
    let own = own();

    let first = own.enter(&published).expect("a level");
    next(1);
    let second = own.enter(&published).expect("a level");
    next(2);
    let third = own.enter(&published).expect("a level");
    next(3);
    until_the_reaper_was_there(&reaper);
    assert_eq!(counted(), 4, "three that are looked at, and the current one");
    assert_eq!([first.seen.0, second.seen.0, third.seen.0], [0, 1, 2]);

    // In the reverse order, as dispatches end.
    drop(third);
    drop(second);
    drop(first);
    let limit = std::time::Instant::now() + Duration::from_secs(if cfg!(miri) { 600 } else { 20 });
    while counted() > 1 {
        assert!(std::time::Instant::now() < limit, "what nobody looks at any more is dropped");
        std::thread::yield_now();
    }
}
