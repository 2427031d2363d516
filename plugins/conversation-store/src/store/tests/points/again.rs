//! Crashes of the repair that follows a crash.

use super::script::{Run, Session};
use super::*;

/// How many repairs of a run are taken down; a campaign takes so many times as many.
const REPAIRS: usize = 3;

/// Takes down repairs of what crashes of a run may have left, spread over all of it, and examines the points of each.
pub(super) async fn examine_repairs(run: &Run, ask: Ask) {
    let crashes = points(run, Ask { stride: 1, ..ask }, 0);
    let wanted = REPAIRS * usize::try_from(campaign().max(1)).expect("not that many");
    let (mut repairs, mut lost) = (0, 0);
    for slot in 0..wanted {
        let of_slot = &crashes[slot * crashes.len() / wanted..(slot + 1) * crashes.len() / wanted];
        for crash in of_slot.iter().filter(|crash| is_of_turn(run, crash, slot)) {
            let Some(repair) = repair_of(run, crash, ask).await else { continue };
            println!("the repair behind event {}, {:?}:", crash.event, crash.kind);
            lost += examine_all(&repair, ask);
            repairs += 1;
            break;
        }
    }
    assert!(repairs > wanted / 2, "{repairs} of {wanted} are too few repairs with something to do");
    assert!(lost > repairs, "{lost} turns are left to a second repair by a crash of the first");
}

/// Whether it is the turn of such a crash: of a kill that leaves most to be synced, of one that leaves what was synced, or of
/// one that tears.
fn is_of_turn(run: &Run, crash: &Point, slot: usize) -> bool {
    let is_next_synced = || matches!(run.events.get(crash.event + 1), Some(Event::Synced { .. }));
    match crash.kind {
        Kind::AsWritten => slot.is_multiple_of(3) && is_next_synced(),
        Kind::AsSynced => slot % 3 == 1,
        Kind::Torn { .. } => slot % 3 == 2,
    }
}

/// What happens when a store is opened on what a crash has left, repairs, and ends; `None` when no turn was lost.
async fn repair_of(run: &Run, crash: &Point, ask: Ask) -> Option<Run> {
    let folder = folder();
    disk::lay_out(folder.path(), &crash.files).expect("written");
    let mut session = Session::begin(folder, ask.durability, ask.is_plain).await;
    let lost = session.repair().await;
    let repair = session.end().await;
    let repair = if crash.kind == Kind::AsWritten { behind_a_kill(run, crash.event, repair) } else { repair };
    (lost > 0).then_some(repair)
}

/// A process that is killed leaves what it has written and not synced to a power that may go later. Once the store was
/// opened, what was found has been told.
fn behind_a_kill(run: &Run, event: usize, mut repair: Run) -> Run {
    let is_answered = |event: &Event| matches!(event, Event::Answered);
    let before = run.events[..=event].iter().filter(|event| !is_answered(event)).cloned();
    let found = repair.from + 1;
    repair.events.splice(..found, before);
    repair.from = repair.events.iter().position(is_answered).expect("it was opened");
    repair
}
