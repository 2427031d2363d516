//! Services: who answers a call, and how a call ends without an answer.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use transom_plugin_api::prelude::*;

use super::support::{Diary, Parcel, kernel};

const WEIGH: Service<Parcel, i64> = Service::new("depot/parcel.weigh").deadline_ms(50);
const ROUTE: Service<Parcel, Text, Text> = Service::named("depot/parcel.route");

#[derive(Ports)]
struct Calls {
    #[calls(WEIGH)]
    weigh: Caller<Parcel, i64>,
    #[calls(ROUTE)]
    route: Caller<Parcel, Text, Text>,
}

#[derive(Ports)]
struct Serves {
    #[serves(WEIGH)]
    weigh: Server<Parcel, i64>,
    #[serves(ROUTE, names = ["north", "south"])]
    route: Server<Parcel, Text, Text>,
}

#[tokio::test]
async fn a_service_answers_and_says_who_called() {
    let (kernel, diary) = (kernel(), Diary::default());
    let (_, calls) = kernel.resident::<Calls>("shop").expect("seats");
    let error = calls.weigh.call(Parcel::default()).await.expect_err("nobody is there yet");
    assert_eq!(error.kind, CallErrorKind::NoProvider);
    let (_, serves) = kernel.resident::<Serves>("depot").expect("seats");
    let written = diary.clone();
    let weigh = move |parcel: Parcel, context: CallContext| {
        written.write(format!("{} {:?}", context.caller(), context.budget()));
        async move { Ok(parcel.weight * 2) }
    };
    serves.weigh.serve(weigh).expect("serves");
    assert_eq!(calls.weigh.call(Parcel { weight: 21, ..Parcel::default() }).await, Ok(42));
    assert_eq!(diary.lines(), ["shop Some(50ms)"]);
}

#[tokio::test(start_paused = true)]
async fn every_way_to_fail_is_told_apart() {
    let kernel = kernel();
    let (_, calls) = kernel.resident::<Calls>("shop").expect("seats");
    let (_, serves) = kernel.resident::<Serves>("depot").expect("seats");
    let weigh = |parcel: Parcel, _| async move {
        match parcel.id {
            0 => Err(CallError::invalid_input("field `id` is 0, expected at least 1")),
            1 => panic!("dropped it"),
            2 => pending().await,
            _ => Ok(1),
        }
    };
    serves.weigh.serve(weigh).expect("serves");
    let call = async |id| calls.weigh.call(Parcel { id, ..Parcel::default() }).await;
    let kinds = [CallErrorKind::InvalidInput, CallErrorKind::Panicked, CallErrorKind::Deadline];
    for (id, kind) in (0..).zip(kinds) {
        let error = call(id).await.expect_err("it fails");
        assert_eq!((error.kind, error.plugin.as_str()), (kind, "depot"), "{error}");
    }
    assert_eq!(call(3).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_bring_a_deadline_of_its_own() {
    let kernel = kernel();
    let (_, calls) = kernel.resident::<Calls>("shop").expect("seats");
    let (host, serves) = kernel.resident::<Serves>("depot").expect("seats");
    let weigh = move |_, _| {
        let slept = host.sleep(Duration::from_millis(200));
        async move {
            slept.await;
            Ok(7)
        }
    };
    serves.weigh.serve(weigh).expect("serves");
    assert!(calls.weigh.call(Parcel::default()).await.is_err());
    assert_eq!(calls.weigh.call_within(Duration::from_secs(1), Parcel::default()).await, Ok(7));
}

#[tokio::test]
async fn names_are_listed_with_what_they_are_about_and_each_has_one_provider() {
    let kernel = kernel();
    let (_, calls) = kernel.resident::<Calls>("shop").expect("seats");
    let (_, depot) = kernel.resident::<Serves>("depot").expect("seats");
    let (_, rival) = kernel.resident::<Serves>("rival").expect("seats");
    let answer = |text: &'static str| move |_: Parcel, _: CallContext| async move { Ok(Text::from(text)) };
    depot.route.serve_named("south", "warm".into(), answer("by truck")).expect("serves");
    depot.route.serve_named("north", "cold".into(), answer("by sledge")).expect("serves");
    let before = calls.route.version();
    let names: Vec<_> =
        calls.route.names().into_iter().map(|name| format!("{} {}", name.name, name.about)).collect();
    assert_eq!(names, ["north cold", "south warm"]);
    assert_eq!(calls.route.call_named("north", Parcel::default()).await, Ok("by sledge".into()));

    let taken = rival.route.serve_named("north", "mild".into(), answer("no")).expect_err("the name is taken");
    assert!(taken.to_string().contains("rival") && taken.to_string().contains("depot"), "{taken}");
    let undeclared = rival.route.serve_named("west", "wet".into(), answer("no")).expect_err("not declared");
    assert!(undeclared.to_string().contains("`west`"), "{undeclared}");

    depot.route.withdraw("north");
    assert_ne!(calls.route.version(), before);
    assert!(calls.route.call_named("north", Parcel::default()).await.is_err());
    rival.route.serve_named("north", "mild".into(), answer("by boat")).expect("the name is free");
    assert_eq!(calls.route.call_named("north", Parcel::default()).await, Ok("by boat".into()));
}

#[tokio::test]
async fn dropping_a_call_cancels_it_down_to_the_provider() {
    struct Told(Diary);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.write("cancelled");
        }
    }
    let (kernel, diary) = (kernel(), Diary::default());
    let (_, calls) = kernel.resident::<Calls>("shop").expect("seats");
    let (_, serves) = kernel.resident::<Serves>("depot").expect("seats");
    let written = diary.clone();
    let weigh = move |_, _| {
        let told = Told(written.clone());
        async move {
            let _told = told;
            pending().await
        }
    };
    serves.weigh.serve(weigh).expect("serves");
    let mut call = Box::pin(calls.weigh.call(Parcel::default()));
    assert!(
        std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context)))
            .await
            .is_pending()
    );
    assert!(diary.lines().is_empty());
    drop(call);
    assert_eq!(diary.lines(), ["cancelled"]);
}

