//! [`Book`]: the conversations that are opted in, what each of them does, and what is due when. A rule: no host, and no clock.
//!
//! Of a conversation at most one timer is armed, each under a token of its own. A turn that begins disarms it, and its end arms the
//! next. While nothing is to be asked, the conversation is looked at from time to time, so that one that was deleted is forgotten.

mod entry;

use std::collections::{BTreeMap, HashMap};

use transom_agent::conversation::{Conversation, Status};
use transom_agent::provider::{AnswerEnd, ModelAnswered, Usage};
use transom_plugin_api::Text;
use transom_plugin_api::sabotage::sabotaged;

pub(crate) use self::entry::Entry;
use self::entry::{Plan, Timer};
use crate::gain::Terms;
use crate::money::{Known, believable, cache_percent, expected_percent, saving};
use crate::record::{Mode, Record};

/// Milliseconds after which a conversation is looked at of which nothing is to be asked.
const LOOK_AGAIN_MS: i64 = 3_600_000;
/// The same, where it could not be looked at.
const TRY_LOOKING_AGAIN_MS: i64 = 60_000;
/// Milliseconds after the first failure; twice as many after each further one.
const AFTER_A_FAILURE_MS: i64 = 5_000;
/// Failures one after the other behind which nothing is asked until a turn has ended.
const MOST_FAILURES: u32 = 8;

/// What is told of a timer that came too late.
const TOO_LATE: &str =
    "the time to ask was missed, and the cache may be gone; it begins again behind the next turn";

/// What an operator has set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) interval_ms: u64,
    pub(crate) terms: Terms,
}

/// What is done when a timer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// The prompt is asked again.
    Warm,
    /// It is looked whether the conversation is still there, and what is known of its model.
    Look,
}

/// A timer that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) conversation_id: Text,
    pub(crate) task: Task,
    /// When it was to come, in milliseconds since the epoch.
    pub(crate) at: i64,
}

/// A prompt that was asked again.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// When, in milliseconds since the epoch.
    pub(crate) at: i64,
    /// When it was to be asked; nothing when somebody wanted it now.
    pub(crate) due_at: Option<i64>,
    pub(crate) model: Text,
    pub(crate) usage: Usage,
    pub(crate) cost_usd: Option<f64>,
    pub(crate) known: Known,
}

/// What is seen of a conversation before it is looked at, to notice what happens meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) model: String,
    pub(crate) mode: Mode,
    changes: u64,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Book {
    rules: Rules,
    entries: HashMap<Text, Entry>,
    timers: BTreeMap<(i64, u64), Text>,
    tokens: u64,
    /// What is to be stored, each as it is now.
    unwritten: BTreeMap<Text, Record>,
}

impl Book {
    pub(crate) fn new(rules: Rules) -> Self {
        let (entries, timers, unwritten) = Default::default();
        Self { rules, entries, timers, tokens: 0, unwritten }
    }

    pub(crate) const fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(crate) fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The newest record of a conversation, where it is not only in the storage.
    pub(crate) fn record(&self, id: &str) -> Option<&Record> {
        self.entries.get(id).map(|entry| &entry.record).or_else(|| self.unwritten.get(id))
    }

    /// When the next timer comes, in milliseconds since the epoch.
    pub(crate) fn next_at(&self) -> Option<i64> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Something that is to be stored.
    pub(crate) fn first_unwritten(&self) -> Option<(Text, Record)> {
        self.unwritten.first_key_value().map(|(id, record)| (id.clone(), record.clone()))
    }

    /// Whether something is to be stored.
    pub(crate) fn is_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Something is stored; what came of it meanwhile is still to be.
    pub(crate) fn written(&mut self, id: &Text, record: &Record) {
        if self.unwritten.get(id) == Some(record) {
            self.unwritten.remove(id);
        }
    }

    /// Takes a conversation in that was opted in before.
    pub(crate) fn restore(&mut self, id: &Text, record: Record, now_ms: i64) {
        if !self.entries.contains_key(id) {
            self.entries.insert(id.clone(), Entry::of(record));
            self.arm(id, now_ms, Task::Look);
        }
    }

    /// Takes over what somebody chose for a conversation, when that is stored. What is armed stays, until it is looked at.
    pub(crate) fn choose(&mut self, id: &Text, chosen: Record) {
        if !chosen.enabled {
            self.forget(id);
            return;
        }
        let Record { mode, interval_ms, .. } = chosen;
        let entry = self.entries.entry(id.clone()).or_insert_with(|| Entry::of(chosen));
        entry.record.mode = mode;
        entry.record.interval_ms = interval_ms;
        entry.begin_anew();
        self.disarm(id);
        self.unwritten.remove(id);
    }

