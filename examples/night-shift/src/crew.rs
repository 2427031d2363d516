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

/// Asks for the tool that takes its time, again and again.
const WATCH: &str = "[[tool: keep_watch {}]] [[step]] [[tool: keep_watch {}]] [[step]] [[say: All clear.]]";

/// What somebody has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Something else each time.
    Talk,
    /// A story so long that the host is killed in the middle of it.
    Story,
    /// Calls of a tool that takes its time, so that the host is killed while one is under way.
    Watch,
    /// About the hatch at first, then something else each time.
    Hatch,
}

/// Words of the story, each a piece of its own of some 50 bytes.
const STORY_WORDS: usize = 640;

/// Everybody who speaks.
#[derive(Debug)]
pub(crate) struct Crew {
    hands: JoinSet<()>,
    ship: Ship,
}

impl Crew {
    /// Begins to speak in all of them: the first one tells a story, the second one keeps
    /// watch, the last one asks about the hatch.
    pub(crate) fn muster(ship: &Ship, conversations: &[String], random: &mut Random) -> Self {
        let mut hands = JoinSet::new();
        ship.duty.is_over.store(false, Ordering::SeqCst);
        for (number, conversation) in conversations.iter().enumerate() {
            let part = match number {
                0 => Part::Story,
                1 => Part::Watch,
                _ if number + 1 == conversations.len() => Part::Hatch,
                _ => Part::Talk,
            };
            hands.spawn(speak(ship.clone(), conversation.clone(), random.branch(), part));
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
async fn speak(ship: Ship, conversation: String, mut random: Random, mut part: Part) {
    while !ship.is_over() {
        let words = ship.ledger.words(&conversation);
        let is_story_time = ship.duty.is_story_time.load(Ordering::SeqCst);
        let script = match part {
            Part::Story if is_story_time => story(),
            Part::Watch if is_story_time => WATCH.to_owned(),
            Part::Hatch => HATCH.to_owned(),
            Part::Talk | Part::Story | Part::Watch => script(&mut random),
        };
        match ship.client.chat(&conversation, &format!("{words} {script}")).await {
            Ok(lines) => {
                ship.ledger.acknowledge(&conversation, &words, Manner::Spoken);
                listen(&ship, lines, part == Part::Story && is_story_time).await;
                // Asked once.
                part = if part == Part::Hatch { Part::Talk } else { part };
            }
            Err(refusal) => refused(&ship, &conversation, &words, Manner::Spoken, &refusal).await,
        }
    }
}

fn story() -> String {
    let words: String = (0..STORY_WORDS).map(|word| format!("{word}-{} ", "fathoms-".repeat(6))).collect();
    format!("[[pace: 5]] [[say: {words}]]")
}

/// What the model is to say and do.
fn script(random: &mut Random) -> String {
    let (pace, tool) = (10 + random.below(20), r#"[[tool: read_file {"path":"chart.txt"}]]"#);
    let words: String = (0..10 + random.below(30)).map(|word| format!("{word} fathoms ")).collect();
    match random.below(3) {
        0 => format!("[[think: hm]] [[pace: {pace}]] [[say: {words}]]"),
        1 => format!("[[pace: {pace}]] [[say: {words}]] {tool} [[step]] [[say: so it is, ü]]"),
        _ => format!("{tool} {tool} [[step]] {tool} [[step]] [[pace: {pace}]] [[say: {words}]]"),
    }
}

/// To the end of a turn, or of its stream.
async fn listen(ship: &Ship, mut lines: Lines, is_story: bool) {
    while let Ok(Some(frame)) = lines.frame().await {
        if is_story {
            let told = if frame.kind == "text-delta" { frame.end().offset } else { 0 };
            ship.duty.story.store(told, Ordering::SeqCst);
        }
        if frame.kind == "turn-sealed" {
            ship.duty.turns.fetch_add(1, Ordering::SeqCst);
        }
    }
    if is_story {
        ship.duty.story.store(0, Ordering::SeqCst);
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
