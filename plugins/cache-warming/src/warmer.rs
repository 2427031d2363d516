//! [`Warmer`]: what becomes of the [`Book`]: it waits for timers, asks, stores and tells.

mod keeping;
mod looking;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, oneshot, watch};
use transom_agent::cache::Warmed;
use transom_agent::provider::{ModelAnswered, purpose};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Host, Text};

use crate::book::{Asked, Book, Due, Rules, Task};
use crate::flights::{Aloft, Flights};
use crate::gain::Terms;
use crate::money::{believable, cache_percent, cost, expected_percent};
use crate::request::{self, PURPOSE};
use crate::{CacheWarming, CacheWarmingPorts, surface};

/// Prompts that are asked at the same time; further ones wait.
const AT_ONCE: usize = 8;
/// Conversations that are looked at at the same time.
const LOOKED_AT_AT_ONCE: usize = 8;

/// Keeps prompts warm.
#[derive(Debug)]
pub(crate) struct Warmer {
    pub(crate) ports: CacheWarmingPorts,
    pub(crate) host: Host,
    patience: Duration,
    book: Mutex<Book>,
    flights: Arc<Flights>,
    room: Semaphore,
    looking: Semaphore,
    /// Models of which was told that something is not known.
    told: Mutex<BTreeSet<Text>>,
    /// A timer was armed or disarmed.
    rearmed: Notify,
    /// Something is to be stored.
    unwritten: Notify,
    /// Held by whoever stores something, so that the newest comes last.
    writing: tokio::sync::Mutex<()>,
    /// Whether everything was read that was stored before.
    is_read: watch::Sender<bool>,
    /// Whether the next generation sees to all of it.
    is_leaving: AtomicBool,
}

/// Why nothing came of a request.
enum Unasked {
    /// A turn began, or the time was missed: what is to come of that has been seen to.
    Dropped,
    Failed(CallError),
}

impl From<CallError> for Unasked {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}

