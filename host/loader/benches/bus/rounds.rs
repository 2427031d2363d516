//! The table of ratios, measured in rounds: each crossing is compared with the raw call of its own round.
//!
//! Machines change their speed, and do it between two long measurements of the same thing. Within a round of a fifth of a
//! second they seldom do, and the median of many rounds does not mind when they do.

use std::time::Duration;

/// How many times everything is measured after each other.
const ROUNDS: usize = 41;
/// How long one measurement of a round takes, about.
const SAMPLE: Duration = Duration::from_millis(8);

/// Something that is measured: it does what it does so many times, and tells how long that took.
pub(crate) struct Measured<'a> {
    pub(crate) name: String,
    pub(crate) threads: u32,
    pub(crate) run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

/// Measures everything beside the first, and prints the medians.
pub(crate) fn print_table(measured: &mut [Measured<'_>]) {
    let iterations: Vec<u64> = measured.iter_mut().map(enough).collect();
    let rounds: Vec<Vec<f64>> = (0..ROUNDS).map(|_| round(measured, &iterations)).collect();
    println!("\n| crossing | threads | ns | × raw | in half of the rounds |\n|---|---|---|---|---|");
    for (row, Measured { name, threads, .. }) in measured.iter().enumerate() {
        let nanos = sorted(rounds.iter().map(|round| round[row]));
        let ratios = sorted(rounds.iter().map(|round| round[row] / round[0]));
        let [lower, middle, upper] = [1, 2, 3].map(|quarter| ratios[ROUNDS * quarter / 4]);
        println!(
            "| {name} | {threads} | {:.1} | {middle:.1} | {lower:.1} to {upper:.1} |",
            nanos[ROUNDS / 2]
        );
    }
}

/// How often it is to be done to take about a [`SAMPLE`].
fn enough(one: &mut Measured<'_>) -> u64 {
    let mut iterations = 64;
    while (one.run)(iterations) < SAMPLE / 2 {
        iterations *= 2;
    }
    iterations
}

/// Nanoseconds for each.
fn round(measured: &mut [Measured<'_>], iterations: &[u64]) -> Vec<f64> {
    let one = |(one, iterations): (&mut Measured<'_>, &u64)| {
        (one.run)(*iterations).as_secs_f64() * 1e9 / *iterations as f64
    };
    measured.iter_mut().zip(iterations).map(one).collect()
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}
