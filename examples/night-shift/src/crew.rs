//! [`Crew`]: those who speak, one in each conversation, turn after turn, and one who interrupts everybody.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::client::{Lines, Refusal};
use crate::ledger::Manner;
use crate::random::Random;
use crate::ship::Ship;

/// Before somebody who was refused asks again.
const PAUSE: Duration = Duration::from_millis(40);

/// How long the last turns may take when all of them are to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks for the tool that a person is asked about.
pub(crate) const HATCH: &str =
    "[[say: Let me look below.]] [[tool: open_hatch {}]] [[step]] [[say: Dry as a bone.]]";

/// Everybody who speaks.
#[derive(Debug)]
pub(crate) struct Crew {
    hands: JoinSet<()>,
    ship: Ship,
}

impl Crew {
    /// Begins to speak in all of them. The last one's first message is about the hatch.
    pub(crate) fn muster(ship: &Ship, conversations: &[String], random: &mut Random) -> Self {
        let mut hands = JoinSet::new();
        ship.duty.is_over.store(false, Ordering::SeqCst);
        for (number, conversation) in conversations.iter().enumerate() {
            let first = (number + 1 == conversations.len()).then(|| HATCH.to_owned());
            hands.spawn(speak(ship.clone(), conversation.clone(), random.branch(), first));
        }
        hands.spawn(interrupt(ship.clone(), conversations.to_vec(), random.branch()));
        Self { hands, ship: ship.clone() }
    }

    /// Has everybody end what was begun.
    ///
    /// # Errors
    /// When somebody does not.
    pub(crate) async fn rest(mut self) -> Result<(), String> {
        self.ship.duty.is_over.store(true, Ordering::SeqCst);
        let ended = async {
            while let Some(hand) = self.hands.join_next().await {
                hand.map_err(|error| format!("somebody who spoke: {error}"))?;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, ended).await.unwrap_or_else(|_| Err("a turn does not end".to_owned()))
    }
}

impl Ship {
    fn is_over(&self) -> bool {
        self.duty.is_over.load(Ordering::SeqCst)
    }
}

/// One turn after the other.
async fn speak(ship: Ship, conversation: String, mut random: Random, mut first: Option<String>) {
    while !ship.is_over() {
        let words = ship.ledger.words(&conversation);
        let script = first.clone().unwrap_or_else(|| script(&mut random));
        match ship.client.chat(&conversation, &format!("{words} {script}")).await {
            Ok(lines) => {
                ship.ledger.acknowledge(&conversation, &words, Manner::Spoken);
                first = None;
                listen(&ship, lines).await;
            }
            Err(refusal) => refused(&ship, &conversation, &words, Manner::Spoken, &refusal).await,
        }
    }
}

/// What the model is to say and do.
fn script(random: &mut Random) -> String {
    let (pace, tool) = (15 + random.below(25), r#"[[tool: read_file {"path":"chart.txt"}]]"#);
    let words: String = (0..15 + random.below(35)).map(|word| format!("{word} fathoms ")).collect();
    match random.below(3) {
        0 => format!("[[think: hm]] [[pace: {pace}]] [[say: {words}]]"),
        1 => format!("[[pace: {pace}]] [[say: {words}]] {tool} [[step]] [[say: so it is, ü]]"),
        _ => format!("{tool} {tool} [[step]] {tool} [[step]] [[pace: {pace}]] [[say: {words}]]"),
    }
}

/// To the end of a turn, or of its stream.
async fn listen(ship: &Ship, mut lines: Lines) {
    let mut is_text = false;
    while let Ok(Some(frame)) = lines.frame().await {
        let was_text = std::mem::replace(&mut is_text, frame.kind == "text-delta");
        match (was_text, is_text) {
            (false, true) => drop(ship.duty.texts.fetch_add(1, Ordering::SeqCst)),
            (true, false) => drop(ship.duty.texts.fetch_sub(1, Ordering::SeqCst)),
            _ => {}
        }
        if frame.kind == "turn-sealed" {
            ship.duty.turns.fetch_add(1, Ordering::SeqCst);
        }
    }
    if is_text {
        ship.duty.texts.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Messages that wait and messages that steer, for whoever is at it.
async fn interrupt(ship: Ship, conversations: Vec<String>, mut random: Random) {
    while !ship.is_over() {
        tokio::time::sleep(Duration::from_millis(300 + random.below(600))).await;
        let conversation = &conversations[random.below(conversations.len() as u64) as usize];
        let manner = if random.below(2) == 0 { Manner::Steering } else { Manner::Queued };
        send(&ship, conversation, manner).await;
    }
}

/// Sends a message to a conversation that may be busy; whether it was taken.
pub(crate) async fn send(ship: &Ship, conversation: &str, manner: Manner) -> bool {
    let words = ship.ledger.words(conversation);
    let delivery = if manner == Manner::Steering { "steer" } else { "queue" };
    let body = json!({ "text": format!("{words} [[say: aye]]"), "delivery": delivery });
    match ship.client.post(&format!("/conversations/{conversation}/queue"), &body).await {
        Ok(_) => {
            ship.ledger.acknowledge(conversation, &words, manner);
            true
        }
        Err(refusal) => {
            refused(ship, conversation, &words, manner, &refusal).await;
            false
        }
    }
}

/// Notes that the host did not take something, where that is what it said, and waits a little.
async fn refused(ship: &Ship, conversation: &str, words: &str, manner: Manner, refusal: &Refusal) {
    match refusal {
        // Busy, which is nobody's fault.
        Refusal::Answered(409, _) => {}
        Refusal::Answered(..) => ship.ledger.refuse(conversation, words, manner),
        Refusal::Unanswered(_) => drop(ship.whereabouts.known().await),
    }
    tokio::time::sleep(PAUSE).await;
}
