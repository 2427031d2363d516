//! A peer in the same run: `tokio::sync::broadcast`, a send and its receives, in the shape of an event with listeners.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::broadcast;
use transom_pace::Parcel;

/// As many receivers as the events of the bus have listeners.
pub(crate) const RECEIVERS: [usize; 4] = [1, 4, 16, 64];

/// A send and the receives of it, on one thread, so many times: what is sent is shared, not copied.
pub(crate) fn of(receivers: usize) -> impl FnMut(u64) -> Duration {
    let (sender, _) = broadcast::channel(4);
    let mut receivers: Vec<_> = (0..receivers).map(|_| sender.subscribe()).collect();
    let parcel = Arc::new(Parcel::sample());
    move |iterations| {
        let began = Instant::now();
        for _ in 0..iterations {
            sender.send(Arc::clone(&parcel)).expect("somebody receives");
            for receiver in &mut receivers {
                black_box(receiver.try_recv().expect("it was sent"));
            }
        }
        began.elapsed()
    }
}
