//! The host is killed while somebody reads, and started again on what it has left.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::host::Host;
use crate::journal::note;
use crate::scene::{Scene, since};
use crate::ship::eventually;

pub(super) async fn in_mid_answer(scene: &mut Scene<'_>) -> Result<(), String> {
    scene.pause(600).await;
    let ship = scene.ship;
    let texts = async || (ship.duty.texts.load(Ordering::SeqCst) > 0).then_some(());
    eventually("the middle of an answer", texts).await?;
    note("the host is killed in mid-answer");
    let host = scene.host.take().ok_or("no host runs")?;
    scene.figures.host_at(&host, &ship.operator).await?;
    ship.kills.begin();
    let killed = Instant::now();
    host.kill().await?;
    *scene.host = Some(Host::start(&ship.stage, &ship.whereabouts).await?);
    let answers = async || ship.client.get("/conversations").await.ok().map(drop);
    eventually("an answer of the host", answers).await?;
    ship.kills.end(since(killed));
    note(&format!("it serves again, {} ms later", since(killed)));
    Ok(())
}
