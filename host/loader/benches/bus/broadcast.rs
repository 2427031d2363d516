//! A peer in the same run: `tokio::sync::broadcast`, a send and its receives, in the shape of an event with listeners.

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use tokio::sync::broadcast;
use transom_pace::Parcel;

/// As many receivers as the events of the bus have listeners.
pub(crate) const RECEIVERS: [usize; 4] = [1, 4, 16, 64];

/// Measures a send and the receives of it, on one thread: what is sent is shared, not copied.
pub(crate) fn bench(criterion: &mut Criterion) {
    for count in RECEIVERS {
        let (sender, _) = broadcast::channel(4);
        let mut receivers: Vec<_> = (0..count).map(|_| sender.subscribe()).collect();
        let parcel = Arc::new(Parcel::sample());
        criterion.bench_function(&name(count), |bencher| {
            bencher.iter(|| {
                sender.send(Arc::clone(&parcel)).expect("somebody receives");
                for receiver in &mut receivers {
                    black_box(receiver.try_recv().expect("it was sent"));
                }
            });
        });
    }
}

/// As the rows of the bus are called.
pub(crate) fn name(receivers: usize) -> String {
    format!("broadcast-{receivers}-on-1")
}
