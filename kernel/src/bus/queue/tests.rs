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
