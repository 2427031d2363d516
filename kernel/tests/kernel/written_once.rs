//! How often an event is written that several copies of its contract hear.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::mpsc;
use transom_plugin_api::describe::Piece;
use transom_plugin_api::point::Paced;
use transom_plugin_api::prelude::*;
use transom_plugin_api::{Contract, Fingerprint};

use super::support::kernel;

/// How often a [`Counted`] was written.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// A number that is counted when it is written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
#[repr(transparent)]
struct Counted(u64);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WRITTEN.fetch_add(1, Ordering::Relaxed);
        self.0.serialize(serializer)
    }
}

// SAFETY: it is a `u64` in memory and in its encoded form.
unsafe impl Contract for Counted {
    const NAME: &'static str = u64::NAME;
    const FINGERPRINT: Fingerprint = u64::FINGERPRINT;
    const SHAPE: &'static [Piece] = u64::SHAPE;
}

/// As its emitter knows it.
#[contract(name = "Tick")]
struct Tick {
    number: Counted,
    #[contract(default)]
    hour: u32,
}

/// An older copy.
#[contract(name = "Tick")]
struct OldTick {
    number: u64,
}

/// A newer copy.
#[contract(name = "Tick")]
struct NewTick {
    number: u64,
    #[contract(default)]
    hour: u32,
    #[contract(default)]
    zone: Text,
}

const TICKED: Event<Tick> = Event::new("clock/ticked");
const TICKED_OLD: Event<OldTick> = Event::new("clock/ticked");
const TICKED_NEW: Event<NewTick> = Event::new("clock/ticked");
const STRUCK: Event<Tick, Paced> = Event::paced("clock/struck", 5_000);
const STRUCK_OLD: Event<OldTick, Paced> = Event::paced("clock/struck", 5_000);
const STRUCK_NEW: Event<NewTick, Paced> = Event::paced("clock/struck", 5_000);

#[derive(Ports)]
struct Clock {
    #[says(TICKED)]
    ticked: Emitter<Tick>,
    #[says(STRUCK)]
    struck: Emitter<Tick, Paced>,
}

#[derive(Ports)]
struct Old {
    #[hears(TICKED_OLD)]
    ticked: Listener<OldTick>,
    #[hears(STRUCK_OLD)]
    struck: Listener<OldTick, Paced>,
}

#[derive(Ports)]
struct New {
    #[hears(TICKED_NEW)]
    ticked: Listener<NewTick>,
    #[hears(STRUCK_NEW)]
    struck: Listener<NewTick, Paced>,
}

/// Two listeners, one in the emitter and one behind a mailbox, that say which number they heard.
fn listen<T: Contract, D>(
    listener: &Listener<T, D>,
    mailbox: Mailbox,
    heard: &mpsc::UnboundedSender<u64>,
    number: fn(&T) -> u64,
) {
    let sender = heard.clone();
    let inline = move |tick: &T, _: &CallContext| sender.send(number(tick)).expect("the test listens");
    listener.inline(inline).expect("attaches");
    let sender = heard.clone();
    let queued = move |tick: Received<T>, _| {
        sender.send(number(&tick)).expect("the test listens");
        std::future::ready(())
    };
    listener.queued(mailbox, queued).expect("attaches");
}

#[tokio::test]
async fn an_event_is_written_once_however_many_hear_it_in_however_many_copies() {
    let kernel = kernel();
    let (_, clock) = kernel.resident::<Clock>("clock").expect("seats");
    let (_, old) = kernel.resident::<Old>("old").expect("seats");
    let (_, new) = kernel.resident::<New>("new").expect("seats");
    let (sender, mut heard) = mpsc::unbounded_channel();
    listen(&old.ticked, Mailbox::drop_oldest(8), &sender, |tick| tick.number);
    listen(&new.ticked, Mailbox::drop_oldest(8), &sender, |tick| tick.number);
    listen(&old.struck, Mailbox::wait(8), &sender, |tick| tick.number);
    listen(&new.struck, Mailbox::wait(8), &sender, |tick| tick.number);
    for number in 1..=3 {
        let tick = Tick { number: Counted(number), hour: 0 };
        let before = WRITTEN.load(Ordering::Relaxed);
        clock.ticked.emit(&tick);
        assert_eq!(WRITTEN.load(Ordering::Relaxed), before + 1);
        clock.struck.emit(&tick).await.expect("there is room");
        assert_eq!(WRITTEN.load(Ordering::Relaxed), before + 2, "a paced one, too");
        for _ in 0..8 {
            assert_eq!(heard.recv().await, Some(number));
        }
    }
    kernel.stop(Duration::from_secs(5)).await;
}
