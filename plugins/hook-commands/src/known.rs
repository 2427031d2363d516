//! [`Known`]: what one remembers of conversations and calls, for events that tell less than hooks are told.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Conversations that are remembered.
const MOST_CONVERSATIONS: usize = 10_000;
/// Calls that are remembered between the gate and their answers.
const MOST_CALLS: usize = 1_000;

/// A call by its conversation and its id.
type CallKey = (String, String);

#[derive(Default)]
struct Conversation {
    folder: String,
    has_begun: bool,
}

#[derive(Default)]
struct Inner {
    conversations: HashMap<String, Conversation>,
    /// What hooks have said to the model about calls before they ran.
    calls: HashMap<CallKey, Vec<String>>,
}

/// Remembers.
#[derive(Default)]
pub(crate) struct Known(Mutex<Inner>);

impl Known {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A conversation works in this folder.
    pub(crate) fn works(&self, conversation_id: &str, folder: &str) {
        let mut inner = self.lock();
        let conversation = room(&mut inner.conversations, MOST_CONVERSATIONS, conversation_id.to_owned());
        if conversation.folder != folder {
            folder.clone_into(&mut conversation.folder);
        }
    }

    /// Where a conversation worked last.
    pub(crate) fn folder(&self, conversation_id: &str) -> Option<String> {
        let inner = self.lock();
        inner
            .conversations
            .get(conversation_id)
            .map(|known| known.folder.clone())
            .filter(|folder| !folder.is_empty())
    }

    /// Whether hooks were told of the beginning of a conversation, since the plugin runs and since it was put away.
    pub(crate) fn has_begun(&self, conversation_id: &str) -> bool {
        self.lock().conversations.get(conversation_id).is_some_and(|known| known.has_begun)
    }

    /// Hooks were told of its beginning.
    pub(crate) fn began(&self, conversation_id: &str) {
        room(&mut self.lock().conversations, MOST_CONVERSATIONS, conversation_id.to_owned()).has_begun = true;
    }

    /// It was put away: what comes next begins it anew.
    pub(crate) fn closed(&self, conversation_id: &str) {
        if let Some(known) = self.lock().conversations.get_mut(conversation_id) {
            known.has_begun = false;
        }
    }

    /// Hooks have said something to the model about a call that is going to run.
    pub(crate) fn was_said(&self, conversation_id: &str, call: &str, contexts: Vec<String>) {
        *room(&mut self.lock().calls, MOST_CALLS, key(conversation_id, call)) = contexts;
    }

    /// What hooks have said to the model about a call that has run.
    pub(crate) fn has_run(&self, conversation_id: &str, call: &str) -> Vec<String> {
        self.lock().calls.remove(&key(conversation_id, call)).unwrap_or_default()
    }
}

fn key(conversation_id: &str, call: &str) -> CallKey {
    (conversation_id.to_owned(), call.to_owned())
}

/// The value of a key, with room made for it: all the others go, since none of them is more than a convenience.
fn room<K: std::hash::Hash + Eq, V: Default>(map: &mut HashMap<K, V>, most: usize, key: K) -> &mut V {
    if map.len() >= most && !map.contains_key(&key) {
        map.clear();
    }
    map.entry(key).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_begins_once_until_it_is_put_away() {
        let known = Known::default();
        assert!(!known.has_begun("c") && known.folder("c").is_none());
        known.began("c");
        known.works("c", "/f");
        assert!(known.has_begun("c"));
        known.closed("c");
        assert_eq!((known.has_begun("c"), known.folder("c")), (false, Some("/f".to_owned())));
    }

    #[test]
    fn a_call_is_remembered_until_it_has_run_and_no_more_of_them_than_so_many() {
        let known = Known::default();
        known.was_said("c", "1", vec!["careful".to_owned()]);
        assert!(known.has_run("d", "1").is_empty());
        assert_eq!(known.has_run("c", "1"), ["careful"]);
        assert!(known.has_run("c", "1").is_empty());
        for call in 0..=MOST_CALLS {
            known.was_said("c", &call.to_string(), Vec::new());
        }
        assert!(known.lock().calls.len() <= MOST_CALLS);
    }
}
