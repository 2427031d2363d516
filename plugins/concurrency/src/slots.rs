//! [`Slots`]: the lines of all providers, and what changes them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use transom_agent::provider::{AnswerEnd, FailureClass, ModelAnswered, SlotRequest};
use transom_plugin_api::{CallError, CallErrorKind, Emitter, Host};

use crate::handover::Released;
use crate::line::{Line, Ticket};
use crate::place::Place;
use crate::terms::{KeptLimit, Terms, is_provider, provider_of};

/// The longest pause that a provider may ask for.
const LONGEST_PAUSE_MS: u64 = 3_600_000;
/// How long nothing is granted where there is a limit, from the first request on, while the generation before has not said
/// which slots it holds. It says so at once; this is for one that cannot.
const SUCCESSION_MS: i64 = 5_000;
/// Tickets of a generation: more than it will ever give out.
const TICKETS: u64 = 1 << 40;

/// Which of several generations decides.
enum Phase {
    /// This one.
    Decides,
    /// This one, as soon as it knows which slots the one before holds.
    Succeeds {
        /// Slots that were given back before they were known here.
        released: BTreeSet<Ticket>,
        /// Until when that is waited for, in milliseconds since the epoch; from the first request on.
        until: Option<i64>,
    },
    /// The next one.
    Replaced,
}

struct State {
    lines: HashMap<String, Line>,
    next_ticket: Ticket,
    phase: Phase,
    /// Providers whose limit was lowered and is not durable yet.
    unwritten: BTreeSet<String>,
}

/// What is the same for all providers.
pub(crate) struct Rules {
    /// From the settings.
    pub(crate) limits: BTreeMap<String, u32>,
    /// From the settings.
    pub(crate) cooldown_ms: u64,
    /// From the settings.
    pub(crate) pause_ms: u64,
}

/// What was said at run time, of one provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) limit: Option<KeptLimit>,
    pub(crate) cooldown_ms: Option<u64>,
}

/// The slots of all providers.
pub(crate) struct Slots {
    state: Mutex<State>,
    rules: Rules,
    host: Host,
    released: Emitter<Released>,
    /// That time has to be looked at anew, or something to be written.
    changed: Notify,
}

impl Slots {
    /// Those of generation `generation`, which is 1 for the first.
    pub(crate) fn new(
        host: Host,
        released: Emitter<Released>,
        rules: Rules,
        said: BTreeMap<String, Said>,
        generation: u64,
    ) -> Arc<Self> {
        let names: BTreeSet<&String> = rules.limits.keys().chain(said.keys()).collect();
        let lines = names.into_iter().map(|name| {
            let said = said.get(name).copied().unwrap_or_default();
            let terms =
                Terms { kept: said.limit, kept_cooldown_ms: said.cooldown_ms, ..rules.terms_of(name) };
            (name.clone(), Line::with(terms))
        });
        let succession = Phase::Succeeds { released: BTreeSet::new(), until: None };
        let state = State {
            lines: lines.collect(),
            next_ticket: generation.saturating_mul(TICKETS),
            phase: if generation > 1 { succession } else { Phase::Decides },
            unwritten: BTreeSet::new(),
        };
        let changed = Notify::new();
        Arc::new(Self { state: Mutex::new(state), rules, host, released, changed })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        self.host.now_ms()
    }