    /// A turn has begun: nothing is asked beside it.
    pub(crate) fn turn_started(&mut self, id: &str) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.start_turn();
            if !sabotaged("leave-timers-alone-in-turns") {
                self.disarm(id);
            }
        }
    }

    /// A turn has asked the prompt.
    pub(crate) fn turn_asked(&mut self, answered: &ModelAnswered, now_ms: i64) {
        let Some(entry) = self.entries.get_mut(&answered.conversation_id) else { return };
        let usage = answered.usage.as_ref().and_then(believable);
        if usage.is_none() && answered.end != (AnswerEnd::Finished {}) {
            return;
        }
        let asked_at = answered.asked_at.min(now_ms);
        if let (Some(usage), Some(prices)) = (&usage, entry.kept_warm_until(&answered.model, asked_at)) {
            entry.record.saved_usd += saving(usage, prices);
        }
        entry.take_turn(&answered.model, asked_at, usage.map(|usage| usage.input_tokens));
    }

    /// A turn has ended: the time until the prompt is asked again counts from its last request.
    pub(crate) fn turn_ended(&mut self, id: &Text, now_ms: i64) {
        let rules = self.rules;
        let Some(entry) = self.entries.get_mut(id) else { return };
        let next_at = entry.end_turn(&rules, now_ms);
        match entry.record.mode {
            Mode::Interval => self.arm(id, next_at, Task::Warm),
            // What is known of the model may be out of date.
            Mode::Gain => self.arm(id, now_ms, Task::Look),
        }
        self.keep(id);
    }

    /// Something else is known about a conversation than before.
    pub(crate) fn changed(&mut self, known: &Conversation, now_ms: i64) {
        let Some(entry) = self.entries.get(&known.id) else { return };
        if entry.record.created_at != known.created_at {
            self.forget(&known.id);
        } else if known.status == Status::Closed {
            self.close(&known.id);
        } else if known.turn.is_some() && !entry.is_active {
            self.turn_started(&known.id);
        } else if known.turn.is_none() && entry.is_active {
            self.turn_ended(&known.id, now_ms);
        } else if entry.waits_for_gain() && entry.is_of_another_model(known) {
            self.arm(&known.id, now_ms, Task::Look);
        }
    }

    /// A summary took the place of what was said: what is in the cache is not what is asked next.
    pub(crate) fn summed_up(&mut self, id: &Text, now_ms: i64) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.record.prompt_tokens = None;
        if entry.waits_for_gain() {
            self.arm(id, now_ms, Task::Look);
        }
    }

    fn close(&mut self, id: &Text) {
        if sabotaged("warm-what-was-closed") {
            return;
        }
        self.disarm(id);
        if let Some(mut entry) = self.entries.remove(id) {
            entry.record.enabled = false;
            self.unwritten.insert(id.clone(), entry.record);
        }
    }

    /// Forgets a conversation that is gone, or not opted in any more.
    pub(crate) fn forget(&mut self, id: &str) {
        self.disarm(id);
        self.entries.remove(id);
        self.unwritten.remove(id);
    }

    /// The timers that have come by now.
    pub(crate) fn take_due(&mut self, now_ms: i64) -> Vec<Due> {
        let mut due = Vec::new();
        while let Some(first) = self.timers.first_entry().filter(|first| first.key().0 <= now_ms) {
            let ((at, token), id) = first.remove_entry();
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let task = match entry.timer {
                Some(timer) if timer.token == token => timer.task,
                _ if sabotaged("fire-superseded-timers") => Task::Warm,
                _ => continue,
            };
            entry.timer = None;
            due.push(Due { conversation_id: id, task, at });
        }
        due
    }

    /// Whether a prompt may be asked again by its timer, as far as the conversation goes now: what was said of it may have been said
    /// to the generation before. Where it is too late, it rests.
    pub(crate) fn may_ask(&mut self, conversation: &Conversation, now_ms: i64) -> bool {
        let id = &conversation.id;
        if !self.is_idle(conversation, now_ms) {
            return false;
        }
        let Some(entry) = self.entries.get_mut(id) else { return false };
        if entry.is_too_late(now_ms) {
            entry.rest(TOO_LATE.to_owned());
            self.arm(id, now_ms.saturating_add(LOOK_AGAIN_MS), Task::Look);
            return false;
        }
        true
    }

    /// Whether a conversation is the one that was opted in, and neither closed nor in a turn; what follows from it otherwise is done.
    fn is_idle(&mut self, conversation: &Conversation, now_ms: i64) -> bool {
        let id = &conversation.id;
        let Some(entry) = self.entries.get(id) else { return false };
        if entry.record.created_at != conversation.created_at {
            self.forget(id);
        } else if conversation.status == Status::Closed && !sabotaged("warm-what-was-closed") {
            self.close(id);
        } else if conversation.turn.is_some() && !sabotaged("leave-timers-alone-in-turns") {
            self.turn_started(id);
            // Its end may have been said already.
            self.arm(id, now_ms.saturating_add(TRY_LOOKING_AGAIN_MS), Task::Look);
        } else {
            return true;
        }
        false
    }

    /// What is seen of a conversation before it is looked at.
    pub(crate) fn seen(&self, id: &str) -> Option<Seen> {
        let entry = self.entries.get(id)?;
        Some(Seen { model: entry.record.model.clone(), mode: entry.record.mode, changes: entry.changes })
    }

    /// A conversation was looked at: what is known of it, and of its model.
    pub(crate) fn looked(&mut self, seen: &Seen, conversation: &Conversation, known: Known, now_ms: i64) {
        let (id, rules) = (&conversation.id, self.rules);
        // What happened meanwhile has armed what there is to arm.
        let is_as_seen = self.entries.get(id).is_some_and(|entry| entry.changes == seen.changes);
        if !is_as_seen || !self.is_idle(conversation, now_ms) {
            return;
        }
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.look(conversation, known);
        let plan = entry.plan(&rules, entry.next_behind(&rules, conversation.last_activity_at, now_ms));
        self.follow(id, plan, now_ms);
    }

    /// A conversation could not be looked at.
    pub(crate) fn looked_in_vain(&mut self, id: &Text, now_ms: i64) {
        if self.entries.get(id).is_some_and(|entry| entry.timer.is_none() && !entry.is_active) {
            self.arm(id, now_ms.saturating_add(TRY_LOOKING_AGAIN_MS), Task::Look);
        }
    }

    /// The prompt was asked again; when it is asked next, where that is known. Nothing comes of it, and the answer is false, when a
    /// turn has begun meanwhile.
    pub(crate) fn asked(&mut self, id: &Text, asked: &Asked, now_ms: i64) -> Option<Option<i64>> {
        let rules = self.rules;
        let Some(entry) = self.entries.get_mut(id) else { return Some(None) };
        if entry.is_active {
            return None;
        }
        let percents = (cache_percent(&asked.usage), expected_percent(&asked.usage));
        let plan = entry.warmed(&rules, asked, percents, now_ms);
        self.follow(id, plan, now_ms);
        self.keep(id);
        Some(self.next_warm_at(id))
    }

    /// When the prompt of a conversation is asked again.
    pub(crate) fn next_warm_at(&self, id: &str) -> Option<i64> {
        let timer = self.entries.get(id)?.timer?;
        (timer.task == Task::Warm).then_some(timer.at)
    }

    /// The prompt could not be asked again: it is tried later, but not without end. Whether it is tried again.
    pub(crate) fn failed(&mut self, id: &Text, why: &str, now_ms: i64) -> bool {
        let Some(entry) = self.entries.get_mut(id) else { return false };
        // One that somebody wanted by hand changes nothing of what is armed.
        if entry.is_active || entry.timer.is_some() {
            return true;
        }
        entry.failures += 1;
        entry.last_error = Some(why.to_owned());
        if sabotaged("give-up-after-a-failure") {
            return false;
        }
        if entry.failures >= MOST_FAILURES {
            entry.rest(format!(
                "{MOST_FAILURES} requests failed one after the other; it begins again behind the next turn"
            ));
            self.arm(id, now_ms.saturating_add(LOOK_AGAIN_MS), Task::Look);
            return false;
        }
        let pause = AFTER_A_FAILURE_MS << (entry.failures - 1);
        self.arm(id, now_ms.saturating_add(pause), Task::Warm);
        true
    }

    fn follow(&mut self, id: &Text, plan: Plan, now_ms: i64) {
        match plan {
            Plan::WarmAt(at) => self.arm(id, at, Task::Warm),
            Plan::Rest => self.arm(id, now_ms.saturating_add(LOOK_AGAIN_MS), Task::Look),
        }
    }

    fn arm(&mut self, id: &Text, at: i64, task: Task) {
        if !sabotaged("fire-superseded-timers") {
            self.disarm(id);
        }
        let Some(entry) = self.entries.get_mut(id) else { return };
        self.tokens += 1;
        entry.timer = Some(Timer { at, token: self.tokens, task });
        self.timers.insert((at, self.tokens), id.clone());
    }

    fn disarm(&mut self, id: &str) {
        let timer = self.entries.get_mut(id).and_then(|entry| entry.timer.take());
        if let Some(timer) = timer {
            self.timers.remove(&(timer.at, timer.token));
        }
    }

    /// Has the record of a conversation stored, as it is now.
    fn keep(&mut self, id: &Text) {
        if let Some(entry) = self.entries.get(id) {
            self.unwritten.insert(id.clone(), entry.record.clone());
        }
    }
}

#[cfg(test)]
mod tests;
