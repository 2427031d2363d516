//! The disk fills, and is freed.

use std::time::{Duration, Instant};

use crate::crew::send;
use crate::journal::note;
use crate::ledger::Manner;
use crate::scene::{Scene, since};
use crate::ship::eventually;

/// Refusals that are waited for.
const REFUSALS: usize = 4;

/// Turns end in this time, and cannot be stored.
const LONG_ENOUGH: Duration = Duration::from_millis(1_500);

pub(super) async fn fills(scene: &mut Scene<'_>) -> Result<(), String> {
    note("the disk is full");
    scene.host()?.fill_disk(true)?;
    let (filled, before) = (Instant::now(), scene.ship.ledger.counts());
    scene.figures.host_at(scene.host.as_ref().ok_or("no host runs")?, &scene.ship.operator).await?;
    let refused = async || {
        for conversation in &scene.conversations {
            send(scene.ship, conversation, Manner::Queued).await;
        }
        (scene.ship.ledger.counts().1 >= before.1 + REFUSALS).then_some(())
    };
    let outcome = eventually("a refusal", refused).await;
    tokio::time::sleep(LONG_ENOUGH).await;
    scene.pause(2_000).await;
    let after = scene.ship.ledger.counts();
    scene.host()?.fill_disk(false)?;
    outcome?;
    let (taken, refused) = (after.0 - before.0, after.1 - before.1);
    note(&format!("it is freed; {refused} messages were refused meanwhile, {taken} taken"));
    scene.figures.disk_was_full(since(filled), taken, refused);
    scene.turns(8).await
}
