//! Whatever happens in whatever order: what is known about a conversation is what follows from its log, after every step.
//!
//! `TRANSOM_CAMPAIGN` says how many sequences of steps, `TRANSOM_SEED` which ones.

use std::collections::HashMap;
use std::sync::Mutex;

use transom_agent::conversation::Status;
use transom_agent::turn::EndReason;
use transom_plugin_api::Text;

use super::scripts::*;
use super::summing_up::summary;
use super::surviving::crash;
use super::*;

const SEQUENCES: u64 = 1_000;
const STEPS: u64 = 10;

/// Sequences that share a file, so that making files is not what takes the time.
const SHARING: u64 = 100;

pub(super) fn from_environment(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// SplitMix64.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}

/// What a test may expect of a conversation without looking.
#[derive(Default)]
struct Expected {
    turns: u64,
    running: Option<String>,
    messages: u64,
}

struct World {
    folder: TempDir,
    store: Store,
    scratch: Arc<Mutex<Scratch>>,
    chance: Chance,
    conversations: HashMap<String, Expected>,
}

impl World {
    fn new(seed: u64) -> Self {
        let folder = folder();
        let store = open(folder.path());
        let scratch = Arc::new(Mutex::new(Scratch::new().expect("made")));
        Self { folder, store, scratch, chance: Chance(seed), conversations: HashMap::new() }
    }

    /// One step of a conversation. Refusals are expected of some; anything but a refusal is not.
    async fn step(&mut self, id: &str) {
        let outcome = match self.chance.below(18) {
            0..=2 => self.begin(id).await,
            3..=4 => self.say(id).await,
            5..=6 => self.draft(id).await,
            7 => self.ask(id).await,
            8 => self.answer(id).await,
            9..=10 => self.end(id).await,
            11 => self.choose(id).await,
            12 => self.fork(id).await,
            13 => self.delete(id).await,
            14..=15 => self.sum_up(id).await,
            16 => self.go_on(id).await,
            _ => self.repair().await,
        };
        if let Err(error) = outcome {
            use transom_plugin_api::CallErrorKind::{Conflict, InvalidInput, NotFound};
            assert!(matches!(error.kind, Conflict | InvalidInput | NotFound), "{error:?}");
        }
    }

    async fn next_position(&mut self, id: &str) -> i64 {
        // Now and then one that is taken, or one that leaves a gap.
        let stray = self.chance.one_of(&[1, 1, 1, 1, 1, 1, 0, 2]);
        self.store.find(id).await.map_or(0, |known| known.latest_position) + stray
    }

    fn running(&mut self, id: &str) -> String {
        let expected = self.conversations.entry(id.to_owned()).or_default();
        expected.running.clone().unwrap_or_else(|| "none".to_owned())
    }

    fn message(&mut self, id: &str) -> String {
        let expected = self.conversations.entry(id.to_owned()).or_default();
        // Some ids come again, with other content.
        let again = self.chance.below(12) == 0;
        expected.messages += u64::from(!again);
        format!("m{}", expected.messages)
    }

    async fn begin(&mut self, id: &str) -> Result<(), CallError> {
        let position = self.next_position(id).await;
        let expected = self.conversations.entry(id.to_owned()).or_default();
        expected.turns += 1;
        let turn = format!("t{}", expected.turns);
        let append = beginning(id, &turn, position);
        let answered = self.store.append(append.clone()).await?;
        if self.chance.below(4) == 0 {
            assert_eq!(
                self.store.append(append).await.as_ref(),
                Ok(&answered),
                "a retry is answered the same"
            );
        }
        self.conversations.entry(id.to_owned()).or_default().running = Some(turn);
        Ok(())
    }

    async fn say(&mut self, id: &str) -> Result<(), CallError> {
        let (position, turn, message) = (self.next_position(id).await, self.running(id), self.message(id));
        let name = |what: &str| format!("{message}-{what}");
        let said = entry(&message, Role::Assistant, &turn, position, [text("so"), call("1"), call("2")]);
        let results = [("2", position + 4), ("1", position + 3)];
        let results = results.map(|(id, at)| entry(&name(id), Role::Tool, &turn, at, [result(id)]));
        let fact = entry(&name("fact"), Role::System, &turn, position + 5, [usage(&name("step"), 7)]);
        let mut append = of_entries(id, std::iter::once(said).chain(results).chain([fact]));
        if self.chance.below(3) == 0 {
            append.entries.iter_mut().for_each(|entry| entry.positions.clear());
        }
        self.store.append(append).await.map(|_| ())
    }

    async fn draft(&mut self, id: &str) -> Result<(), CallError> {
        let (position, turn, message) = (self.next_position(id).await, self.running(id), self.message(id));
        let bytes = self.chance.below(6);
        let pieces = [
            piece(&message, Role::Assistant, position, 0, text(&"x".repeat(bytes as usize))),
            piece(&message, Role::Assistant, position, bytes, text("more")),
            piece(&message, Role::Assistant, position + 1, 0, call("9")),
            piece(&format!("{message}-fact"), Role::System, position + 2, 0, usage("s", 3)),
        ];
        let kept = self.chance.below(5) as usize;
        self.store.draft(draft(id, &turn, pieces.into_iter().take(kept))).await.map(|_| ())
    }

    async fn ask(&mut self, id: &str) -> Result<(), CallError> {
        let (position, turn, message) = (self.next_position(id).await, self.running(id), self.message(id));
        let asked = entry(&message, Role::System, &turn, position, [question("1"), question("2")]);
        self.store.append(of_entries(id, [asked])).await.map(|_| ())
    }

    async fn answer(&mut self, id: &str) -> Result<(), CallError> {
        let (position, turn, message) = (self.next_position(id).await, self.running(id), self.message(id));
        let question = self.chance.one_of(&["1", "2", "3"]);
        let answered = entry(&message, Role::System, &turn, position, [answer(question)]);
        self.store.append(of_entries(id, [answered])).await.map(|_| ())
    }

    async fn go_on(&mut self, id: &str) -> Result<(), CallError> {
        let (position, turn, message) = (self.next_position(id).await, self.running(id), self.message(id));
        let gone_on = entry(&message, Role::System, &turn, position, [gone_on("t#0")]);
        self.store.append(of_entries(id, [gone_on])).await.map(|_| ())
    }

    async fn end(&mut self, id: &str) -> Result<(), CallError> {
        let (position, turn) = (self.next_position(id).await, self.running(id));
        let reason = self.chance.one_of(&[0, 1]);
        let reason = if reason == 0 { EndReason::Stop } else { EndReason::Aborted };
        self.store.append(ending(id, &turn, position, reason)).await?;
        self.conversations.entry(id.to_owned()).or_default().running = None;
        Ok(())
    }

    async fn choose(&mut self, id: &str) -> Result<(), CallError> {
        let status = match self.chance.below(3) {
            0 => Maybe::None,
            1 => Maybe::Some(Status::Idle),
            _ => Maybe::Some(Status::Closed),
        };
        let mut text = |choices: &[&'static str]| match self.chance.below(2) {
            0 => Maybe::None,
            _ => Maybe::Some(Text::from(self.chance.one_of(choices))),
        };
        let (title, cwd) = (text(&["", "a", "b"]), text(&["", "/a", "/b", "c"]));
        let workspace_id = text(&["", "w", "v"]);
        let change =
            |update: &mut Update| *update = Update { status, title, cwd, workspace_id, ..update.clone() };
        self.store.update(update(id, change)).await.map(|_| ())
    }

    async fn fork(&mut self, id: &str) -> Result<(), CallError> {
        let latest = self.store.find(id).await?.latest_seq;
        let at_seq = match self.chance.below(3) {
            0 => Maybe::Some(self.chance.below(latest.unsigned_abs() + 2) as i64),
            _ => Maybe::None,
        };
        let to: Text = format!("{id}-copy").into();
        self.store.fork(Fork { from: id.into(), to, at_seq }).await.map(|_| ())
    }

    /// Keeps what comes from any message on, or from none.
    async fn sum_up(&mut self, id: &str) -> Result<(), CallError> {
        let (message, log) = (self.message(id), self.store.read(everything(id)).await?.chunks);
        let ids: Vec<&str> = log.iter().map(|stored| stored.message_id.as_str()).chain(["nobody"]).collect();
        let mut append = summary(&format!("summary/{message}"), self.chance.one_of(&ids));
        append.conversation_id = id.into();
        self.store.append(append).await?;
        let history = self.store.history(history_of(id)).await?.messages;
        let begins = history.first().is_some_and(|first| first.id.starts_with("summary/"));
        assert!(begins && history.get(1).is_none_or(|second| second.role != Role::Tool), "{history:?}");
        Ok(())
    }

    async fn delete(&mut self, id: &str) -> Result<(), CallError> {
        if self.store.delete(id).await?.deleted {
            self.conversations.remove(id);
        }
        Ok(())
    }

    /// The host crashes and starts again, or only asks what it has lost.
    async fn repair(&mut self) -> Result<(), CallError> {
        if self.chance.below(4) == 0 {
            let crashed = crash(self.folder.path(), None);
            self.store = open(crashed.path());
            self.folder = crashed;
        }
        let repaired = self.store.repair(Repair::default()).await?;
        for lost in repaired.lost {
            let id = lost.conversation.id.as_str();
            self.conversations.entry(id.to_owned()).or_default().running = None;
        }
        Ok(())
    }

    async fn assert_well(&self, ids: &[&str], seed: u64) {
        for id in ids {
            let id = (*id).to_owned();
            let scratch = self.scratch.clone();
            let look = move |connection: &_| match conversations::find(connection, &id)? {
                Some(known) => doctor::examine(connection, &scratch.lock().expect("whole"), &known),
                None => Ok(Vec::new()),
            };
            let faults = self.store.readers.read(look).await.expect("examined");
            assert!(faults.is_empty(), "{faults:?}; the sequence of TRANSOM_SEED={seed} TRANSOM_CAMPAIGN=1");
        }
    }
}

#[tokio::test]
async fn what_is_known_follows_from_the_log_after_every_step() {
    let (first, sequences) =
        (from_environment("TRANSOM_SEED", 1), from_environment("TRANSOM_CAMPAIGN", SEQUENCES));
    let mut world = World::new(first);
    for number in 0..sequences {
        let seed = first + number;
        if number % SHARING == 0 {
            world = World::new(seed);
        }
        world.chance = Chance(seed);
        let id = format!("c{number}");
        for _ in 0..STEPS {
            world.step(&id).await;
            world.assert_well(&[&id], seed).await;
        }
        world.repair().await.expect("repaired");
        world.assert_well(&[&id, &format!("{id}-copy")], seed).await;
    }
    assert_well(&world.store).await;
}

#[tokio::test]
async fn however_entries_are_split_into_appends_the_log_is_the_same() {
    let folder = folder();
    let store = open_at(folder.path(), 1);
    let entries: Vec<_> =
        [beginning("c", "t", 1), ending("c", "t", 3, EndReason::Stop), beginning("c", "u", 6)]
            .into_iter()
            .flat_map(|append| append.entries)
            .collect();
    let mut logs = Vec::new();
    for split in 0_u32..1 << entries.len() {
        let id = format!("split-{split}");
        let mut pending = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            pending.push(entry.clone());
            if split & (1 << index) != 0 || index + 1 == entries.len() {
                store.append(of_entries(&id, pending.drain(..))).await.expect("appended");
            }
        }
        let known = Conversation { id: "any".into(), ..store.find(&id).await.expect("is there") };
        let history = store.history(history_of(&id)).await.expect("loads");
        logs.push((chunks(&store, &id).await, known, history.messages.to_vec()));
    }
    assert!(logs.iter().all(|log| log == &logs[0]));
    assert_well(&store).await;
}
