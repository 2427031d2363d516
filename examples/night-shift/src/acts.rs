//! The acts of a scene, in their order.

mod disk;
mod kill;
mod panic;
mod question;
mod reload;

use std::sync::atomic::Ordering;

use crate::crew::send;
use crate::journal::note;
use crate::ledger::Manner;
use crate::scene::Scene;
use crate::ship::eventually;

/// All of them.
///
/// # Errors
/// Where one could not go on.
pub(crate) async fn all(scene: &mut Scene<'_>) -> Result<(), String> {
    messages(scene).await?;
    let question = question::is_asked(scene).await?;
    reload::every_plugin(scene).await?;
    scene.ship.duty.is_story_time.store(true, Ordering::SeqCst);
    kill::in_mid_answer(scene).await?;
    question::is_answered(scene, &question).await?;
    panic::into_quarantine(scene).await?;
    disk::fills(scene).await?;
    kill::on_a_full_disk(scene).await?;
    scene.ship.duty.is_story_time.store(false, Ordering::SeqCst);
    scene.turns(4).await
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
        let client = &scene.ship.client;
        let rests = async || {
            let status = client.get(&format!("/conversations/{conversation}/status")).await.ok()?;
            let queue = client.get(&format!("/conversations/{conversation}/queue")).await.ok()?;
            let waits = queue["queue"].as_array().is_none_or(|queue| !queue.is_empty());
            (status["isActive"] == false && !waits).then_some(())
        };
        eventually(&format!("the end of what waits in {conversation}"), rests).await?;
    }
    Ok(())
}
