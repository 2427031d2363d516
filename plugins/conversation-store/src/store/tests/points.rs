//! Crash points: whenever the power goes, what was answered is there, whole, and can be gone on with.
//!
//! A run of the store is taken down write by write. Every beginning of it is laid out as the files that a crash may have
//! left: as written, with only what was synced, and with a part of the rest torn. Each is opened and examined; of some the
//! repair is taken down as well.
//!
//! `TRANSOM_CAMPAIGN` says how often each is torn, `TRANSOM_SEED` how.

mod again;
mod check;
mod disk;
mod recorder;
mod script;
mod state;
mod tape;

use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use self::disk::{Disk, Files};
use self::recorder::Watch;
use self::script::{Run, Session, something_of_everything};
use self::tape::Event;
use super::folding::{Chance, from_environment};
use super::*;

/// How the files of a point came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    may_be: RangeInclusive<usize>,
}

/// What is asked of a run, and how closely it is looked at.
#[derive(Clone, Copy)]
struct Ask {
    durability: Durability,
    is_plain: bool,
    /// Of the writes between two syncs only one in so many is a point, unless there is a campaign.
    stride: usize,
}

/// How often each point is torn, 0 without a campaign.
fn campaign() -> u64 {
    from_environment("TRANSOM_CAMPAIGN", 0)
}

/// The points of a run, each torn so many times. What is laid out alike behind the same answer is there once.
fn points(run: &Run, ask: Ask, times: u64) -> Vec<Point> {
    let seed = from_environment("TRANSOM_SEED", 1);
    let stride = if times == 0 { ask.stride } else { 1 };
    let (mut disk, mut answered, mut points) = (Disk::default(), 0_usize, Vec::<Point>::new());
    for (event, happened) in run.events.iter().enumerate() {
        disk.play(happened);
        answered += usize::from(matches!(happened, Event::Answered));
        let is_write = matches!(happened, Event::Written { .. });
        if event < run.from || is_write && !(event + seed as usize).is_multiple_of(stride) {
            continue;
        }
        let mut add = |kind, files: Files| {
            let last = answered.saturating_sub(1);
            let keeps_all = kind == Kind::AsWritten || ask.durability == Durability::Full;
            let may_be = if keeps_all { last..=last } else { 0..=last };
            // Enough to meet the same files of the event before, and of the same event.
            let mut latest = points.iter().rev().take(times as usize + 5);
            if !latest.any(|point| point.files == files && point.may_be == may_be) {
                points.push(Point { event, kind, files, may_be });
            }
        };
        add(Kind::AsWritten, disk.as_written());
        add(Kind::AsSynced, disk.as_synced());
        for seed in (seed..).take(times.max(1) as usize) {
            // Seeds that follow one another have nothing in common at the same event.
            let mut chance = Chance(seed.wrapping_mul(1_000_003) + event as u64);
            add(Kind::Torn { seed }, disk.torn(&mut chance, ask.is_plain));
        }
    }
    points
}

/// Examines every point, on several threads, and fails with what is wrong with the first of them. Answers how many turns
/// were lost and repaired.
fn examine(run: &Run, points: &[Point]) -> usize {
    let (next, lost, faults) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(point) = points.get(number) else { break };
                    let folder = folder();
                    let _watch = Watch::over(folder.path(), None);
                    let check = check::check(folder.path(), &point.files, &run.steps, point.may_be.clone());
                    match runtime.block_on(check) {
                        Ok(turns) => lost.fetch_add(turns, Ordering::Relaxed),
                        Err(fault) => {
                            faults.lock().expect("whole").push((number, fault));
                            0
                        }
                    };
                }
            });
        }
    });
    let mut faults = faults.into_inner().expect("whole");
    faults.sort_by_key(|(number, _)| *number);
    for (number, fault) in faults.iter().take(10) {
        let Point { event, kind, .. } = &points[*number];
        eprintln!("behind event {event}, {kind:?}: {fault}");
    }
    if let Some((number, _)) = faults.first() {
        let (count, all, point) = (faults.len(), points.len(), &points[*number]);
        let latest = run.events[..=point.event].iter().rev().take(6).map(brief).collect::<Vec<_>>();
        let kept = keep(&point.files);
        panic!(
            "{count} of {all} points are at fault; the files of the first are in `{}`; what was done last: {}",
            kept.display(),
            latest.join(", ")
        );
    }
    lost.into_inner()
}

