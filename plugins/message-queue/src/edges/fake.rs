//! A world in memory: one conversation's log, an orchestrator that starts a turn when none runs, and a storage.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use transom_agent::conversation::{Conversation, CurrentTurn, Status};
use transom_agent::log::{Located, MessageOf};
use transom_agent::storage::{StorageRead, StorageRow, StorageRows, StorageWrite};
use transom_agent::turn::{EndReason, StartTurn, TurnStarted, TurnState};
use transom_plugin_api::{CallError, CallErrorKind, Json, Maybe, Text};

use super::{Edges, Work};

/// Something that does not go as it should, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// It fails like this, and has no effect.
    Fails(CallErrorKind),
    /// It has its effect, and the answer is lost.
    LosesAnswer(CallErrorKind),
    /// It fails like this, and has its effect some time later. Of starts only.
    ComesLate(CallErrorKind),
    /// It has its effect, and answers when it is [told](Fake::answer) to.
    AnswersWhenTold,
    /// It has its effect, and never answers.
    Hangs,
    /// It has no effect, and never answers.
    HangsBefore,
}

/// What is there.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) rows: BTreeMap<String, Json>,
    /// Id, words and turn of each person's message.
    pub(crate) log: Vec<(Text, Text, Text)>,
    pub(crate) running: Option<Text>,
    pub(crate) is_closed: bool,
    pub(crate) ends: Vec<EndReason>,
    pub(crate) starts: VecDeque<Mishap>,
    pub(crate) writes: VecDeque<Mishap>,
    pub(crate) asked: Vec<StartTurn>,
    /// Whether the orchestrator has claimed the conversation for a turn that is in no log yet.
    pub(crate) is_claimed: bool,
    /// Starts that have not had their effect yet: the next one finds them in its way.
    late: Vec<StartTurn>,
    is_told: Arc<Notify>,
    sleepers: Vec<(Duration, oneshot::Sender<()>)>,
    tasks: Vec<JoinHandle<()>>,
    ids: u64,
    clock: i64,
}

/// The world; it outlives the plugin.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<State>>);

impl Fake {
    pub(crate) fn world(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Everything of the plugin that runs is gone.
    pub(crate) fn crash(&self) {
        let mut world = self.world();
        world.tasks.drain(..).for_each(|task| task.abort());
        world.sleepers.clear();
        world.late.clear();
        (world.starts, world.writes) = Default::default();
    }

    /// What waits to answer does so.
    pub(crate) fn answer(&self) {
        self.world().is_told.notify_one();
    }

    /// Lets those who sleep wake up, and tells how long they wanted to.
    pub(crate) fn wake(&self) -> Vec<Duration> {
        let sleepers = std::mem::take(&mut self.world().sleepers);
        let wake =
            |(duration, sleeper): (Duration, oneshot::Sender<()>)| sleeper.send(()).ok().map(|()| duration);
        sleepers.into_iter().filter_map(wake).collect()
    }
}

impl State {
    /// Somebody begins a turn.
    pub(crate) fn begin(&mut self, message_id: &str, words: &str) -> Text {
        assert_eq!(self.running, None, "one turn at a time");
        self.ids += 1;
        let turn_id = Text::from(format!("turn-{}", self.ids));
        self.log.push((message_id.into(), words.into(), turn_id.clone()));
        (self.running, self.is_closed) = (Some(turn_id.clone()), false);
        turn_id
    }

    /// What is late begins as anything else does: when no turn runs, and the message is not there.
    pub(crate) fn let_the_late_come(&mut self) {
        for start in std::mem::take(&mut self.late) {
            let id = start.message_id.unwrap_or_default();
            if self.running.is_none() && self.log.iter().all(|(other, ..)| *other != id) {
                self.begin(&id, &start.text);
            }
        }
    }

    /// The turn that runs takes more words in.
    pub(crate) fn steer(&mut self, message_id: &str, words: &str) {
        let turn_id = self.running.clone().expect("a turn runs");
        self.log.push((message_id.into(), words.into(), turn_id));
    }

    /// What was said, in order.
    pub(crate) fn said(&self) -> Vec<String> {
        self.log.iter().flat_map(|(_, words, _)| words.split("\n\n").map(str::to_owned)).collect()
    }

