//! Events: what listeners hear, in which order, and what a faulty one does to the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use transom_plugin_api::{Paced, prelude::*};

use super::support::{Diary, Parcel, kernel};

const ARRIVED: Event<Parcel> = Event::new("depot/parcel.arrived");
const SORTED: Event<Parcel, Paced> = Event::paced("depot/parcel.sorted", 50);

#[derive(Ports)]
struct Says {
    #[says(ARRIVED)]
    arrived: Emitter<Parcel>,
    #[says(SORTED)]
    sorted: Emitter<Parcel, Paced>,
}

#[derive(Ports)]
struct Hears {
    #[hears(ARRIVED)]
    arrived: Listener<Parcel>,
    #[hears(SORTED)]
    sorted: Listener<Parcel, Paced>,
}

#[derive(Ports)]
struct HearsFirst {
    #[hears(ARRIVED, before = ["a-listener"])]
    arrived: Listener<Parcel>,
}

#[tokio::test]
async fn inline_listeners_have_run_when_emit_returns_in_the_order_they_asked_for() {
    let (kernel, diary) = (kernel(), Diary::default());
    let (_, says) = kernel.resident::<Says>("depot").expect("seats");
    let (_, late) = kernel.resident::<Hears>("b-listener").expect("seats");
    let (_, early) = kernel.resident::<Hears>("a-listener").expect("seats");
    let (_, first) = kernel.resident::<HearsFirst>("z-listener").expect("seats");
    for (name, listener) in [("b", &late.arrived), ("a", &early.arrived), ("z", &first.arrived)] {
        let diary = diary.clone();
        let hear = move |parcel: &Parcel, context: &CallContext| {
            diary.write(format!("{name} hears {} from {}", parcel.label, context.caller()));
        };
        listener.inline(hear).expect("attaches");
    }
    says.arrived.emit(&Parcel::labelled("books"));
    assert_eq!(
        diary.lines(),
        ["b hears books from depot", "z hears books from depot", "a hears books from depot"]
    );
}

#[tokio::test]
async fn a_listener_that_panics_harms_neither_the_emitter_nor_the_others() {
    let (kernel, diary) = (kernel(), Diary::default());
    let (_, says) = kernel.resident::<Says>("depot").expect("seats");
    let (_, bad) = kernel.resident::<Hears>("a-bad").expect("seats");
    let (_, good) = kernel.resident::<Hears>("b-good").expect("seats");
    bad.arrived.inline(|_, _| panic!("dropped it")).expect("attaches");
    let written = diary.clone();
    good.arrived.inline(move |_, _| written.write("heard")).expect("attaches");
    says.arrived.emit(&Parcel::default());
    assert_eq!(diary.lines(), ["heard"]);
}

#[tokio::test]
async fn handlers_that_emit_what_they_hear_are_cut_off_instead_of_overflowing_the_stack() {
    let kernel = kernel();
    let (_, says) = kernel.resident::<Says>("depot").expect("seats");
    let (_, hears) = kernel.resident::<Hears>("echo").expect("seats");
    let count = Arc::new(AtomicU64::new(0));
    let (again, counted) = (says.arrived.clone(), Arc::clone(&count));
    let echo = move |parcel: &Parcel, _: &CallContext| {
        counted.fetch_add(1, Ordering::Relaxed);
        again.emit(parcel);
    };
    hears.arrived.inline(echo).expect("attaches");
    says.arrived.emit(&Parcel::default());
    assert_eq!(count.load(Ordering::Relaxed), 64);
}

