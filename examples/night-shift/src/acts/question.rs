//! A turn asks a person, waits over a restart, and goes on with the answer.

use std::time::Instant;

use serde_json::{Value, json};

use crate::journal::note;
use crate::log::Log;
use crate::scene::{Scene, since};
use crate::ship::eventually;

/// A question that waits.
#[derive(Debug)]
pub(super) struct Question {
    conversation: String,
    id: String,
    /// What lets the tool run.
    choice: String,
    asked: Instant,
}

pub(super) async fn is_asked(scene: &Scene<'_>) -> Result<Question, String> {
    let conversation = scene.conversations.last().cloned().unwrap_or_default();
    let asked = async || {
        let log = Log::of(&scene.ship.client, &conversation).await.ok()?;
        log.of_type("question").next().cloned()
    };
    let chunk: Value = eventually("a question", asked).await?;
    note(&format!("{conversation} asks: {}", chunk["text"].as_str().unwrap_or_default()));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (id, choice) = (text(&chunk["questionId"]), text(&chunk["choices"][0]));
    Ok(Question { conversation, id, choice, asked: Instant::now() })
}

pub(super) async fn is_answered(scene: &mut Scene<'_>, question: &Question) -> Result<(), String> {
    let Question { conversation, id, choice, asked } = question;
    let body = json!({ "questionId": id, "choice": choice });
    let path = format!("/conversations/{conversation}/answer");
    let taken = async || scene.ship.client.post(&path, &body).await.ok().map(drop);
    eventually("an answer to be taken", taken).await?;
    scene.ship.ledger.answer(conversation, id, choice);
    scene.figures.question_waited(since(*asked));
    note(&format!("the question that waited over it is answered: {choice}"));
    let opened = async || {
        let log = Log::of(&scene.ship.client, conversation).await.ok()?;
        let results = log.of_type("tool-result").filter(|result| result["toolName"] == "open_hatch");
        Some(results.cloned().collect::<Vec<_>>()).filter(|results| !results.is_empty())
    };
    match &eventually("the hatch to be opened", opened).await?[..] {
        [result] if result["isError"] == false => Ok(()),
        others => Err(format!("the hatch was to be opened once: {others:?}")),
    }
}
