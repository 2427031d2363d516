//! [`Record`]: the last requests of the conversations that were used last.

use std::collections::{HashMap, VecDeque};

use transom_agent::cache::PrefixChange;
use transom_agent::provider::{AnswerEnd, ModelAnswered, ModelAsked, Usage};
use transom_plugin_api::Text;

use crate::print::{Fingerprints, Print};

/// Conversations that are kept.
const CONVERSATIONS: usize = 1_000;
/// Requests that are kept of each.
const REQUESTS: usize = 50;

/// The last requests of the conversations that were used last.
#[derive(Debug, Default)]
pub(crate) struct Record {
    conversations: HashMap<Text, Known>,
    /// Grows with each use.
    uses: u64,
}

/// What is known of a conversation.
#[derive(Debug, Default)]
pub(crate) struct Known {
    used: u64,
    /// What the last request was like, if one was seen, or is stored.
    pub(crate) print: Option<Print>,
    /// The oldest first.
    pub(crate) requests: VecDeque<Request>,
    /// Requests that did not begin like the one before.
    pub(crate) broken: u64,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: Text,
    pub(crate) purpose: Text,
    pub(crate) model: Text,
    /// Milliseconds since the epoch.
    pub(crate) at: i64,
    /// Absent where the request itself was not seen.
    pub(crate) fingerprints: Option<Fingerprints>,
    pub(crate) changes: Vec<PrefixChange>,
    pub(crate) usage: Option<Usage>,
    /// `None` while it is under way.
    pub(crate) end: Option<AnswerEnd>,
}

impl Record {
    /// What is known of a conversation, from now on something.
    pub(crate) fn of(&mut self, conversation_id: &Text) -> &mut Known {
        self.uses += 1;
        if !self.conversations.contains_key(conversation_id) {
            self.forget_oldest();
        }
        let known = self.conversations.entry(conversation_id.clone()).or_default();
        known.used = self.uses;
        known
    }

    /// What is known of a conversation, if anything.
    pub(crate) fn find(&self, conversation_id: &str) -> Option<&Known> {
        self.conversations.get(conversation_id)
    }

    /// Looks at all of them, so that an eighth goes at once.
    fn forget_oldest(&mut self) {
        if self.conversations.len() < CONVERSATIONS {
            return;
        }
        let mut uses: Vec<u64> = self.conversations.values().map(|known| known.used).collect();
        uses.sort_unstable();
        let bound = uses[CONVERSATIONS / 8];
        self.conversations.retain(|_, known| known.used > bound);
    }
}

impl Known {
    /// Takes in a request.
    pub(crate) fn ask(&mut self, asked: &ModelAsked, print: &Print, changes: Vec<PrefixChange>) {
        self.broken += u64::from(!changes.is_empty());
        let fingerprints = Some(print.fingerprints());
        let (id, purpose, model) = (&asked.request_id, &asked.purpose, &asked.model);
        let request = self.request(id, purpose, model, asked.asked_at);
        (request.fingerprints, request.changes) = (fingerprints, changes);
    }

    /// Takes in how a request ended, which may be known before the request has been looked at.
    pub(crate) fn answer(&mut self, answered: &ModelAnswered) {
        let (id, purpose, model) = (&answered.request_id, &answered.purpose, &answered.model);
        let request = self.request(id, purpose, model, answered.asked_at);
        (request.usage, request.end) = (answered.usage.into_option(), Some(answered.end.clone()));
    }

    fn request(&mut self, id: &Text, purpose: &Text, model: &Text, at: i64) -> &mut Request {
        let index = self.requests.iter().position(|request| request.id == *id).unwrap_or_else(|| {
            if self.requests.len() == REQUESTS {
                self.requests.pop_front();
            }
            self.requests.push_back(Request {
                id: id.clone(),
                purpose: purpose.clone(),
                model: model.clone(),
                at,
                fingerprints: None,
                changes: Vec::new(),
                usage: None,
                end: None,
            });
            self.requests.len() - 1
        });
        &mut self.requests[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(id: usize) -> ModelAnswered {
        ModelAnswered {
            request_id: format!("{id}").into(),
            conversation_id: "c".into(),
            model: "a/one".into(),
            purpose: "turn".into(),
            turn_id: None.into(),
            asked_at: 0,
            duration_ms: 0,
            usage: None.into(),
            end: AnswerEnd::Finished {},
        }
    }

    #[test]
    fn of_a_conversation_the_last_requests_are_kept() {
        let mut record = Record::default();
        (0..REQUESTS + 3).for_each(|id| record.of(&"c".into()).answer(&answered(id)));
        let known = record.find("c").unwrap();
        assert_eq!((known.requests.len(), known.requests[0].id.as_str()), (REQUESTS, "3"));
    }

    #[test]
    fn conversations_that_nobody_used_for_long_are_forgotten() {
        let mut record = Record::default();
        for number in 0..3 * CONVERSATIONS {
            record.of(&"always".into());
            record.of(&format!("{number}").into());
            assert!(record.conversations.len() <= CONVERSATIONS);
        }
        assert!(record.find("always").is_some() && record.find("0").is_none());
    }
}
