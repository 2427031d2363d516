//! Observers of `bevy_ecs`, in the shape of an event with listeners: 1, 4, 16 and 64 of them read what is triggered.

use std::hint::black_box;

use bevy_ecs::prelude::*;
use criterion::{Criterion, criterion_group, criterion_main};

/// What the bench of the bus sends around: an id, two integers and 200 bytes of text.
#[derive(Event)]
struct Parcel {
    id: u64,
    weight: i64,
    shelf: i64,
    label: String,
}

fn observers(criterion: &mut Criterion) {
    for count in [1, 4, 16, 64] {
        let mut world = World::new();
        for _ in 0..count {
            world.add_observer(|parcel: On<Parcel>| {
                black_box((parcel.id, parcel.weight, parcel.shelf, parcel.label.len()));
            });
        }
        world.flush();
        let mut parcel = Parcel { id: 7, weight: 3, shelf: 5, label: "parcel ".repeat(29)[..200].to_owned() };
        criterion.bench_function(&format!("observers-{count}"), |bencher| {
            bencher.iter(|| world.trigger_ref(black_box(&mut parcel)));
        });
    }
}

criterion_group!(benches, observers);
criterion_main!(benches);