/// A task that was woken or was not.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_call_within_a_call_wakes_the_task_that_polled_it_last() {
    const ASK: Service<u64, u64> = Service::new("depot/ask");
    const PASS: Service<u64, u64> = Service::new("depot/pass");
    #[derive(Ports)]
    struct Depot {
        #[serves(ASK)]
        ask: Server<u64, u64>,
        #[calls(ASK)]
        ask_on: Caller<u64, u64>,
        #[serves(PASS)]
        pass: Server<u64, u64>,
    }
    #[derive(Ports)]
    struct Shop {
        #[calls(PASS)]
        pass: Caller<u64, u64>,
    }
    let kernel = kernel();
    let (_, shop) = kernel.resident::<Shop>("shop").expect("seats");
    let (_, depot) = kernel.resident::<Depot>("depot").expect("seats");
    let answer = Arc::new(Notify::new());
    let waited_for = Arc::clone(&answer);
    depot
        .ask
        .serve(move |number, _| {
            let answer = Arc::clone(&waited_for);
            async move {
                answer.notified().await;
                Ok(number)
            }
        })
        .expect("serves");
    let ask_on = depot.ask_on.clone();
    depot
        .pass
        .serve(move |number, _| {
            let ask_on = ask_on.clone();
            async move { ask_on.call(number).await }
        })
        .expect("serves");
    let mut call = pin!(shop.pass.call(7));
    // From one place, so that what stands on the stack stands at the same address each time.
    let tasks: Vec<Arc<Woken>> = (0..5).map(|_| Arc::default()).collect();
    for task in &tasks {
        let waker = Waker::from(Arc::clone(task));
        assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    answer.notify_one();
    let woken: Vec<bool> = tasks.iter().map(|task| task.0.load(Ordering::SeqCst)).collect();
    assert_eq!(woken, [false, false, false, false, true]);
    assert_eq!(call.await, Ok(7));
}
