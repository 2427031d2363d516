//! Tasks and streams cross as between two images: through pointers alone, and from thread to thread.

use std::future::{poll_fn, ready};
use std::mem::MaybeUninit;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use super::{AbiWaker, RawStream, RawTask, Slot, Surroundings, crossing, resumed, start, stream, task};
use crate::abi::host_table::FailurePlace;
use crate::abi::{ENDED, FAILED, PENDING, READY};
use crate::{CallError, CallErrorKind};

/// For a thread to be woken.
const BOUND: Duration = Duration::from_secs(60);

/// Counts how often it was entered.
#[derive(Clone, Default)]
struct Entered(Arc<AtomicU32>);

impl Surroundings for Entered {
    fn around<R>(&self, poll: impl FnOnce() -> R) -> R {
        self.0.fetch_add(1, Ordering::SeqCst);
        poll()
    }
}

struct Park {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Park {
    fn here() -> Arc<Self> {
        Arc::new(Self { thread: thread::current(), is_woken: AtomicBool::new(false) })
    }
}

impl Wake for Park {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn until_ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let park = Park::here();
    let waker = Waker::from(Arc::clone(&park));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while !park.is_woken.swap(false, Ordering::SeqCst) {
            let began = std::time::Instant::now();
            thread::park_timeout(BOUND);
            assert!(began.elapsed() < BOUND, "nobody woke it");
        }
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Opened by one thread, passed by another.
#[derive(Clone, Default)]
struct Gate(Arc<(AtomicBool, Mutex<Option<Waker>>)>);

impl Gate {
    async fn passed(&self) {
        poll_fn(|context| {
            let mut waiting = self.0.1.lock().unwrap();
            if self.0.0.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            *waiting = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn open(&self) {
        let waiting = {
            let mut waiting = self.0.1.lock().unwrap();
            self.0.0.store(true, Ordering::SeqCst);
            waiting.take()
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Calls `handler` as the kernel calls one.
fn called<T, F>(
    surroundings: Entered,
    handler: impl FnOnce() -> F,
) -> impl Future<Output = Result<T, CallError>> + Unpin
where
    F: Future<Output = Result<T, CallError>> + Send + 'static,
    T: 'static,
{
    let begin = move |out: *mut (), failure: FailurePlace, waker: *const AbiWaker, pending: *mut _| {
        // SAFETY: `crossing` makes the places, that of the output for a `T`.
        unsafe { start::<T, _, _, true>(&surroundings, handler, out, failure, waker, pending) }
    };
    // SAFETY: `start` keeps the contract of `Step`.
    unsafe { crossing::<T, _>(Some(begin)) }
}

/// The next item, asked for as the kernel asks.
async fn next<T>(stream: &RawStream) -> Option<Result<T, CallError>> {
    poll_fn(|context| {
        let lent = AbiWaker::lend(context.waker());
        let (mut item, mut failure) = (MaybeUninit::<T>::uninit(), MaybeUninit::uninit());
        let (place, failed) = (item.as_mut_ptr().cast(), &raw mut failure);
        // SAFETY: the places are free, and that of the item is for a `T`; the waker is valid for the call.
        match unsafe { (stream.poll_next)(stream.state, place, failed, &raw const lent) } {
            PENDING => Poll::Pending,
            // SAFETY: the step says which was written.
            READY => Poll::Ready(Some(Ok(unsafe { item.assume_init() }))),
            // SAFETY: as above.
            FAILED => Poll::Ready(Some(Err(unsafe { failure.assume_init() }))),
            step => {
                assert_eq!(step, ENDED);
                Poll::Ready(None)
            }
        }
    })
    .await
}

async fn put<T>(slot: &mut Slot<T>, item: T) {
    let mut item = Some(item);
    poll_fn(|context| slot.poll_put(&mut item, context)).await;
}

fn word(number: u32) -> String {
    format!("word {number}")
}

#[test]
fn what_is_ready_at_once_leaves_nothing_behind() {
    let entered = Entered::default();
    let call = called(entered.clone(), || ready(Ok(word(1))));
    assert_eq!(until_ready(call), Ok(word(1)));
    let call = called(entered.clone(), || async { Ok(word(2)) });
    assert_eq!(until_ready(call), Ok(word(2)));
    let call = called::<String, _>(entered.clone(), || ready(Err(CallError::failed("no"))));
    assert_eq!(until_ready(call).unwrap_err().kind, CallErrorKind::Failed);
    assert_eq!(entered.0.load(Ordering::SeqCst), 3);
}

#[test]
fn what_waits_goes_on_when_another_thread_wakes_it() {
    for rounds in 0..3 {
        let gates: Vec<Gate> = (0..=rounds).map(|_| Gate::default()).collect();
        let passed = gates.clone();
        let call = called(Entered::default(), move || async move {
            for gate in &passed {
                gate.passed().await;
            }
            Ok(word(rounds))
        });
        let opening = thread::spawn(move || gates.iter().for_each(Gate::open));
        assert_eq!(until_ready(call), Ok(word(rounds)));
        opening.join().unwrap();
    }
}

#[test]
fn a_waker_may_outlive_the_call_that_it_was_kept_for() {
    let (gate, held) = (Gate::default(), Arc::new(word(0)));
    let (passed, kept) = (gate.clone(), Arc::clone(&held));
    let mut call = called(Entered::default(), move || async move {
        passed.passed().await;
        Ok(kept.len())
    });
    assert!(poll_once(&mut call).is_pending());
    assert_eq!(Arc::strong_count(&held), 2);
    drop(call);
    assert_eq!(Arc::strong_count(&held), 1, "what is dropped unfinished is dropped");
    gate.open();
}

#[test]
fn a_task_that_was_not_begun_is_polled_and_dropped_in_its_surroundings() {
    let (entered, gate) = (Entered::default(), Gate::default());
    let passed = gate.clone();
    let made = || {
        let passed = passed.clone();
        task(entered.clone(), async move {
            passed.passed().await;
            Ok(word(3))
        })
    };
    let (begun, unbegun): (RawTask, RawTask) = (made(), made());
    drop(unbegun);
    assert_eq!(entered.0.load(Ordering::SeqCst), 1);
    // SAFETY: it writes what its future gives.
    let mut resumed = unsafe { resumed::<String>(begun) };
    assert!(poll_once(&mut resumed).is_pending());
    gate.open();
    assert_eq!(until_ready(resumed), Ok(word(3)));
}

#[test]
fn a_panic_is_a_failure_wherever_it_comes() {
    let call = called::<String, std::future::Ready<_>>(Entered::default(), || panic!("at once"));
    assert_eq!(until_ready(call).unwrap_err().kind, CallErrorKind::Panicked);
    let gate = Gate::default();
    let passed = gate.clone();
    let mut call = called::<String, _>(Entered::default(), || async move {
        let held = word(4);
        passed.passed().await;
        panic!("later, with {held}");
    });
    assert!(poll_once(&mut call).is_pending());
    gate.open();
    assert_eq!(until_ready(call).unwrap_err().kind, CallErrorKind::Panicked);
}

#[test]
fn items_go_straight_to_a_consumer_that_polls_its_producer() {
    let made = stream(Entered::default(), |mut slot| async move {
        for number in 0..4 {
            put(&mut slot, word(number)).await;
        }
        Err(CallError::failed("enough"))
    });
    let stream = made.unwrap();
    for number in 0..4 {
        assert_eq!(until_ready(next::<String>(&stream)), Some(Ok(word(number))));
    }
    let end = until_ready(next::<String>(&stream)).unwrap().unwrap_err();
    assert_eq!(end.kind, CallErrorKind::Failed);
}

#[test]
fn items_come_in_order_from_another_thread() {
    let over = Gate::default();
    let waits = over.clone();
    let (sent, received) = std::sync::mpsc::channel();
    let made = stream(Entered::default(), move |mut slot| async move {
        put(&mut slot, word(0)).await;
        sent.send(slot).unwrap();
        waits.passed().await;
        Ok(())
    });
    let stream = made.unwrap();
    let sending = thread::spawn(move || {
        let mut slot: Slot<String> = received.recv().unwrap();
        until_ready(async {
            for number in 1..6 {
                put(&mut slot, word(number)).await;
            }
        });
        over.open();
    });
    for number in 0..6 {
        assert_eq!(until_ready(next::<String>(&stream)), Some(Ok(word(number))));
    }
    assert_eq!(until_ready(next::<String>(&stream)), None);
    sending.join().unwrap();
}

#[test]
fn an_item_that_nobody_took_is_dropped_with_its_stream() {
    let (item, place) = (Arc::new(word(5)), Arc::new(Mutex::new(None)));
    let taken = Arc::clone(&place);
    let stream = stream(Entered::default(), move |slot: Slot<Arc<String>>| {
        *taken.lock().unwrap() = Some(slot);
        std::future::pending()
    })
    .unwrap();
    let mut slot = place.lock().unwrap().take().unwrap();
    until_ready(put(&mut slot, Arc::clone(&item)));
    assert_eq!(Arc::strong_count(&item), 2);
    drop((slot, stream));
    assert_eq!(Arc::strong_count(&item), 1);
}

#[test]
fn a_stream_that_has_ended_keeps_no_waker() {
    let stream = stream(Entered::default(), |_: Slot<String>| ready(Ok(()))).unwrap();
    let park = Park::here();
    let waker = Waker::from(Arc::clone(&park));
    let ended = pin!(next::<String>(&stream)).poll(&mut Context::from_waker(&waker));
    assert!(matches!(ended, Poll::Ready(None)));
    drop(waker);
    assert_eq!(Arc::strong_count(&park), 1);
}