#[tokio::test]
async fn a_queued_listener_gets_events_in_order_and_a_full_mailbox_tells_what_it_lost() {
    let kernel = kernel();
    let (_, says) = kernel.resident::<Says>("depot").expect("seats");
    let (_, hears) = kernel.resident::<Hears>("slow").expect("seats");
    let (sender, mut received) = mpsc::unbounded_channel();
    let hear = move |parcel: Received<Parcel>, _| {
        let sender = sender.clone();
        async move {
            let _ = sender.send((parcel.id, parcel.lost()));
        }
    };
    hears.arrived.queued(Mailbox::drop_oldest(3), hear).expect("attaches");
    // The listener's task cannot run before this one yields, so the mailbox overflows.
    for id in 1..=5 {
        says.arrived.emit(&Parcel { id, ..Parcel::default() });
    }
    let mut got = Vec::new();
    for _ in 0..3 {
        got.push(received.recv().await.expect("the listener is there"));
    }
    assert_eq!(got, [(3, 2), (4, 0), (5, 0)]);
}

#[tokio::test]
async fn a_coalescing_mailbox_keeps_the_newest_only() {
    let kernel = kernel();
    let (_, says) = kernel.resident::<Says>("depot").expect("seats");
    let (_, hears) = kernel.resident::<Hears>("latest").expect("seats");
    let (sender, mut received) = mpsc::unbounded_channel();
    let hear = move |parcel: Received<Parcel>, _| {
        let sender = sender.clone();
        async move {
            let _ = sender.send((parcel.id, parcel.lost()));
        }
    };
    hears.arrived.queued(Mailbox::coalesce(), hear).expect("attaches");
    for id in 1..=5 {
        says.arrived.emit(&Parcel { id, ..Parcel::default() });
    }
    assert_eq!(received.recv().await, Some((5, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_paced_emitter_waits_for_room_and_gives_up_at_the_deadline() {
    let kernel = kernel();
    let (_, says) = kernel.resident::<Says>("depot").expect("seats");
    let (_, hears) = kernel.resident::<Hears>("careful").expect("seats");
    let (gate, opened) = tokio::sync::watch::channel(false);
    let (sender, mut received) = mpsc::unbounded_channel();
    let hear = move |parcel: Received<Parcel>, _| {
        let (sender, mut opened) = (sender.clone(), opened.clone());
        async move {
            let _ = opened.wait_for(|open| *open).await;
            let _ = sender.send(parcel.id);
        }
    };
    hears.sorted.queued(Mailbox::wait(1), hear).expect("attaches");
    // One is handled (and waits at the gate), one fills the mailbox, the third finds no room in time.
    let parcels = [Parcel { id: 1, ..Parcel::default() }, Parcel { id: 2, ..Parcel::default() }];
    for parcel in &parcels {
        says.sorted.emit(parcel).await.expect("there is room");
        tokio::task::yield_now().await;
    }
    let late = Parcel { id: 3, ..Parcel::default() };
    let error = says.sorted.emit(&late).await.expect_err("there is no room");
    assert_eq!(error.kind, CallErrorKind::Deadline);
    gate.send(true).expect("the listener is there");
    assert_eq!((received.recv().await, received.recv().await), (Some(1), Some(2)));
}

#[tokio::test]
async fn waiting_for_room_is_refused_where_the_point_is_not_paced() {
    let kernel = kernel();
    let (_, hears) = kernel.resident::<Hears>("careful").expect("seats");
    let refused = hears.arrived.queued(Mailbox::wait(1), |_, _| async {});
    let message = refused.expect_err("the point is not paced").to_string();
    assert!(message.contains("depot/parcel.arrived") && message.contains("paced"), "{message}");
}

#[tokio::test]
async fn who_runs_on_a_thread_is_known_there_while_it_does() {
    let (kernel, diary) = (kernel(), Diary::default());
    let (_, says) = kernel.resident::<Says>("depot").expect("seats");
    let (_, hears) = kernel.resident::<Hears>("a-listener").expect("seats");
    let seen = diary.clone();
    let hear =
        move |_: &Parcel, _: &CallContext| seen.write(transom_kernel::running_plugin().unwrap_or("nobody"));
    hears.arrived.inline(hear).expect("attaches");
    assert_eq!(transom_kernel::running_plugin(), None);
    says.arrived.emit(&Parcel::default());
    assert_eq!((diary.lines(), transom_kernel::running_plugin()), (vec!["a-listener".to_owned()], None));
}
