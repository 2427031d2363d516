//! [`Line`]: the requests to one provider that run, that wait, and the rule by which one of them may be made.

use std::collections::BTreeMap;

use tokio::sync::watch;
use transom_agent::provider::SlotRequest;
use transom_plugin_api::sabotage::sabotaged;

use crate::terms::Terms;

/// A number that no other request of this plugin has, in whatever generation; later ones have greater numbers.
pub(crate) type Ticket = u64;

/// How long one waits before one tells again how it stands.
pub(crate) const TELL_AGAIN_MS: i64 = 100;

/// How it stands with a request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It waits behind so many, and nothing is made at all until then.
    Queued { ahead: u32, paused_until: Option<i64> },
    /// It may be made.
    Granted,
    /// Another generation of this plugin decides.
    Replaced,
}

/// A request that waits, and who is told how it stands.
struct Waiting {
    request: SlotRequest,
    standing: watch::Sender<Standing>,
}

/// A request that may be made, until its slot is given back.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// What was asked for.
    pub(crate) request: SlotRequest,
    /// Milliseconds since the epoch.
    pub(crate) granted_at: i64,
    /// When it is let go at the latest, in milliseconds since the epoch, where an earlier generation holds its stream.
    pub(crate) inherited_until: Option<i64>,
}

/// One provider's. Times are milliseconds since the epoch.
#[derive(Default)]
pub(crate) struct Line {
    /// How many may run, and how long a slot rests.
    pub(crate) terms: Terms,
    /// Begins with the pause that began last.
    pub(crate) paused_since: i64,
    /// Until when no request is made.
    pub(crate) paused_until: Option<i64>,
    /// Slots that are held.
    pub(crate) held: BTreeMap<Ticket, Held>,
    /// Until when slots that were given back rest. They count as in use.
    pub(crate) resting: Vec<i64>,
    /// Those that wait: who has waited longest first, then who came first.
    waiting: BTreeMap<(i64, Ticket), Waiting>,
    /// When everybody was told how it stands.
    told_at: i64,
    /// Whether it stands otherwise by now.
    is_stale: bool,
}

impl Line {
    /// One in which nobody stands.
    pub(crate) fn with(terms: Terms) -> Self {
        Self { terms, ..Self::default() }
    }

    /// Puts a request into the line; [`settle`](Self::settle) grants it.
    pub(crate) fn ask(&mut self, ticket: Ticket, request: SlotRequest) -> watch::Receiver<Standing> {
        let key = (request.since, ticket);
        let is_last = self.waiting.last_key_value().is_none_or(|(last, _)| *last < key);
        let place = if is_last { self.waiting.len() } else { self.waiting.range(..key).count() };
        let (standing, told) = watch::channel(self.standing_at(place));
        self.waiting.insert(key, Waiting { request, standing });
        self.is_stale |= !is_last;
        told
    }

    /// A request is given up, or its slot given back. Whether its slot was held.
    pub(crate) fn leave(&mut self, since: i64, ticket: Ticket, now: i64) -> bool {
        if self.waiting.remove(&(since, ticket)).is_some() {
            self.is_stale = true;
            return false;
        }
        self.give_back(ticket, now)
    }

    /// A slot is given back; whether it was held.
    pub(crate) fn give_back(&mut self, ticket: Ticket, now: i64) -> bool {
        if sabotaged("leak-a-permit") || self.held.remove(&ticket).is_none() {
            return false;
        }
        let rest = i64::try_from(self.terms.cooldown_ms()).unwrap_or(i64::MAX);
        if self.terms.limit().is_some() && rest > 0 {
            self.resting.push(now.saturating_add(rest));
        }
        true
    }

    /// No request is made from now on until then, or later if that was so already.
    pub(crate) fn pause(&mut self, now: i64, until: i64) {
        if sabotaged("forget-the-pause") {
            return;
        }
        self.paused_since = now;
        self.paused_until = self.paused_until.max(Some(until));
        self.is_stale = true;
    }

    /// Grants what may be made now, and tells the others how it stands.
    pub(crate) fn settle(&mut self, now: i64) {
        self.forget_what_is_over(now);
        while self.paused_until.is_none() && self.has_room() && self.grant_next(now) {
            self.is_stale = true;
        }
        self.tell(now);
    }

    /// As [`settle`](Self::settle), but grants nothing.
    pub(crate) fn let_time_pass(&mut self, now: i64) {
        self.forget_what_is_over(now);
        self.tell(now);
    }

    fn forget_what_is_over(&mut self, now: i64) {
        self.resting.retain(|until| *until > now);
        self.held.retain(|_, held| held.inherited_until.is_none_or(|until| until > now));
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
            self.is_stale = true;
        }
    }

    fn has_room(&self) -> bool {
        self.terms.limit().is_none_or(|limit| self.in_use() < limit as usize)
    }

    fn grant_next(&mut self, now: i64) -> bool {
        let next = if sabotaged("grant-the-youngest-first") {
            self.waiting.pop_last()
        } else {
            self.waiting.pop_first()
        };
        let Some(((_, ticket), Waiting { request, standing })) = next else { return false };
        self.held.insert(ticket, Held { request, granted_at: now, inherited_until: None });
        standing.send_replace(Standing::Granted);
        true
    }

    /// Slots that count: those that are held, and those that rest.
    pub(crate) fn in_use(&self) -> usize {
        self.held.len() + self.resting.len()
    }

    /// How many wait.
    pub(crate) fn waits(&self) -> usize {
        self.waiting.len()
    }

    /// Since when the one at the front waits.
    pub(crate) fn waits_since(&self) -> Option<i64> {
        self.waiting.first_key_value().map(|((since, _), _)| *since)
    }

    /// When time alone will change something here.
    pub(crate) fn next_change(&self) -> Option<i64> {
        let inherited = self.held.values().filter_map(|held| held.inherited_until);
        let told = self.is_stale.then(|| self.told_at.saturating_add(TELL_AGAIN_MS));
        self.resting.iter().copied().chain(inherited).chain(self.paused_until).chain(told).min()
    }

    /// Whether nothing would be different without it.
    pub(crate) fn is_idle(&self) -> bool {
        self.terms.are_default()
            && self.in_use() == 0
            && self.waiting.is_empty()
            && self.paused_until.is_none()
    }

    /// Sends everybody who waits to the next generation.
    pub(crate) fn send_on(&mut self) {
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            waiting.standing.send_replace(Standing::Replaced);
        }
    }

    fn standing_at(&self, place: usize) -> Standing {
        let ahead = u32::try_from(place).unwrap_or(u32::MAX);
        Standing::Queued { ahead, paused_until: self.paused_until }
    }

    /// Tells everybody who waits how it stands, where that is otherwise than before; not again and again for each who comes
    /// or goes.
    fn tell(&mut self, now: i64) {
        if !self.is_stale || now < self.told_at.saturating_add(TELL_AGAIN_MS) {
            return;
        }
        (self.is_stale, self.told_at) = (false, now);
        for (place, waiting) in self.waiting.values().enumerate() {
            let standing = self.standing_at(place);
            waiting.standing.send_if_modified(|told| std::mem::replace(told, standing) != standing);
        }
    }
}

#[cfg(test)]
mod tests;
