//! [`Histogram`]: how often each length of time occurred, in a fixed number of places.
//!
//! A place covers a quarter of a power of two, so a time is told with an error of a ninth of it at most. Noting one
//! writes a few numbers without a lock or an allocation, and any number of threads may do it at once.

use std::sync::atomic::{AtomicU64, Ordering};

use transom_plugin_api::sabotage::sabotaged;

/// Places for times up to 2³³ ns, which is more than eight seconds; the last one has all that are longer.
const PLACES: usize = 128;

/// Times of many, noted by many.
#[derive(Debug)]
pub(super) struct Histogram {
    places: [AtomicU64; PLACES],
    nanos: AtomicU64,
    longest: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            places: std::array::from_fn(|_| AtomicU64::new(0)),
            nanos: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    pub(super) fn note(&self, nanos: u64) {
        self.places[place_of(nanos)].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        // Read first: a longest time is rare, and a read takes the line from no other thread.
        if nanos > self.longest.load(Ordering::Relaxed) {
            self.longest.fetch_max(nanos, Ordering::Relaxed);
        }
    }

    /// What was noted so far. Times that are noted meanwhile may be in it in part.
    pub(super) fn tally(&self) -> Tally {
        Tally {
            places: self.places.each_ref().map(|place| place.load(Ordering::Relaxed)),
            nanos: self.nanos.load(Ordering::Relaxed),
            longest: self.longest.load(Ordering::Relaxed),
        }
    }
}

/// A histogram at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    places: [u64; PLACES],
    nanos: u64,
    longest: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.places.iter_mut().zip(&other.places).for_each(|(sum, more)| *sum += more);
        self.nanos = self.nanos.saturating_add(other.nanos);
        self.longest = self.longest.max(other.longest);
    }

    /// How many times were noted.
    pub(super) fn count(&self) -> u64 {
        self.places.iter().sum()
    }

    /// The mean in nanoseconds; 0 of none.
    pub(super) fn mean(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a mean for people")]
        let (nanos, count) = (self.nanos as f64, self.count().max(1) as f64);
        nanos / count
    }

    /// The longest time, in nanoseconds; 0 of none. It is the only one without an error.
    pub(super) const fn longest(&self) -> u64 {
        self.longest
    }

    /// The time in nanoseconds that so many in a hundred did not exceed; 0 of none.
    pub(super) fn percentile(&self, percent: u64) -> u64 {
        let count = self.count();
        let rank = if sabotaged("forget-the-slow-ones") { 1 } else { (count * percent).div_ceil(100) };
        let mut passed = 0;
        for (place, here) in self.places.iter().enumerate() {
            passed += here;
            if passed >= rank.max(1) {
                // The place may end beyond the longest, and the last one ends nowhere.
                return if place == PLACES - 1 { self.longest } else { told(place).min(self.longest) };
            }
        }
        0
    }
}

/// Below four each time has a place; above, each power of two has four.
fn place_of(nanos: u64) -> usize {
    if nanos < 4 {
        return nanos as usize;
    }
    let power = nanos.ilog2();
    let quarter = (nanos >> (power - 2)) & 3;
    ((power as usize - 1) * 4 + quarter as usize).min(PLACES - 1)
}

/// The time that stands for all of a place: as far above the shortest of them as below the longest, in proportion.
const fn told(place: usize) -> u64 {
    if place < 8 {
        return place as u64;
    }
    let (power, quarter) = (place / 4 + 1, place as u64 % 4);
    let (from, to) = (4 + quarter, 5 + quarter);
    ((2 * from * to) << (power - 2)) / (from + to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(times: impl IntoIterator<Item = u64>) -> Tally {
        let histogram = Histogram::default();
        times.into_iter().for_each(|nanos| histogram.note(nanos));
        histogram.tally()
    }

    /// Whether a time is told with the error that is promised.
    fn assert_near(told: u64, exact: u64) {
        assert!(told.abs_diff(exact) * 100 <= exact * 12, "{told} is told for {exact}");
    }

    #[test]
    fn percentiles_of_times_that_are_known_are_near_them() {
        // Shuffled by a step that shares no factor with their number.
        let even = tally((0..100_000_u64).map(|number| number * 77_773 % 100_000 * 100 + 100));
        for (percent, exact) in [(1, 100_000), (50, 5_000_000), (90, 9_000_000), (99, 9_900_000)] {
            assert_near(even.percentile(percent), exact);
        }
        assert_eq!((even.count(), even.longest()), (100_000, 10_000_000));
        assert_near(even.mean() as u64, 5_000_050);
    }

    #[test]
    fn a_few_slow_ones_show_at_the_end_only() {
        let uneven = tally((0..1000).map(|number| if number % 50 == 0 { 3_000_000 } else { 200 }));
        assert_near(uneven.percentile(50), 200);
        assert_near(uneven.percentile(90), 200);
        assert_near(uneven.percentile(99), 3_000_000);
        assert_eq!(uneven.longest(), 3_000_000);
    }

    #[test]
    fn every_time_is_told_with_an_error_of_a_ninth_at_most() {
        let edges = (0..33).flat_map(|power| {
            let base = 1_u64 << power;
            [base - 1, base, base + 1, base + base / 4, base + base / 2, base * 2 - 1]
        });
        for exact in edges.filter(|exact| *exact > 0) {
            let told = told(place_of(exact));
            assert!(told.abs_diff(exact) * 9 <= exact + 9, "{told} is told for {exact}");
        }
    }

    #[test]
    fn nothing_is_told_of_nothing_and_what_is_too_long_for_a_place_is_told_as_the_longest() {
        assert_eq!((tally([]).percentile(99), tally([]).longest(), tally([]).count()), (0, 0, 0));
        let endless = tally([1, u64::MAX / 2]);
        assert_eq!((endless.percentile(50), endless.percentile(99)), (1, u64::MAX / 2));
        assert_eq!(tally([u64::MAX, u64::MAX]).count(), 2);
    }

    #[test]
    fn two_tallies_are_told_as_one() {
        let mut sum = tally((0..100).map(|_| 100));
        sum.add(&tally((0..100).map(|_| 9_000)));
        assert_eq!((sum.count(), sum.longest()), (200, 9_000));
        assert_near(sum.percentile(50), 100);
        assert_near(sum.percentile(51), 9_000);
    }

    #[test]
    fn what_many_threads_note_is_all_there() {
        let histogram = Histogram::default();
        std::thread::scope(|scope| {
            (1..=4_u64).for_each(|thread| {
                let histogram = &histogram;
                scope.spawn(move || (0..10_000).for_each(|_| histogram.note(thread * 1000)));
            });
        });
        let tally = histogram.tally();
        assert_eq!((tally.count(), tally.longest(), tally.nanos), (40_000, 4000, 100_000_000));
    }
}
