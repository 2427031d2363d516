//! Handlers at the end of a lane that are not ready at once: their answers are carried back when they are.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use transom_plugin_api::prelude::*;

use super::support::kernel;

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

const SEND: Service<Letter, Letter> = Service::new("post/send");
const SEND_OLD: Service<OldLetter, OldLetter> = Service::new("post/send");
const STAMP: Filter<Letter> = Filter::fail_closed("post/stamp");
const STAMP_OLD: Filter<OldLetter> = Filter::fail_closed("post/stamp");

#[derive(Ports)]
struct Sender {
    #[calls(SEND)]
    send: Caller<Letter, Letter>,
    #[applies(STAMP)]
    stamp: Applier<Letter>,
}

#[derive(Ports)]
struct Office {
    #[serves(SEND_OLD)]
    send: Server<OldLetter, OldLetter>,
    #[links(STAMP_OLD)]
    stamp: Link<OldLetter>,
}

#[tokio::test]
async fn answers_that_come_later_are_carried_back_and_a_dropped_call_is_cancelled() {
    let kernel = kernel();
    let (_, sender) = kernel.resident::<Sender>("sender").expect("seats");
    let (_, office) = kernel.resident::<Office>("office").expect("seats");
    let (open, alive) = (Arc::new(Notify::new()), Arc::new(()));
    let waits = (open.clone(), alive.clone());
    let send = async |(open, alive): (Arc<Notify>, Arc<()>), letter: OldLetter, _| {
        open.notified().await;
        drop(alive);
        Ok(OldLetter { text: format!("{} sent", letter.text).into() })
    };
    office.send.serve_with(&waits, send).expect("serves");
    let stamp = async |open: Arc<Notify>, letter: OldLetter, _| {
        open.notified().await;
        Ok(OldLetter { text: format!("{} stamped", letter.text).into() })
    };
    office.stamp.link_with(&open, stamp).expect("links");
    let letter = || Letter { text: "dear".into(), pages: 3 };

    let (sent, ()) = tokio::join!(sender.send.call(letter()), async { open.notify_one() });
    assert_eq!(
        sent,
        Ok(Letter { text: "dear sent".into(), pages: 0 }),
        "a service is called with whole values"
    );
    let (stamped, ()) = tokio::join!(sender.stamp.apply(letter()), async { open.notify_one() });
    assert_eq!(stamped, Ok(Letter { text: "dear stamped".into(), pages: 3 }), "a link returns a change");

    let held = Arc::strong_count(&alive);
    let cut = tokio::time::timeout(Duration::from_millis(1), sender.send.call(letter())).await;
    assert!(cut.is_err(), "nobody opens");
    assert_eq!(Arc::strong_count(&alive), held, "the handler's future went with the call");
    kernel.stop(Duration::from_secs(5)).await;
}