    fn conversation(&self) -> Option<Conversation> {
        let turn = self.running.clone().map(|turn_id| CurrentTurn { turn_id, state: TurnState::Running });
        let status = match (&turn, self.is_closed) {
            (Some(_), _) => Status::Active,
            (None, true) => Status::Closed,
            (None, false) => Status::Idle,
        };
        (!self.log.is_empty()).then(|| Conversation {
            status,
            turn: turn.into(),
            ..Conversation::new("c", 0)
        })
    }

    fn write(&mut self, writes: Vec<StorageWrite>) {
        for StorageWrite { key, value } in writes {
            match value {
                Maybe::Some(value) => drop(self.rows.insert(key.into(), value)),
                Maybe::None => drop(self.rows.remove(key.as_str())),
            }
        }
    }
}

/// The outcome of something that may go wrong.
async fn through<T>(mishap: Option<Mishap>, told: &Notify, does: impl FnOnce() -> T) -> Result<T, CallError> {
    match mishap {
        None => Ok(does()),
        Some(Mishap::Fails(kind) | Mishap::ComesLate(kind)) => Err(CallError::new(kind, "it went wrong")),
        Some(Mishap::LosesAnswer(kind)) => {
            does();
            Err(CallError::new(kind, "the answer was lost"))
        }
        Some(Mishap::AnswersWhenTold) => {
            let done = does();
            told.notified().await;
            Ok(done)
        }
        Some(Mishap::HangsBefore) => std::future::pending().await,
        Some(Mishap::Hangs) => {
            does();
            std::future::pending().await
        }
    }
}

impl Edges for Fake {
    fn now_ms(&self) -> i64 {
        self.world().clock += 1;
        self.world().clock
    }

    fn new_id(&self) -> Text {
        self.world().ids += 1;
        format!("id-{}", self.world().ids).into()
    }

    async fn sleep(&self, duration: Duration) {
        let (sender, woken) = oneshot::channel();
        self.world().sleepers.push((duration, sender));
        let _ = woken.await;
    }

    fn spawn(&self, work: Work) {
        let task = tokio::spawn(work);
        let mut world = self.world();
        world.tasks.retain(|task| !task.is_finished());
        world.tasks.push(task);
    }

    async fn started_up(&self) {}

    fn changed(&self, _: &Text) {}

    async fn start(&self, start: StartTurn) -> Result<TurnStarted, CallError> {
        let mishap = {
            let mut world = self.world();
            world.asked.push(start.clone());
            world.let_the_late_come();
            if world.running.is_some() || world.is_claimed {
                return Err(CallError::conflict("a turn runs"));
            }
            let mishap = world.starts.pop_front();
            if let Some(Mishap::ComesLate(_)) = mishap {
                world.late.push(start.clone());
            }
            mishap
        };
        let told = Arc::clone(&self.world().is_told);
        let turn_id = through(mishap, &told, || {
            self.world().begin(start.message_id.as_ref().expect("it has an id"), &start.text)
        });
        let (turn_id, conversation_id) = (turn_id.await?, start.conversation_id);
        Ok(TurnStarted { conversation_id, turn_id, model: "a/one".into(), cwd: "/".into() })
    }

    async fn find(&self, _: &Text) -> Result<Option<Conversation>, CallError> {
        Ok(self.world().conversation())
    }

    async fn last_end(&self, _: &Text) -> Result<Option<EndReason>, CallError> {
        Ok(self.world().ends.last().cloned())
    }

    async fn locate(&self, message: MessageOf) -> Result<Option<Located>, CallError> {
        let world = self.world();
        let found = world.log.iter().find(|(id, ..)| *id == message.message_id);
        Ok(found.map(|(_, _, turn_id)| Located { first_seq: 1, turn_id: turn_id.clone().into() }))
    }

    async fn read(&self, read: StorageRead) -> Result<StorageRows, CallError> {
        let world = self.world();
        let from = read.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows = world
            .rows
            .range::<str, _>((from, Bound::Unbounded))
            .filter(|(key, _)| key.starts_with(read.prefix.as_str()));
        let limit = read.limit.unwrap_or(1_000) as usize;
        let found = rows.by_ref().take(limit);
        let found: Vec<_> =
            found.map(|(key, value)| StorageRow { key: key.into(), value: value.clone() }).collect();
        Ok(StorageRows { rows: found.into(), more: rows.next().is_some() })
    }

    async fn write(&self, writes: Vec<StorageWrite>) -> Result<(), CallError> {
        let mishap = self.world().writes.pop_front();
        let told = Arc::clone(&self.world().is_told);
        through(mishap, &told, || self.world().write(writes)).await
    }
}
