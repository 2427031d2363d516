//! Streams of a plugin that owns something hold its reload up for as long as calls may, and no longer.

use std::time::Duration;

use tokio::sync::Notify;
use transom_kernel::{Plan, ReloadTerms};
use transom_plugin_api::prelude::*;

use super::support::{kernel, linked};

const FLOW: StreamService<u64, u64> = StreamService::new("spring/flow");

/// Lets a stream go on.
static RAIN: Notify = Notify::const_new();

/// Flows as long as somebody listens.
#[derive(Settings)]
struct Spring;

#[derive(Ports)]
struct SpringPorts {
    #[serves(FLOW)]
    flow: StreamServer<u64, u64>,
}

impl Plugin for Spring {
    type Ports = SpringPorts;
    async fn start(self, ports: SpringPorts, _: Host) -> Result<(), StartError> {
        ports.flow.serve(|first, mut items, _| async move {
            for number in first.. {
                items.send(number).await;
                RAIN.notified().await;
            }
            Ok(())
        })
    }
}

export_plugin!(Spring, id = "spring", handover = "exclusive");

#[derive(Ports)]
struct Village {
    #[calls(FLOW)]
    flow: StreamCaller<u64, u64>,
}

#[tokio::test]
async fn a_stream_that_does_not_end_refuses_the_reload_when_the_drain_is_over_and_goes_on() {
    let kernel = kernel();
    let (_, village) = kernel.resident::<Village>("village").expect("seats");
    let plan = Plan { order: vec!["spring".to_owned()], ..Plan::default() };
    kernel.start(vec![linked("spring")], &plan).await;
    let mut stream = village.flow.open(7).expect("it opens");
    assert_eq!(stream.next().await, Some(Ok(7)));

    let reload = async || {
        let terms = ReloadTerms { drain: Duration::from_millis(100) };
        let reloading = kernel.reload(vec![linked("spring")], &terms);
        tokio::time::timeout(Duration::from_secs(60), reloading).await.expect("it is bounded")
    };
    let refused = reload().await.expect_err("a client is there");
    assert!(refused.old_runs && refused.reason.contains("were still under way"), "{refused}");
    RAIN.notify_one();
    assert_eq!(stream.next().await, Some(Ok(8)), "who holds it notices nothing");
    let mut another = village.flow.open(1).expect("its places are its own again");
    assert_eq!(another.next().await, Some(Ok(1)));

    drop((stream, another));
    reload().await.expect("nobody listens any more");
    assert_eq!(kernel.plugins()[0].generation, 2);
    kernel.stop(Duration::from_secs(5)).await;
}
