//! Remembers how often a request was made, for scripts that fail a few times before they succeed.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use transom_agent::provider::ModelRequest;

/// Counts the attempts of the requests made last.
#[derive(Default)]
pub(crate) struct Attempts {
    recent: Mutex<VecDeque<(Place, u32)>>,
}

/// The model, the conversation, and the message that the request ends with.
#[derive(Clone, PartialEq)]
struct Place {
    model: String,
    conversation: String,
    last_message: String,
}

impl Attempts {
    /// As many requests are remembered; an older one begins again at 0.
    const REMEMBERED: usize = 256;

    /// How often `request` was made before, counting this time for the next.
    pub(crate) fn count(&self, request: &ModelRequest) -> u32 {
        let place = Place::of(request);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let before = recent.iter().position(|(known, _)| *known == place).and_then(|at| recent.remove(at));
        let before = before.map_or(0, |(_, count)| count);
        recent.truncate(Self::REMEMBERED - 1);
        recent.push_front((place, before.saturating_add(1)));
        before
    }
}

impl Place {
    fn of(request: &ModelRequest) -> Self {
        Self {
            model: String::from(&request.model),
            conversation: String::from(&request.conversation_id),
            last_message: request
                .messages
                .last()
                .map(|message| String::from(&message.id))
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use transom_agent::message::{Message, Role};

    use super::*;
    use crate::fixture::request;

    #[test]
    fn each_request_counts_its_own_attempts() {
        let attempts = Attempts::default();
        let first = request([Message::text("m1", Role::User, "a")]);
        let second = request([Message::text("m2", Role::User, "a")]);
        assert_eq!([attempts.count(&first), attempts.count(&first), attempts.count(&second)], [0, 1, 0]);
        assert_eq!(attempts.count(&first), 2);
    }

    #[test]
    fn only_so_many_requests_are_remembered() {
        let attempts = Attempts::default();
        let at = |number: usize| request([Message::text(number.to_string(), Role::User, "a")]);
        (0..=Attempts::REMEMBERED).for_each(|number| assert_eq!(attempts.count(&at(number)), 0));
        assert_eq!(attempts.count(&at(Attempts::REMEMBERED)), 1);
        assert_eq!(attempts.count(&at(0)), 0);
    }
}
