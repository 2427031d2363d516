//! Links to which no lane can lead, in a host that starts them all the same.

use std::time::Duration;

use transom_kernel::{Plan, plan};
use transom_plugin_api::prelude::*;

use super::support::{kernel, linked};

#[contract(name = "Note")]
#[derive(Eq)]
struct Note {
    text: Text,
}

#[contract(name = "Note")]
struct OtherNote {
    text: u32,
}

const CLOSED: Filter<Note> = Filter::fail_closed("notes/closed");
const OPEN: Filter<Note> = Filter::fail_open("notes/open");
const OTHER_CLOSED: Filter<OtherNote> = Filter::fail_closed("notes/closed");
const OTHER_OPEN: Filter<OtherNote> = Filter::fail_open("notes/open");

/// Lets through what it can read.
#[derive(Settings)]
struct Stranger;

#[derive(Ports)]
struct StrangerPorts {
    #[links(OTHER_CLOSED)]
    closed: Link<OtherNote>,
    #[links(OTHER_OPEN)]
    open: Link<OtherNote>,
}

impl Plugin for Stranger {
    type Ports = StrangerPorts;
    async fn start(self, ports: StrangerPorts, _: Host) -> Result<(), StartError> {
        ports.closed.link(|note, _| std::future::ready(Ok(note)))?;
        ports.open.link(|note, _| std::future::ready(Ok(note)))
    }
}

export_plugin!(Stranger, id = "stranger");

#[derive(Ports)]
struct Writer {
    #[applies(CLOSED)]
    closed: Applier<Note>,
    #[applies(OPEN)]
    open: Applier<Note>,
}

#[tokio::test]
async fn a_link_that_cannot_be_reached_fails_a_fail_closed_chain_and_is_one_fault_at_a_fail_open_one() {
    let kernel = kernel();
    let (_, writer) = kernel.resident::<Writer>("writer").expect("seats");
    let note = || Note { text: "dear".into() };
    assert_eq!(writer.closed.apply(note()).await, Ok(note()), "nobody else is there");
    let stranger = linked("stranger");
    plan(&kernel.residents(), std::slice::from_ref(&stranger.descriptor)).expect_err("it is told before");
    let careless = Plan { order: vec!["stranger".to_owned()], ..Plan::default() };
    let report = kernel.start(vec![stranger], &careless).await;
    assert!(report.disabled.is_empty(), "{report:?}");

    for _ in 0..3 {
        let error = writer.closed.apply(note()).await.expect_err("it must not go on without the link");
        assert_eq!((error.kind, error.plugin.as_str()), (CallErrorKind::Failed, "stranger"));
        assert!(
            error.message.starts_with(
                "the link of `stranger` at `notes/closed` was built with another copy of the contract"
            ),
            "{error}"
        );
        assert_eq!(writer.open.apply(note()).await, Ok(note()));
    }
    let faults = kernel.plugins().remove(0).faults;
    let faults: Vec<_> = faults.iter().map(|faults| (faults.point.as_str(), faults.count)).collect();
    assert_eq!(faults, [("notes/open", 1)]);

    kernel.quarantine("stranger", "it is in the way").expect("it runs");
    assert_eq!(writer.closed.apply(note()).await, Ok(note()), "its links are off the bus");
    kernel.stop(Duration::from_secs(5)).await;
}
