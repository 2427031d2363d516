//! The host is killed while somebody reads, and started again on what it has left.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::permission::{Answer, Asked};
use crate::host::Host;
use crate::journal::note;
use crate::scene::{Scene, since};
use crate::ship::eventually;

/// Bytes of the story that were told when the host is killed: more than may be lost of it.
const MID_ANSWER: u64 = 20 * 1024;

/// Below so many milliseconds behind the answer to a question: before, while and after the command runs.
const BEHIND_AN_ANSWER_MS: u64 = 600;

/// How long the disk is full when the host is killed on top of that.
const ON_A_FULL_DISK: Duration = Duration::from_millis(500);

/// A command is allowed a moment before.
pub(super) async fn in_mid_answer(scene: &mut Scene<'_>, asked: &Asked<'_>) -> Result<(), String> {
    scene.pause(600).await;
    mid_answer(scene).await?;
    asked.is_answered(Answer::YES).await?;
    scene.pause(BEHIND_AN_ANSWER_MS).await;
    note("the host is killed in mid-answer");
    again(scene).await
}

pub(super) async fn on_a_full_disk(scene: &mut Scene<'_>) -> Result<(), String> {
    mid_answer(scene).await?;
    scene.host()?.fill_disk(true)?;
    tokio::time::sleep(ON_A_FULL_DISK).await;
    scene.pause(200).await;
    note("the disk is full again, and the host is killed in mid-answer");
    again(scene).await
}

async fn mid_answer(scene: &Scene<'_>) -> Result<(), String> {
    let story = || scene.ship.duty.story.load(Ordering::SeqCst);
    eventually("the middle of a story", async || (story() >= MID_ANSWER).then_some(())).await
}

/// Kills it and starts another one.
async fn again(scene: &mut Scene<'_>) -> Result<(), String> {
    let ship = scene.ship;
    let host = scene.host.take().ok_or("no host runs")?;
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