/// Leaves files behind, since no seed makes the same run again: who writes and who reads take turns by chance.
fn keep(files: &Files) -> std::path::PathBuf {
    let kept = folder().keep();
    disk::lay_out(&kept, files).expect("written");
    kept
}

fn brief(event: &Event) -> String {
    match event {
        Event::Written { name, offset, bytes } => format!("{} bytes at {offset} of {name}", bytes.len()),
        Event::Found { name, .. } => format!("found {name}"),
        other => format!("{other:?}"),
    }
}

/// Takes a run down and examines its points.
async fn every_point(ask: Ask) {
    let mut session = Session::begin(folder(), ask.durability, ask.is_plain).await;
    something_of_everything(&mut session).await;
    let run = session.end().await;
    assert!(examine_all(&run, ask) > 50, "many of the points have turns that are lost");
    let is_checkpoint = |event: &&Event| matches!(event, Event::Synced { name } if name == database::FILE);
    let checkpoints = run.events.iter().filter(is_checkpoint).count();
    assert!(checkpoints > 4, "{checkpoints} checkpoints are too few to be cut off in the middle of");
}

fn examine_all(run: &Run, ask: Ask) -> usize {
    let points = points(run, ask, campaign());
    let began = std::time::Instant::now();
    let lost = examine(run, &points);
    let (events, steps, points) = (run.events.len(), run.steps.len(), points.len());
    let took = began.elapsed();
    println!("{points} points of {events} events and {steps} answers, {lost} turns lost, in {took:?}");
    lost
}

#[tokio::test]
async fn whatever_was_answered_survives_a_loss_of_power_at_any_point() {
    every_point(Ask { durability: Durability::Full, is_plain: false, stride: 1 }).await;
}

#[tokio::test]
async fn a_crash_of_the_repair_takes_nothing_that_the_crash_before_it_has_left() {
    let disks: &[bool] = if campaign() == 0 { &[false] } else { &[false, true] };
    for &is_plain in disks {
        let ask = Ask { durability: Durability::Full, is_plain, stride: 2 };
        let mut session = Session::begin(folder(), ask.durability, is_plain).await;
        something_of_everything(&mut session).await;
        again::examine_repairs(&session.end().await, ask).await;
    }
}

#[tokio::test]
async fn so_it_does_on_a_disk_that_spoils_the_sectors_that_it_writes_to() {
    every_point(Ask { durability: Durability::Full, is_plain: true, stride: 8 }).await;
}

#[tokio::test]
async fn with_the_weaker_setting_a_loss_of_power_takes_the_end_and_nothing_else() {
    every_point(Ask { durability: Durability::Normal, is_plain: false, stride: 8 }).await;
}

#[tokio::test]
async fn a_file_of_the_first_version_is_the_old_one_or_the_new_one_at_any_point() {
    let folder = folder();
    let first = super::migrating::first_version(folder.path());
    // What cannot be read is told by the doctor, here as anywhere.
    first
        .execute(
            "UPDATE entries SET chunk = '{\"type\":\"text\",\"text\":\"so\"}' WHERE chunk = 'unreadable'",
            (),
        )
        .expect("written");
    first.close().expect("closed");
    let ask = Ask { durability: Durability::Full, is_plain: false, stride: 3 };
    let run = Session::begin(folder, ask.durability, ask.is_plain).await.end().await;
    assert!(run.events.iter().any(|event| matches!(event, Event::Renamed { .. })), "the old one is kept");
    examine_all(&run, ask);
}
