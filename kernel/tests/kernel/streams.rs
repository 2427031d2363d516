//! Streams: items in order, and how a stream ends on either side.

use std::time::Duration;

use transom_plugin_api::prelude::*;

use super::support::{Diary, Parcel, kernel};

const UNPACK: StreamService<Parcel, u64> = StreamService::new("depot/parcel.unpack");

#[derive(Ports)]
struct Calls {
    #[calls(UNPACK)]
    unpack: StreamCaller<Parcel, u64>,
}

#[derive(Ports)]
struct Serves {
    #[serves(UNPACK)]
    unpack: StreamServer<Parcel, u64>,
}

async fn all(stream: &mut ItemStream<u64>) -> (Vec<u64>, Option<CallError>) {
    let mut items = Vec::new();
    while let Some(item) = stream.next().await {
        match item {
            Ok(item) => items.push(item),
            Err(error) => return (items, Some(error)),
        }
    }
    (items, None)
}

#[tokio::test(start_paused = true)]
async fn items_come_in_order_whether_the_producer_waits_or_not() {
    let kernel = kernel();
    let (_, calls) = kernel.resident::<Calls>("shop").expect("seats");
    let (host, serves) = kernel.resident::<Serves>("depot").expect("seats");
    let unpack = move |parcel: Parcel, mut items: Items<u64>, _| {
        let host = host.clone();
        async move {
            for item in 0..parcel.id {
                if item % 3 == 0 {
                    host.sleep(Duration::from_millis(5)).await;
                }
                items.send(item).await;
            }
            Ok(())
        }
    };
    serves.unpack.serve(unpack).expect("serves");
    let mut stream = calls.unpack.open(Parcel { id: 10, ..Parcel::default() }).expect("opens");
    assert_eq!(all(&mut stream).await, ((0..10).collect(), None));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn an_item_sent_before_a_failure_still_arrives_and_the_failure_ends_the_stream() {
    let kernel = kernel();
    let (_, calls) = kernel.resident::<Calls>("shop").expect("seats");
    let (_, serves) = kernel.resident::<Serves>("depot").expect("seats");
    let unpack = |parcel: Parcel, mut items: Items<u64>, _| async move {
        items.send(1).await;
        match parcel.id {
            0 => Err(CallError::failed("the box was empty")),
            _ => panic!("dropped it"),
        }
    };
    serves.unpack.serve(unpack).expect("serves");
    for (id, kind) in [(0, CallErrorKind::Failed), (1, CallErrorKind::Panicked)] {
        let mut stream = calls.unpack.open(Parcel { id, ..Parcel::default() }).expect("opens");
        let (items, error) = all(&mut stream).await;
        let error = error.expect("it fails");
        assert_eq!((error.kind, error.plugin.as_str()), (kind, "depot"));
        assert_eq!(items, [1]);
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn a_producer_on_another_task_wakes_the_consumer() {
    let kernel = kernel();
    let (_, calls) = kernel.resident::<Calls>("shop").expect("seats");
    let (host, serves) = kernel.resident::<Serves>("depot").expect("seats");
    let unpack = move |_, mut items: Items<u64>, _| {
        let host = host.clone();
        async move {
            let (done, finished) = tokio::sync::oneshot::channel();
            host.spawn(async move {
                for item in 0..100 {
                    items.send(item).await;
                }
                let _ = done.send(());
            });
            let _ = finished.await;
            Ok(())
        }
    };
    serves.unpack.serve(unpack).expect("serves");
    let mut stream = calls.unpack.open(Parcel::default()).expect("opens");
    assert_eq!(all(&mut stream).await, ((0..100).collect(), None));
}

#[tokio::test]
async fn items_stay_in_order_when_a_task_sends_some_of_them_and_the_handler_the_rest() {
    let kernel = kernel();
    let (_, calls) = kernel.resident::<Calls>("shop").expect("seats");
    let (host, serves) = kernel.resident::<Serves>("depot").expect("seats");
    let unpack = move |_, mut items: Items<u64>, _| {
        let host = host.clone();
        async move {
            items.send(0).await;
            items.send(1).await;
            let (back, returned) = tokio::sync::oneshot::channel();
            host.spawn(async move {
                items.send(2).await;
                items.send(3).await;
                let _ = back.send(items);
            });
            let mut items = returned.await.expect("the task goes on to its end");
            items.send(4).await;
            items.send(5).await;
            Ok(())
        }
    };
    serves.unpack.serve(unpack).expect("serves");
    let mut stream = calls.unpack.open(Parcel::default()).expect("opens");
    assert_eq!(all(&mut stream).await, ((0..6).collect(), None));
}

#[tokio::test]
async fn what_is_sent_into_a_stream_within_a_stream_reaches_its_own_consumer() {
    let kernel = kernel();
    let (_, calls) = kernel.resident::<Calls>("shop").expect("seats");
    let (_, serves) = kernel.resident::<Serves>("depot").expect("seats");
    let within = calls.unpack.clone();
    // Each level sends its own number before and after what it passes on from the level below.
    let unpack = move |parcel: Parcel, mut items: Items<u64>, _| {
        let within = within.clone();
        async move {
            items.send(parcel.id).await;
            if parcel.id > 0 {
                let mut below = within.open(Parcel { id: parcel.id - 1, ..Parcel::default() })?;
                while let Some(item) = below.next().await {
                    items.send(item?).await;
                }
            }
            items.send(parcel.id).await;
            Ok(())
        }
    };
    serves.unpack.serve(unpack).expect("serves");
    let mut stream = calls.unpack.open(Parcel { id: 3, ..Parcel::default() }).expect("opens");
    assert_eq!(all(&mut stream).await, (vec![3, 2, 1, 0, 0, 1, 2, 3], None));
}

#[tokio::test]
async fn dropping_a_stream_drops_its_producer() {
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
    let unpack = move |_, mut items: Items<u64>, _| {
        let told = Told(written.clone());
        async move {
            let _told = told;
            loop {
                items.send(1).await;
            }
        }
    };
    serves.unpack.serve(unpack).expect("serves");
    let mut stream = calls.unpack.open(Parcel::default()).expect("opens");
    assert!(matches!(stream.next().await, Some(Ok(1))));
    drop(stream);
    assert_eq!(diary.lines(), ["cancelled"]);
}
