//! What was measured, as lines for a page.

use std::time::Duration;

/// Lines in the order in which they were measured.
#[derive(Default)]
pub(crate) struct Figures(Vec<(String, String)>);

impl Figures {
    pub(crate) fn add(&mut self, what: &str, value: impl Into<String>) {
        self.0.push((what.to_owned(), value.into()));
    }

    /// Median and 99th percentile of times.
    pub(crate) fn times(&mut self, what: &str, times: Vec<Duration>) {
        let [median, high] = percentiles(times, [50, 99]);
        self.add(what, format!("p50 {:.2} ms, p99 {:.2} ms", millis(median), millis(high)));
    }

    /// By how much times are more than those they are paired with: the median of the differences, and the middle half of them.
    pub(crate) fn more(&mut self, what: &str, times: &[Duration], than: &[Duration]) {
        let pairs = times.iter().zip(than);
        let mut differences: Vec<f64> = pairs.map(|(time, than)| millis(*time) - millis(*than)).collect();
        differences.sort_by(f64::total_cmp);
        let [low, middle, high] = [1, 2, 3].map(|quarter| differences[differences.len() * quarter / 4]);
        self.add(what, format!("{middle:+.2} ms, half of them from {low:+.2} to {high:+.2}"));
    }

    pub(crate) fn print(&self) {
        println!("\n| measured | value |\n|---|---|");
        for (what, value) in &self.0 {
            println!("| {what} | {value} |");
        }
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

pub(crate) fn median(times: Vec<Duration>) -> Duration {
    percentiles(times, [50])[0]
}

pub(crate) fn percentiles<const N: usize>(mut times: Vec<Duration>, wanted: [usize; N]) -> [Duration; N] {
    times.sort_unstable();
    wanted.map(|percent| times[(times.len() * percent / 100).min(times.len() - 1)])
}
