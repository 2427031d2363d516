//! What waits for a person, and until when, as far as this generation of the plugin knows.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use transom_agent::question::OpenQuestion;
use transom_plugin_api::Text;

/// Questions that nobody has answered yet. The log has them, too: this is so that none has to be looked for.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    /// By conversation, in the order in which they were asked.
    open: Mutex<BTreeMap<Text, Vec<OpenQuestion>>>,
    changed: Notify,
}

impl Questions {
    /// A turn asks. One that is known already is not known twice.
    pub(crate) fn ask(&self, question: OpenQuestion) {
        let mut open = self.lock();
        let of_conversation = open.entry(question.conversation_id.clone()).or_default();
        if !of_conversation.iter().any(|other| other.question_id == question.question_id) {
            of_conversation.push(question);
        }
        drop(open);
        self.changed.notify_one();
    }

    /// A question is answered, or asked no more.
    pub(crate) fn close(&self, conversation_id: &str, question_id: &str) {
        self.retain(conversation_id, |question| question.question_id != question_id);
    }

    /// A turn is over.
    pub(crate) fn close_all(&self, conversation_id: &str, turn_id: &str) {
        self.retain(conversation_id, |question| question.turn_id != turn_id);
    }

    /// A turn has begun: no other one of its conversation waits.
    pub(crate) fn close_others(&self, conversation_id: &str, turn_id: &str) {
        self.retain(conversation_id, |question| question.turn_id == turn_id);
    }

    /// Those of a conversation, or all.
    pub(crate) fn list(&self, conversation_id: Option<&str>) -> Vec<OpenQuestion> {
        let open = self.lock();
        match conversation_id {
            Some(id) => open.get(id).cloned().unwrap_or_default(),
            None => open.values().flatten().cloned().collect(),
        }
    }

    /// The turn of a conversation that waits for a person.
    pub(crate) fn parked_turn(&self, conversation_id: &str) -> Option<Text> {
        Some(self.lock().get(conversation_id)?.first()?.turn_id.clone())
    }

    /// The one whose time is over first, if it is over ever.
    pub(crate) fn next_due(&self) -> Option<(i64, OpenQuestion)> {
        let open = self.lock();
        let due = |question: &&OpenQuestion| question.answer_by.into_option();
        let timed = open.values().flatten().filter(|question| question.answer_by.is_some());
        let first = timed.min_by_key(due)?;
        Some((first.answer_by.into_option()?, first.clone()))
    }

    /// Waits until others are known.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn retain(&self, conversation_id: &str, keep: impl FnMut(&OpenQuestion) -> bool) {
        let mut open = self.lock();
        let Some(of_conversation) = open.get_mut(conversation_id) else { return };
        of_conversation.retain(keep);
        if of_conversation.is_empty() {
            open.remove(conversation_id);
        }
        drop(open);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Text, Vec<OpenQuestion>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
