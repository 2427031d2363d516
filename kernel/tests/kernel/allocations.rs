//! What polling a call that waits costs in memory: nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use transom_plugin_api::prelude::*;

use super::support::kernel;

thread_local! {
    /// Allocations of this thread.
    static MADE: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counted.
struct Counting;

// SAFETY: the system's allocator does all of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has nobody left to count for.
        let _ = MADE.try_with(|made| made.set(made.get() + 1));
        // SAFETY: by this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: by this function's contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Answers after so many polls.
const WAIT: Service<u32, u32> = Service::new("waiter/wait");
const SLOW: Filter<u32> = Filter::fail_closed("waiter/slow");
const ITEMS: StreamService<u32, u32> = StreamService::new("waiter/items");

#[derive(Ports)]
struct Waiter {
    #[serves(WAIT)]
    wait: Server<u32, u32>,
    #[links(SLOW)]
    slow: Link<u32>,
    #[serves(ITEMS)]
    items: StreamServer<u32, u32>,
}

#[derive(Ports)]
struct Guest {
    #[calls(WAIT)]
    wait: Caller<u32, u32>,
    #[applies(SLOW)]
    slow: Applier<u32>,
    #[calls(ITEMS)]
    items: StreamCaller<u32, u32>,
}

/// Is pending so many times. Each time it takes its waker anew, as futures do that wait for something.
async fn pend(times: u32) {
    let (mut left, mut waker) = (times, None::<Waker>);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        waker = Some(context.waker().clone());
        Poll::Pending
    })
    .await;
}

/// The output of a future that is polled again and again, and allocations behind its first poll.
fn polled<F: Future>(future: F) -> (F::Output, u64) {
    let mut future = pin!(future);
    let context = &mut Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(context).is_pending(), "it waits");
    let before = MADE.get();
    loop {
        let made = MADE.get() - before;
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            // The last poll ends the call, which may tell somebody.
            return (output, made);
        }
    }
}

#[tokio::test]
async fn polling_what_waits_allocates_nothing_after_the_first_time() {
    let kernel = kernel();
    let (_, waiter) = kernel.resident::<Waiter>("waiter").expect("seats");
    let (_, guest) = kernel.resident::<Guest>("guest").expect("seats");
    let answer = async |times| {
        pend(times).await;
        Ok(times)
    };
    waiter.wait.serve(move |times, _| answer(times)).expect("serves");
    waiter
        .slow
        .link(|times, _| async move {
            pend(times).await;
            Ok(times)
        })
        .expect("links");
    let produce = |times, mut items: Items<u32>, _| async move {
        pend(times).await;
        items.send(times).await;
        Ok(())
    };
    waiter.items.serve(produce).expect("serves");

    assert_eq!(polled(guest.wait.call(1_000)), (Ok(1_000), 0));
    assert_eq!(polled(guest.slow.apply(1_000)), (Ok(1_000), 0));
    let mut items = guest.items.open(1_000).expect("it opens");
    assert_eq!(polled(items.next()), (Some(Ok(1_000)), 0));
    kernel.stop(Duration::from_secs(5)).await;
}