    /// A place in the line of the request's provider; `None` where there is none, because nothing holds requests to it up.
    ///
    /// # Errors
    /// `Retired` when the next generation decides.
    pub(crate) fn enter(self: &Arc<Self>, request: SlotRequest) -> Result<Option<Place>, CallError> {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Replaced) {
            return Err(replaced());
        }
        let provider = provider_of(&request.model);
        if !state.lines.contains_key(provider) {
            return Ok(None);
        }
        let (provider, since, now) = (provider.to_owned(), request.since, self.now());
        let ticket = state.new_ticket();
        state.await_succession(now);
        let told = state.line(&provider, &self.rules).ask(ticket, request);
        state.settle(&provider, now);
        drop(state);
        self.changed.notify_one();
        Ok(Some(Place::new(Arc::clone(self), provider, since, ticket, told)))
    }

    /// A place is left, whatever the way: its request is not made, or is over.
    pub(crate) fn leave(&self, provider: &str, since: i64, ticket: Ticket) {
        let now = self.now();
        let mut state = self.lock();
        let Some(line) = state.lines.get_mut(provider) else { return };
        let held = line.leave(since, ticket, now);
        let is_replaced = matches!(state.phase, Phase::Replaced);
        state.settle(provider, now);
        drop(state);
        if is_replaced && held {
            self.released.emit(&Released { provider: provider.into(), ticket });
        }
        self.changed.notify_one();
    }

    /// A slot that an earlier generation holds was given back.
    pub(crate) fn released(&self, released: &Released) {
        let now = self.now();
        let mut state = self.lock();
        let line = state.lines.get_mut(released.provider.as_str());
        let was_held = line.is_some_and(|line| line.give_back(released.ticket, now));
        if let (false, Phase::Succeeds { released: early, .. }) = (was_held, &mut state.phase) {
            early.insert(released.ticket);
        }
        state.settle(&released.provider, now);
        drop(state);
        self.changed.notify_one();
    }

    /// A request is over: the slot of one that began in an earlier generation is given back, and where the provider had too
    /// much there is a pause.
    pub(crate) fn answered(&self, answer: &ModelAnswered) {
        let (provider, now) = (provider_of(&answer.model), self.now());
        let pause = match &answer.end {
            AnswerEnd::Failed { class: FailureClass::RateLimited, retry_after_ms } => {
                Some(retry_after_ms.into_option().unwrap_or(self.rules.pause_ms).min(LONGEST_PAUSE_MS))
            }
            _ => None,
        };
        let mut state = self.lock();
        if let Some(pause_ms) = pause.filter(|_| is_provider(provider)) {
            state.pause(provider, &self.rules, answer.asked_at, (now, pause_ms));
        } else if !state.lines.contains_key(provider) {
            return;
        }
        state.give_inherited_back(provider, answer, now);
        state.settle(provider, now);
        drop(state);
        self.changed.notify_one();
    }

    /// Grants what may be made now. When to look again, and whose limits are to be written.
    pub(crate) fn look(&self) -> (Option<i64>, Vec<String>) {
        let now = self.now();
        let mut state = self.lock();
        state.end_succession(now);
        let names: Vec<String> = state.lines.keys().cloned().collect();
        for name in &names {
            state.settle(name, now);
        }
        state.lines.retain(|_, line| !line.is_idle());
        let until = if let Phase::Succeeds { until, .. } = state.phase { until } else { None };
        let next = state.lines.values().filter_map(Line::next_change).chain(until).min();
        (next, state.unwritten.iter().cloned().collect())
    }

    /// Waits until there may be something to look at.
    pub(crate) async fn until_changed(&self) {
        self.changed.notified().await;
    }

    /// What was said of a provider at run time.
    pub(crate) fn said(&self, provider: &str) -> Said {
        let state = self.lock();
        state.lines.get(provider).map_or_else(Said::default, |line| Said {
            limit: line.terms.kept,
            cooldown_ms: line.terms.kept_cooldown_ms,
        })
    }

    /// What holds of a provider.
    pub(crate) fn terms(&self, provider: &str) -> Terms {
        let state = self.lock();
        state.lines.get(provider).map_or_else(|| self.rules.terms_of(provider), |line| line.terms)
    }

    /// Something was said of a provider, and is durable.
    pub(crate) fn say(&self, provider: &str, said: Said) {
        let now = self.now();
        let mut state = self.lock();
        let terms = &mut state.line(provider, &self.rules).terms;
        (terms.kept, terms.kept_cooldown_ms) = (said.limit, said.cooldown_ms);
        state.unwritten.remove(provider);
        state.settle(provider, now);
        drop(state);
        self.changed.notify_one();
    }

    /// What was said of a provider is durable, unless it is otherwise by now.
    pub(crate) fn written(&self, provider: &str, written: Said) {
        if self.said(provider) == written {
            self.lock().unwritten.remove(provider);
        }
    }

    /// Looks at every line, by the names of the providers.
    pub(crate) fn each<T>(&self, mut look: impl FnMut(&str, &Line) -> T) -> Vec<T> {
        let state = self.lock();
        let mut lines: Vec<(&String, &Line)> = state.lines.iter().collect();
        lines.sort_by_key(|(name, _)| *name);
        lines.into_iter().map(|(name, line)| look(name, line)).collect()
    }

    /// The next generation decides from now on: who waits is sent there. Whether that is news.
    pub(crate) fn stand_back(&self) -> bool {
        let mut state = self.lock();
        let is_news = !matches!(state.phase, Phase::Replaced);
        state.phase = Phase::Replaced;
        state.lines.values_mut().for_each(Line::send_on);
        is_news
    }

    /// This generation knows which slots the one before holds, and what was said to it.
    pub(crate) fn succeed(&self, inherited: impl IntoIterator<Item = (String, Line)>) {
        let now = self.now();
        let mut state = self.lock();
        if matches!(state.phase, Phase::Replaced) {
            return;
        }
        let released = match std::mem::replace(&mut state.phase, Phase::Decides) {
            Phase::Succeeds { released, .. } => released,
            Phase::Decides | Phase::Replaced => BTreeSet::new(),
        };
        for (provider, mut left) in inherited {
            left.held.retain(|ticket, _| !released.contains(ticket));
            let is_newer = state.unwritten.contains(&provider);
            let line = state.line(&provider, &self.rules);
            if !is_newer {
                (line.terms.kept, line.terms.kept_cooldown_ms) =
                    (left.terms.kept, left.terms.kept_cooldown_ms);
            }
            line.held.append(&mut left.held);
            line.resting.append(&mut left.resting);
            line.paused_since = line.paused_since.max(left.paused_since);
            line.paused_until = line.paused_until.max(left.paused_until);
        }
        let names: Vec<String> = state.lines.keys().cloned().collect();
        names.iter().for_each(|name| state.settle(name, now));
        drop(state);
        self.changed.notify_one();
    }
}

