//! Crash points: whenever the power goes, what was answered is there, whole, and can be gone on with.
//!
//! A run of the store is taken down write by write. Every beginning of it is laid out as the files that a crash may have
//! left: as written, with only what was synced, and with a part of the rest torn. Each is opened and examined.
//!
//! `TRANSOM_CAMPAIGN` says how often each is torn, `TRANSOM_SEED` how.

mod check;
mod disk;
mod recorder;
mod script;
mod state;
mod tape;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use self::disk::{Disk, Files};
use self::recorder::Watch;
use self::script::{Run, Session, something_of_everything};
use self::tape::Event;
use super::folding::{Chance, from_environment};
use super::*;

/// How the files of a point came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    AsWritten,
    AsSynced,
    Torn { seed: u64 },
}

/// What a crash may have left.
struct Point {
    event: usize,
    kind: Kind,
    files: Files,
    /// The steps of which one has to be there, each with what is done until the next.
    may_be: Vec<usize>,
}

/// Every point of a run. What is laid out alike is there once.
fn points(run: &Run, is_plain: bool, survives_power: bool) -> Vec<Point> {
    let (first, times) = (from_environment("TRANSOM_SEED", 1), from_environment("TRANSOM_CAMPAIGN", 1));
    let (mut disk, mut answered, mut seen, mut points) = (Disk::default(), 0_usize, HashSet::new(), Vec::new());
    for (event, happened) in run.events.iter().enumerate() {
        disk.play(happened);
        answered += usize::from(matches!(happened, Event::Answered));
        let mut add = |kind, files: Files| {
            let last = answered.saturating_sub(1);
            let all = kind == Kind::AsWritten || survives_power;
            let may_be: Vec<usize> = if all { vec![last] } else { (0..=last).collect() };
            let mut hasher = DefaultHasher::new();
            (&files, &may_be).hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                points.push(Point { event, kind, files, may_be });
            }
        };
        add(Kind::AsWritten, disk.as_written());
        add(Kind::AsSynced, disk.as_synced());
        for time in 0..times {
            let seed = first + time;
            // Seeds that follow one another are to have nothing in common at the same event.
            let mut chance = Chance(seed.wrapping_mul(1_000_003) + event as u64);
            add(Kind::Torn { seed }, disk.torn(&mut chance, is_plain));
        }
    }
    points
}

/// Examines every point, on several threads, and fails with what is wrong with the first of them.
fn examine(run: &Run, points: &[Point]) {
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let folder = folder();
                    let _watch = Watch::over(folder.path(), None);
                    let check = check::check(folder.path(), &point.files, &run.steps, &point.may_be);
                    if let Err(fault) = runtime.block_on(check) {
                        faults.lock().expect("whole").push((point.event, point.kind, fault));
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().expect("whole");
    faults.sort_by_key(|(event, ..)| *event);
    if let Some((event, kind, fault)) = faults.first() {
        let (count, all) = (faults.len(), points.len());
        let around = run.events[..=*event].iter().rev().take(6).map(brief).collect::<Vec<_>>().join(", ");
        for (event, kind, fault) in faults.iter().take(20) {
            eprintln!("behind event {event}, {kind:?}: {fault}");
        }
        panic!("{count} of {all} points; the first behind event {event}, {kind:?}: {fault}\nlast: {around}");
    }
}

fn brief(event: &Event) -> String {
    match event {
        Event::Written { name, offset, bytes } => format!("{} bytes at {offset} of {name}", bytes.len()),
        Event::Found { name, .. } => format!("found {name}"),
        other => format!("{other:?}"),
    }
}

/// Takes a run down and examines every point of it.
async fn every_point(durability: Durability, is_plain: bool) {
    let mut session = Session::begin(folder(), durability, is_plain).await;
    something_of_everything(&mut session).await;
    let run = session.end().await;
    let points = points(&run, is_plain, durability == Durability::Full);
    let began = std::time::Instant::now();
    examine(&run, &points);
    let (events, steps, points) = (run.events.len(), run.steps.len(), points.len());
    println!("{points} points of {events} events and {steps} answers in {:?}", began.elapsed());
}

#[tokio::test]
async fn whatever_was_answered_survives_a_loss_of_power_at_any_point() {
    every_point(Durability::Full, false).await;
}

#[tokio::test]
async fn so_it_does_on_a_disk_that_spoils_the_sectors_that_it_writes_to() {
    every_point(Durability::Full, true).await;
}

#[tokio::test]
async fn with_the_weaker_setting_a_loss_of_power_takes_the_end_and_nothing_else() {
    every_point(Durability::Normal, false).await;
}
