//! [`Rates`]: how much went over each lane in a second, seen from one look to the next.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use transom_kernel::BridgeStatus;

/// A rate is that of so long, as far as there are looks.
const SPAN: Duration = Duration::from_secs(60);

/// Looks that follow each other faster are not kept.
const APART: Duration = Duration::from_secs(1);

/// Point, plugin and name.
type Lane = (String, String, String);

/// What had gone over the lanes at one moment.
#[derive(Default)]
struct Look {
    /// Since the host began.
    at: Duration,
    carried: HashMap<Lane, (u64, u64)>,
}

/// The looks of the last minute, and the last one before.
pub(crate) struct Rates(VecDeque<Look>);

impl Default for Rates {
    /// With a look at the time when the host began, and nothing had been carried.
    fn default() -> Self {
        Self(VecDeque::from([Look::default()]))
    }
}

impl Rates {
    /// What went over the lanes until now, `at` so long after the host began, and how much of it in a second.
    ///
    /// The second is the mean since the oldest look of the last minute, or since the last one before it.
    pub(crate) fn look(&mut self, at: Duration, bridges: &[BridgeStatus]) -> Vec<Value> {
        while self.0.len() > 1 && (self.0[0].at + SPAN < at) {
            self.0.pop_front();
        }
        let told = bridges.iter().map(|bridge| self.document(at, bridge)).collect();
        if self.0.back().is_none_or(|last| last.at + APART <= at) {
            let carried = bridges.iter().map(|bridge| (lane(bridge), (bridge.bytes, bridge.nanos)));
            self.0.push_back(Look { at, carried: carried.collect() });
        }
        told
    }

    fn document(&self, at: Duration, bridge: &BridgeStatus) -> Value {
        let before = self.0.front();
        let (bytes, nanos) =
            before.and_then(|before| before.carried.get(&lane(bridge)).copied()).unwrap_or_default();
        let over = at.saturating_sub(before.map_or(Duration::ZERO, |before| before.at));
        json!({
            "point": bridge.point,
            "plugin": bridge.plugin,
            "name": bridge.name,
            "values": bridge.values,
            "bytes": bridge.bytes,
            "nanos": bridge.nanos,
            "bytesPerSecond": per_second(bytes, bridge.bytes, over),
            "nanosPerSecond": per_second(nanos, bridge.nanos, over),
            "overMs": u64::try_from(over.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

fn lane(bridge: &BridgeStatus) -> Lane {
    (bridge.point.clone(), bridge.plugin.clone(), bridge.name.clone())
}

/// A lane that was made anew, because a plugin was replaced, counts from zero again.
fn per_second(before: u64, now: u64, over: Duration) -> u64 {
    let more = if now < before { now } else { now - before };
    let each = u128::from(more) * 1_000_000_000 / over.as_nanos().max(1);
    u64::try_from(each).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rates: &mut Rates, second: u64, bytes: u64, expected: [u64; 3]) {
        let bridge = BridgeStatus {
            point: "mill/sent".to_owned(),
            plugin: "mill".to_owned(),
            name: String::new(),
            values: 1,
            nanos: bytes * 5,
            bytes,
        };
        let told = rates.look(Duration::from_secs(second), &[bridge]);
        let figures = ["bytesPerSecond", "nanosPerSecond", "overMs"].map(|key| told[0][key].as_u64());
        assert_eq!(figures, expected.map(Some), "after {second} s");
    }

    #[test]
    fn a_rate_is_that_of_the_last_minute_as_far_as_there_are_looks() {
        let mut rates = Rates::default();
        check(&mut rates, 10, 1000, [100, 500, 10_000]);
        check(&mut rates, 40, 1000, [25, 125, 40_000]);
        check(&mut rates, 70, 7000, [100, 500, 60_000]);
        check(&mut rates, 1070, 8000, [1, 5, 1_000_000]);
        check(&mut rates, 1080, 8000, [0, 0, 10_000]);
    }

    #[test]
    fn a_lane_that_is_new_counts_from_zero() {
        let mut rates = Rates::default();
        check(&mut rates, 10, 5000, [500, 2500, 10_000]);
        check(&mut rates, 100, 900, [10, 50, 90_000]);
    }

    #[test]
    fn who_looks_all_the_time_fills_no_memory() {
        let mut rates = Rates::default();
        (0..100_000).for_each(|look| drop(rates.look(Duration::from_millis(look * 10), &[])));
        assert!(rates.0.len() <= 62, "{} looks are kept", rates.0.len());
    }
}
