//! The clock of a stand.

use std::time::Duration;

use transom_testkit::{Stand, fault, json};

use super::parrot::{Parrot, TEACH, TICKED};

#[tokio::test(start_paused = true)]
async fn time_passes_only_when_it_is_told_to() {
    let stand = Stand::new().plugin::<Parrot>(json!({"tick_s": 60}));
    stand.serve(TEACH, fault::never_answers());
    let ticked = stand.record(TICKED);
    stand.start().await.expect("it starts");
    assert_eq!(ticked.all(), [0; 0]);
    stand.advance(Duration::from_secs(180)).await;
    let ticks = ticked.all();
    assert_eq!(ticks.len(), 3, "{ticks:?}");
    let between: Vec<i64> = ticks.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(between, [60_000, 60_000], "each at its own time");
    stand.advance(Duration::from_secs(59)).await;
    assert_eq!(ticked.all().len(), 3);
    stand.stop().await;
}

#[tokio::test]
async fn a_clock_that_nobody_stops_is_the_systems() {
    let stand = Stand::new().plugin::<Parrot>(json!({"tick_s": 0}));
    stand.serve(TEACH, fault::never_answers());
    let ticked = stand.record(TICKED);
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        i64::try_from(since.expect("it is after 1970").as_millis()).expect("it is not that late")
    };
    let before = now();
    stand.start().await.expect("it starts");
    let tick = ticked.next().await;
    // The two clocks are read one after the other, and count whole milliseconds.
    assert!(before - 1 <= tick && tick <= now() + 1, "{before} {tick} {}", now());
    stand.stop().await;
}