impl Rules {
    /// What the settings say of a provider.
    fn terms_of(&self, provider: &str) -> Terms {
        let set = self.limits.get(provider).copied();
        Terms { set, usual_cooldown_ms: self.cooldown_ms, ..Terms::default() }
    }
}

impl State {
    fn new_ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// The line of a provider, which is there from now on.
    fn line(&mut self, provider: &str, rules: &Rules) -> &mut Line {
        if !self.lines.contains_key(provider) {
            self.lines.insert(provider.to_owned(), Line::with(rules.terms_of(provider)));
        }
        self.lines.get_mut(provider).expect("it was just looked for, and put there")
    }

    fn settle(&mut self, provider: &str, now: i64) {
        let decides = matches!(self.phase, Phase::Decides);
        match self.lines.get_mut(provider) {
            Some(line) if decides || line.terms.limit().is_none() => line.settle(now),
            Some(line) => line.let_time_pass(now),
            None => {}
        }
    }

    fn pause(&mut self, provider: &str, rules: &Rules, asked_at: i64, (now, pause_ms): (i64, u64)) {
        let line = self.line(provider, rules);
        // Those that were under way when the pause began tell the same once more.
        let is_news = asked_at >= line.paused_since;
        line.pause(now, now.saturating_add(i64::try_from(pause_ms).unwrap_or(i64::MAX)));
        if is_news && line.terms.reduce() {
            tracing::warn!(
                "`{provider}` had too many requests: its limit is {} from now on",
                line.terms.limit().unwrap_or_default()
            );
            self.unwritten.insert(provider.to_owned());
        }
    }

    fn give_inherited_back(&mut self, provider: &str, answer: &ModelAnswered, now: i64) {
        let Some(line) = self.lines.get_mut(provider) else { return };
        let is_its = |request: &SlotRequest| {
            request.conversation_id == answer.conversation_id
                && request.model == answer.model
                && request.purpose == answer.purpose
        };
        let mut held = line.held.iter();
        let found = held.find(|(_, held)| held.inherited_until.is_some() && is_its(&held.request));
        if let Some((ticket, _)) = found {
            let ticket = *ticket;
            line.give_back(ticket, now);
        }
    }

    fn await_succession(&mut self, now: i64) {
        if let Phase::Succeeds { until, .. } = &mut self.phase {
            until.get_or_insert(now.saturating_add(SUCCESSION_MS));
        }
    }

    fn end_succession(&mut self, now: i64) {
        if matches!(self.phase, Phase::Succeeds { until: Some(until), .. } if until <= now) {
            tracing::warn!("the generation before did not say which slots it holds; they are not counted");
            self.phase = Phase::Decides;
        }
    }
}

/// What is told to those whom the next generation is to be asked by.
pub(crate) fn replaced() -> CallError {
    CallError::new(CallErrorKind::Retired, "another generation grants requests; ask again")
}
