//! What the kernel tells of its traffic: times of points, and bytes that go over lanes.

use std::time::Duration;

use transom_kernel::{BridgeStatus, Kernel, PointMetrics};
use transom_plugin_api::codec;
use transom_plugin_api::prelude::*;

use super::support::kernel;

const TICKED: Event<u64> = Event::new("clock/ticked");
const TOCKED: Event<u64> = Event::new("clock/tocked");

#[derive(Ports)]
struct Clock {
    #[says(TICKED)]
    ticked: Emitter<u64>,
    #[says(TOCKED)]
    tocked: Emitter<u64>,
    #[hears(TICKED)]
    heard: Listener<u64>,
}

fn metrics(kernel: &Kernel, point: &str) -> PointMetrics {
    kernel.metrics().into_iter().find(|metrics| metrics.point == point).expect("the point is known")
}

#[tokio::test]
async fn of_what_a_thread_does_in_turn_every_part_is_timed_and_its_percentiles_are_in_order() {
    let kernel = kernel();
    let (_, clock) = kernel.resident::<Clock>("clock").expect("seats");
    clock.heard.inline(|_, _| ()).expect("attaches");
    for number in 0..20_000 {
        clock.ticked.emit(&number);
        clock.tocked.emit(&number);
    }
    for point in ["clock/ticked", "clock/tocked"] {
        let metrics = metrics(&kernel, point);
        assert_eq!(metrics.count, 20_000, "{metrics:?}");
        assert!((20..400).contains(&metrics.timed), "{metrics:?}");
        let PointMetrics { p50_ns, p90_ns, p99_ns, max_ns, .. } = metrics;
        assert!(0 < p50_ns && p50_ns <= p90_ns && p90_ns <= p99_ns && p99_ns <= max_ns, "{metrics:?}");
    }
    kernel.stop(Duration::from_secs(5)).await;
}

/// The newer copy.
#[contract(name = "Letter")]
#[derive(Default)]
struct Letter {
    text: Text,
    #[contract(default)]
    pages: u64,
}

/// The older copy.
#[contract(name = "Letter")]
struct OldLetter {
    text: Text,
}

const POSTED: Event<Letter> = Event::new("post/posted");
const POSTED_OLD: Event<OldLetter> = Event::new("post/posted");
const SEND: Service<Letter, Letter> = Service::new("post/send");
const SEND_OLD: Service<OldLetter, OldLetter> = Service::new("post/send");
const STAMP: Filter<Letter> = Filter::fail_closed("post/stamp");
const STAMP_OLD: Filter<OldLetter> = Filter::fail_closed("post/stamp");
const PAGES: StreamService<Letter, Letter> = StreamService::new("post/pages");
const PAGES_OLD: StreamService<OldLetter, OldLetter> = StreamService::new("post/pages");

#[derive(Ports)]
struct Sender {
    #[says(POSTED)]
    posted: Emitter<Letter>,
    #[calls(SEND)]
    send: Caller<Letter, Letter>,
    #[applies(STAMP)]
    stamp: Applier<Letter>,
    #[calls(PAGES)]
    pages: StreamCaller<Letter, Letter>,
}

#[derive(Ports)]
struct Office {
    #[hears(POSTED_OLD)]
    posted: Listener<OldLetter>,
    #[serves(SEND_OLD)]
    send: Server<OldLetter, OldLetter>,
    #[links(STAMP_OLD)]
    stamp: Link<OldLetter>,
    #[serves(PAGES_OLD)]
    pages: StreamServer<OldLetter, OldLetter>,
}

fn work(office: &Office) {
    office.posted.inline(|_, _| ()).expect("attaches");
    office.posted.queued(Mailbox::drop_oldest(8), |_, _| std::future::ready(())).expect("attaches");
    let sent = |letter: OldLetter| OldLetter { text: format!("{} sent", letter.text).into() };
    office.send.serve(move |letter, _| std::future::ready(Ok(sent(letter)))).expect("serves");
    let stamped = |letter: OldLetter| OldLetter { text: format!("{} stamped", letter.text).into() };
    office.stamp.link(move |letter, _| std::future::ready(Ok(stamped(letter)))).expect("links");
    let pages = |_, mut items: Items<OldLetter>, _| async move {
        for text in ["one", "two"] {
            items.send(OldLetter { text: text.into() }).await;
        }
        Ok(())
    };
    office.pages.serve(pages).expect("serves");
}

fn new(text: &str) -> usize {
    codec::encode(&Letter { text: text.into(), pages: 7 }).expect("it is written").len()
}

fn old(text: &str) -> usize {
    codec::encode(&OldLetter { text: text.into() }).expect("it is written").len()
}

#[tokio::test]
async fn the_bytes_of_each_value_that_goes_over_a_lane_are_counted_where_it_is_read() {
    let kernel = kernel();
    let (_, sender) = kernel.resident::<Sender>("sender").expect("seats");
    let (_, office) = kernel.resident::<Office>("office").expect("seats");
    work(&office);
    let letter = || Letter { text: "to Bern".into(), pages: 7 };
    sender.posted.emit(&letter());
    sender.send.call(letter()).await.expect("it is answered");
    sender.stamp.apply(letter()).await.expect("it is stamped");
    let mut pages = sender.pages.open(letter()).expect("it opens");
    while let Some(page) = pages.next().await {
        page.expect("it is carried back");
    }
    let there = new("to Bern");
    let expected = [
        ("post/pages", 3, there + old("one") + old("two")),
        ("post/posted", 2, 2 * there),
        ("post/send", 2, there + old("to Bern sent")),
        ("post/stamp", 2, there + old("to Bern stamped")),
    ];
    let carried: Vec<BridgeStatus> = kernel.bridges();
    let carried: Vec<_> =
        carried.iter().map(|lane| (lane.point.as_str(), lane.values, lane.bytes as usize)).collect();
    assert_eq!(carried, expected, "one row for each point");
    kernel.stop(Duration::from_secs(5)).await;
}
