//! The acts of a scene, in their order.

mod berth;
mod disk;
pub(crate) mod hook;
mod kill;
mod panic;
mod permission;
mod question;
mod reload;
mod repository;
mod server;
mod skill;
mod summary;
mod trust;
mod warming;
mod watch;

use std::sync::atomic::Ordering;

use self::berth::Berth;
use self::permission::Answer;
use self::question::Question;
use self::watch::Watch;
use crate::client::{Client, Refusal};
use crate::crew::send;
use crate::journal::note;
use crate::ledger::Manner;
use crate::prompts::Prompts;
use crate::scene::Scene;
use crate::ship::eventually;

/// All of them.
///
/// # Errors
/// Where one could not go on.
pub(crate) async fn all(scene: &mut Scene<'_>) -> Result<(), String> {
    let mut random = scene.random.branch();
    let (question, seen, (watch, guarded)) =
        tokio::try_join!(opening(scene), prompts(scene), Watch::begins(scene, &mut random))?;
    scene.figures.prompts.add(seen);
    scene.figures.guards.add(guarded);
    reload::every_plugin(scene).await?;
    scene.ship.duty.is_story_time.store(true, Ordering::SeqCst);
    kill::in_mid_answer(scene, &watch.allowed).await?;
    question::is_answered(scene, &question).await?;
    scene.figures.guards.add(watch.goes_on(Answer::of(&mut random)).await?);
    panic::into_quarantine(scene).await?;
    disk::fills(scene).await?;
    kill::on_a_full_disk(scene).await?;
    scene.ship.duty.is_story_time.store(false, Ordering::SeqCst);
    scene.turns(4).await?;
    repository::is_left_alone(&watch.repository, &mut scene.figures.guards);
    Ok(())
}

async fn opening(scene: &Scene<'_>) -> Result<Question, String> {
    messages(scene).await?;
    question::is_asked(scene).await
}

/// What models are told besides what is said to them, in conversations that nobody else speaks in.
async fn prompts(scene: &Scene<'_>) -> Result<Prompts, String> {
    let (warm, told, trusted) = tokio::try_join!(
        async { warming::goes_on(&Berth::of(scene, "warm").await?).await },
        skill_and_summary(scene),
        async { trust::is_waited_for(&Berth::of(scene, "orders").await?).await },
    )?;
    let mut all = warm;
    all.add(told);
    all.add(trusted);
    Ok(all)
}

/// In one conversation, since a skill outlives a summary.
async fn skill_and_summary(scene: &Scene<'_>) -> Result<Prompts, String> {
    let berth = Berth::of(scene, "knots").await?;
    let mut seen = skill::is_told(&berth).await?;
    seen.add(summary::is_made(&berth).await?);
    Ok(seen)
}

/// One message steers, another one waits.
async fn messages(scene: &Scene<'_>) -> Result<(), String> {
    for (conversation, manner, sentence) in [
        (&scene.conversations[1], Manner::Steering, "a message steers"),
        (&scene.conversations[2], Manner::Queued, "a message waits behind"),
    ] {
        note(&format!("{sentence} {conversation}"));
        taken(scene, conversation, manner).await?;
    }
    Ok(())
}

/// Sends until it is taken.
async fn taken(scene: &Scene<'_>, conversation: &str, manner: Manner) -> Result<(), String> {
    let sent = async || send(scene.ship, conversation, manner).await.then_some(());
    eventually("a message to be taken", sent).await
}

/// A last message to each, which lets go of what is held, until nothing runs and nothing waits.
///
/// # Errors
/// When something runs or waits for too long.
pub(crate) async fn say_good_night(scene: &Scene<'_>) -> Result<(), String> {
    for conversation in &scene.conversations {
        taken(scene, conversation, Manner::Queued).await?;
    }
    for conversation in &scene.conversations {
        nothing_waits(&scene.ship.client, conversation).await?;
    }
    Ok(())
}

async fn nothing_waits(client: &Client, conversation: &str) -> Result<(), String> {
    let seen = async || {
        let status = client.get(&format!("/conversations/{conversation}/status")).await?;
        Ok::<_, Refusal>((status, client.get(&format!("/conversations/{conversation}/queue")).await?))
    };
    let rests = async || {
        let (status, queue) = seen().await.ok()?;
        let waits = queue["queue"].as_array().is_none_or(|queue| !queue.is_empty());
        (status["isActive"] == false && !waits).then_some(())
    };
    let rested = eventually(&format!("the end of what waits in {conversation}"), rests).await;
    if let Err(problem) = rested {
        return Err(format!("{problem}: {:?}", seen().await));
    }
    Ok(())
}
