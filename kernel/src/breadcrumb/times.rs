//! [`Times`]: the sampled times of one point, and [`PointMetrics`], what is told of them.

use std::time::Instant;

use super::histogram::{Histogram, Tally};

/// The sampled times of a point.
#[derive(Debug, Default)]
pub(crate) struct Times(Histogram);

impl Times {
    #[cold]
    pub(super) fn note(&self, began: Instant) {
        self.0.note(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
}

/// What is known about the traffic of one point.
///
/// Of emissions the times are those of all inline listeners together and of filling the mailboxes, of filterings and calls
/// until they were ready or pending.
#[derive(Clone, Debug, PartialEq)]
pub struct PointMetrics {
    /// Name of the point.
    pub point: String,
    /// Emissions, filterings or calls so far.
    pub count: u64,
    /// How many of them were timed, about one in 256. Where none was, the times are 0.
    pub timed: u64,
    /// Mean of the timed ones, in nanoseconds.
    pub mean_ns: f64,
    /// What half of the timed ones did not exceed, in nanoseconds, with an error of a ninth at most.
    pub p50_ns: u64,
    /// What 90 in 100 did not exceed.
    pub p90_ns: u64,
    /// What 99 in 100 did not exceed.
    pub p99_ns: u64,
    /// The longest of the timed ones, in nanoseconds, without an error.
    pub max_ns: u64,
}

/// The traffic of one point at one moment; that of its dialects can be added up.
pub(crate) struct PointTally {
    point: String,
    count: u64,
    times: Tally,
}

impl PointTally {
    pub(crate) fn of(point: &str, counter: u32, times: &Times) -> Self {
        Self { point: point.to_owned(), count: super::count::counted(counter), times: times.0.tally() }
    }

    /// Adds the traffic of another dialect of the same point.
    pub(crate) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.times.add(&other.times);
    }

    pub(crate) fn metrics(self) -> PointMetrics {
        let Self { point, count, times } = self;
        PointMetrics {
            point,
            count,
            timed: times.count(),
            mean_ns: times.mean(),
            p50_ns: times.percentile(50),
            p90_ns: times.percentile(90),
            p99_ns: times.percentile(99),
            max_ns: times.longest(),
        }
    }
}