impl Warmer {
    pub(crate) fn new(settings: &CacheWarming, ports: CacheWarmingPorts, host: Host) -> Self {
        let terms = Terms {
            chance: settings.chance,
            floor_usd: settings.floor_usd,
            stop_after_ms: i64::from(settings.stop_after_s) * 1_000,
        };
        let rules = Rules { interval_ms: settings.interval_ms, terms };
        Self {
            ports,
            host,
            patience: Duration::from_secs(settings.timeout_s),
            book: Mutex::new(Book::new(rules)),
            flights: Arc::default(),
            room: Semaphore::new(AT_ONCE),
            looking: Semaphore::new(LOOKED_AT_AT_ONCE),
            told: Mutex::default(),
            rearmed: Notify::new(),
            unwritten: Notify::new(),
            writing: tokio::sync::Mutex::default(),
            is_read: watch::Sender::new(false),
            is_leaving: AtomicBool::new(false),
        }
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the book, and wakes who waits for what has changed.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Book, i64) -> T) -> T {
        let now_ms = self.host.now_ms();
        let mut book = self.book();
        let before = book.next_at();
        let output = change(&mut book, now_ms);
        let (is_rearmed, is_unwritten) = (book.next_at() != before, book.is_unwritten());
        drop(book);
        if is_rearmed {
            self.rearmed.notify_one();
        }
        if is_unwritten {
            self.unwritten.notify_one();
        }
        output
    }

    /// Changes what is known of a conversation, and says that its surface shows something else.
    pub(crate) fn change_of<T>(&self, id: &str, change: impl FnOnce(&mut Book, i64) -> T) -> T {
        let output = self.change(change);
        surface::say_change(&self.ports, id);
        output
    }

    /// A turn has begun.
    pub(crate) fn turn_started(&self, id: &str) {
        self.change_of(id, |book, _| book.turn_started(id));
        if !sabotaged("leave-timers-alone-in-turns") {
            self.flights.drop_of(id);
        }
    }

    /// A request to a model is over.
    pub(crate) fn answered(&self, answered: &ModelAnswered) {
        match answered.purpose.as_str() {
            purpose::TURN => {
                self.change_of(&answered.conversation_id, |book, now_ms| book.turn_asked(answered, now_ms))
            }
            PURPOSE => self.flights.answered(answered),
            _ => {}
        }
    }

    /// Leaves everything to the next generation: no timer is seen to any more, and what comes of requests that are under way is not
    /// stored, since the other one may know better.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
        self.rearmed.notify_one();
    }

    fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Acquire)
    }

    /// Sees to timers, until the next generation does.
    pub(crate) async fn run(self: Arc<Self>) {
        while !self.is_leaving() {
            let next_at = self.book().next_at();
            let left_ms = next_at.map(|at| at.saturating_sub(self.host.now_ms()));
            match left_ms.map(u64::try_from) {
                // In the past, or now.
                Some(Err(_) | Ok(0)) => self.set_off(),
                Some(Ok(left_ms)) => tokio::select! {
                    biased;
                    () = self.rearmed.notified() => {}
                    () = self.host.sleep(Duration::from_millis(left_ms)) => {}
                },
                None => self.rearmed.notified().await,
            }
        }
    }

    fn set_off(self: &Arc<Self>) {
        let due = self.book().take_due(self.host.now_ms());
        for due in due {
            match due.task {
                // One that is under way arms the next timer itself.
                Task::Warm => drop(self.begin(&due.conversation_id.clone(), Some(due))),
                Task::Look => self.look_in_the_background(due.conversation_id),
            }
        }
    }

    /// Asks the prompt of a conversation now, whether it is opted in or not.
    ///
    /// # Errors
    /// See [`WARM`](transom_agent::cache::WARM).
    pub(crate) async fn warm(self: &Arc<Self>, id: &Text) -> Result<Warmed, CallError> {
        let outcome = self.begin(id, None)?;
        outcome.await.unwrap_or_else(|_| Err(CallError::unavailable("the host is stopping")))
    }

    fn begin(
        self: &Arc<Self>,
        id: &Text,
        due: Option<Due>,
    ) -> Result<oneshot::Receiver<Result<Warmed, CallError>>, CallError> {
        let aloft = self.flights.begin(id)?;
        let ((tell, told), warmer, id) = (oneshot::channel(), Arc::clone(self), id.clone());
        self.host.spawn(async move {
            let asked = tokio::select! {
                biased;
                () = aloft.until_dropped() => Err(Unasked::Dropped),
                asked = warmer.ask(&id, due.as_ref(), &aloft) => asked,
            };
            let outcome = warmer.end(&id, asked, due.is_none());
            drop(aloft);
            if let Ok(warmed) = &outcome {
                warmer.ports.warmed.emit(warmed);
            }
            // Who asked may have gone away.
            let _ = tell.send(outcome);
        });
        Ok(told)
    }

    async fn ask(&self, id: &Text, due: Option<&Due>, aloft: &Aloft) -> Result<Asked, Unasked> {
        let _room = self.room.acquire().await.map_err(CallError::unavailable)?;
        if due.is_some() {
            let conversation = self.find(id).await?;
            if !self.change(|book, now_ms| book.may_ask(&conversation, now_ms)) {
                return Err(Unasked::Dropped);
            }
        }
        let now_ms = self.host.now_ms();
        let answer = request::ask(&self.ports, &self.host, id);
        let usage = self.within_patience(answer).await?;
        let told = aloft.told();
        let known_model = || self.book().record(id).map(|record| record.model.as_str().into());
        let model = told.model.or_else(known_model).unwrap_or_default();
        let known = self.known(&model).await;
        let usage = usage.unwrap_or_default();
        let cost_usd = believable(&usage).and_then(|usage| Some(cost(&usage, known.prices.as_ref()?)));
        let at = told.asked_at.unwrap_or(now_ms).clamp(now_ms, self.host.now_ms().max(now_ms));
        Ok(Asked { at, due_at: due.map(|due| due.at), model, usage, cost_usd, known })
    }

    async fn within_patience<T>(
        &self,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        if sabotaged("wait-for-ever") {
            return answer.await;
        }
        self.host.within(self.patience, answer).await.unwrap_or_else(|| {
            let seconds = self.patience.as_secs();
            Err(CallError::unavailable(format!("the model has not answered within {seconds} s")))
        })
    }

    /// Sees to what comes behind a request: first the next time, then who wants to know.
    fn end(&self, id: &Text, asked: Result<Asked, Unasked>, by_hand: bool) -> Result<Warmed, CallError> {
        let is_leaving = self.is_leaving();
        let dropped = || CallError::conflict(format!("a turn of conversation `{id}` has begun"));
        match asked {
            Ok(asked) if is_leaving => Ok(warmed(id, asked, by_hand, None)),
            Ok(asked) => {
                let next_at =
                    self.change_of(id, |book, now_ms| book.asked(id, &asked, now_ms)).ok_or_else(dropped)?;
                Ok(warmed(id, asked, by_hand, next_at))
            }
            Err(Unasked::Dropped) => Err(dropped()),
            Err(Unasked::Failed(error)) => {
                if !is_leaving {
                    self.fail(id, &error);
                }
                Err(error)
            }
        }
    }

    fn fail(&self, id: &Text, error: &CallError) {
        if error.kind == CallErrorKind::NotFound {
            return self.change_of(id, |book, _| book.forget(id));
        }
        let is_opted_in = self.book().entry(id).is_some();
        let is_tried_again = self.change_of(id, |book, now_ms| book.failed(id, &error.message, now_ms));
        if is_opted_in {
            let then =
                if is_tried_again { "it is tried again" } else { "it is tried again behind the next turn" };
            tracing::warn!("the prompt of conversation `{id}` could not be asked again: {error}; {then}");
        }
    }
}

fn warmed(id: &Text, asked: Asked, by_hand: bool, next_at: Option<i64>) -> Warmed {
    Warmed {
        conversation_id: id.clone(),
        at: asked.at,
        model: asked.model,
        cache_pct: cache_percent(&asked.usage),
        expected_cache_rate: expected_percent(&asked.usage),
        usage: asked.usage,
        cost_usd: asked.cost_usd.into(),
        by_hand,
        next_at: next_at.into(),
    }
}
