//! [`Entry`]: one conversation that is opted in.

use transom_agent::conversation::Conversation;
use transom_agent::provider::Prices;
use transom_plugin_api::sabotage::sabotaged;

use super::{Asked, Rules, Task};
use crate::gain::{Case, Why};
use crate::money::{Known, believable};
use crate::record::{Mode, Record};

/// A timer that is armed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    pub(super) at: i64,
    pub(super) token: u64,
    pub(super) task: Task,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// The prompt is asked then, in milliseconds since the epoch.
    WarmAt(i64),
    /// Nothing is asked for now.
    Rest,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) record: Record,
    /// Whether a turn runs or waits for a person.
    pub(crate) is_active: bool,
    /// Why nothing is asked, though it is opted in: in words.
    pub(crate) off: Option<String>,
    /// What failed last, until something succeeds.
    pub(crate) last_error: Option<String>,
    pub(super) failures: u32,
    pub(super) timer: Option<Timer>,
    /// Counts what changes what a look may find.
    pub(super) changes: u64,
    /// Whether nothing is asked until a turn has ended.
    rests: bool,
    /// Whether the turn that runs, or ran last, has asked the prompt.
    asked_in_turn: bool,
    /// What is known of the record's model.
    known: Known,
}

impl Entry {
    pub(super) fn of(record: Record) -> Self {
        Self {
            record,
            is_active: false,
            off: None,
            last_error: None,
            failures: 0,
            timer: None,
            changes: 0,
            rests: false,
            asked_in_turn: false,
            known: Known::default(),
        }
    }

    /// Nothing that went wrong counts any more.
    pub(super) fn begin_anew(&mut self) {
        (self.rests, self.failures, self.off, self.last_error) = (false, 0, None, None);
        self.changes += 1;
    }

    pub(super) fn start_turn(&mut self) {
        (self.is_active, self.asked_in_turn) = (true, false);
        self.changes += 1;
    }

    pub(super) fn take_turn(&mut self, model: &str, asked_at: i64, prompt_tokens: Option<u64>) {
        if self.record.model != model {
            self.record.model = model.to_owned();
            self.known = Known::default();
        }
        self.record.prompt_tokens = prompt_tokens;
        self.record.last_request_at = Some(asked_at);
        self.record.last_turn_at = Some(asked_at);
        self.asked_in_turn = true;
    }

    /// Answers when the prompt is to be asked again, where that goes by an interval.
    pub(super) fn end_turn(&mut self, rules: &Rules, now_ms: i64) -> i64 {
        self.is_active = false;
        self.begin_anew();
        let interval = self.record.interval_ms(rules.interval_ms);
        match self.record.last_request_at.filter(|_| self.asked_in_turn) {
            Some(asked_at) => asked_at.saturating_add(interval).max(now_ms),
            None => self.next_behind(rules, now_ms, now_ms),
        }
    }

    /// The next time that lies a number of intervals behind the last request, or behind what happened in the conversation last. What
    /// was to be asked while nobody could is not made up for.
    pub(super) fn next_behind(&self, rules: &Rules, last_activity_at: i64, now_ms: i64) -> i64 {
        let interval = self.record.interval_ms(rules.interval_ms);
        let began = self.record.last_request_at.unwrap_or(last_activity_at).max(last_activity_at).min(now_ms);
        let passed = now_ms.saturating_sub(began) / interval;
        began.saturating_add((passed + 1).saturating_mul(interval))
    }

    /// The prices by which a request of a turn is reckoned that found in the cache what would not have been there any more.
    pub(super) fn kept_warm_until(&self, model: &str, asked_at: i64) -> Option<&Prices> {
        let Record { last_turn_at, last_warm_at, .. } = self.record;
        let (last_turn_at, lifetime_ms) = (last_turn_at?, self.known.lifetime_ms?);
        let was_warmed = last_warm_at.is_some_and(|at| at > last_turn_at);
        let would_be_gone = asked_at > last_turn_at.saturating_add(lifetime_ms);
        let is_its = self.record.model == model;
        self.known.prices.as_ref().filter(|_| was_warmed && would_be_gone && is_its)
    }

    /// Takes in what a look has found, which is no turn.
    pub(super) fn look(&mut self, conversation: &Conversation, known: Known) {
        self.is_active = false;
        if self.is_of_another_model(conversation) {
            // What is in the cache is the other one's.
            self.record.model = conversation.model.clone().unwrap_or_default().into();
            self.record.prompt_tokens = None;
        }
        self.known = known;
    }

    pub(super) fn is_of_another_model(&self, conversation: &Conversation) -> bool {
        conversation.model.as_ref().is_some_and(|chosen| *chosen != self.record.model.as_str())
    }

    /// Whether a timer is armed that goes by the rule of gain.
    pub(super) fn waits_for_gain(&self) -> bool {
        self.record.mode == Mode::Gain && self.timer.is_some_and(|timer| timer.task == Task::Warm)
    }

    /// What comes next, and at `next_at` where that goes by an interval.
    pub(super) fn plan(&mut self, rules: &Rules, next_at: i64) -> Plan {
        if self.rests {
            return Plan::Rest;
        }
        if self.record.mode == Mode::Interval {
            self.off = None;
            return Plan::WarmAt(next_at);
        }
        let next = self.case().next_at(&rules.terms);
        match next {
            Ok(at) => {
                self.off = None;
                Plan::WarmAt(at)
            }
            Err(Why::Unknown(why) | Why::Rests(why)) => {
                self.off = Some(why);
                Plan::Rest
            }
        }
    }

    fn case(&self) -> Case<'_> {
        Case {
            model: &self.record.model,
            known: &self.known,
            prompt_tokens: self.record.prompt_tokens,
            last_request_at: self.record.last_request_at,
            last_turn_at: self.record.last_turn_at,
        }
    }

    pub(super) fn is_too_late(&self, now_ms: i64) -> bool {
        self.record.mode == Mode::Gain && self.case().is_too_late(now_ms)
    }

    pub(super) fn rest(&mut self, why: String) {
        self.rests = true;
        self.off = Some(why);
    }

    /// Takes in a request that kept the prompt warm.
    pub(super) fn warmed(
        &mut self,
        rules: &Rules,
        asked: &Asked,
        (percent, expected): (u8, u8),
        now_ms: i64,
    ) -> Plan {
        self.begin_anew();
        let record = &mut self.record;
        record.last_warm_at = Some(asked.at);
        record.last_request_at = Some(asked.at);
        (record.last_percent, record.last_expected_percent) = (Some(percent), Some(expected));
        record.spent_usd += asked.cost_usd.unwrap_or(0.0);
        if let Some(usage) = believable(&asked.usage) {
            record.prompt_tokens = Some(usage.input_tokens);
        }
        if record.model.is_empty() || *asked.model == *record.model {
            record.model = asked.model.to_string();
            self.known = asked.known.clone();
        }
        let next_at = next_on_time(asked, record.interval_ms(rules.interval_ms), now_ms);
        self.plan(rules, next_at)
    }
}

/// The time behind a request, by an interval. It counts from when the request was to be made, so that small delays do not add up;
/// behind a long one it counts from then.
fn next_on_time(asked: &Asked, interval: i64, now_ms: i64) -> i64 {
    let delayed = |due: &i64| asked.at.saturating_sub(*due);
    let due_at = asked.due_at.filter(|due| (0..=interval / 10).contains(&delayed(due)));
    let began = if sabotaged("drift-between-warms") { now_ms } else { due_at.unwrap_or(asked.at) };
    began.saturating_add(interval).max(now_ms)
}
