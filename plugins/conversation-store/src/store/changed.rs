//! The conversations that a transaction changed, each as it is in the end.

use transom_agent::conversation::Conversation;

/// In the order in which they were changed first.
#[derive(Debug, Default)]
pub(crate) struct Changed(Vec<Conversation>);

impl Changed {
    /// Notes what is known about a conversation now, in place of what was noted before.
    pub(crate) fn note(&mut self, conversation: &Conversation) {
        match self.0.iter_mut().find(|noted| noted.id == conversation.id) {
            Some(noted) => noted.clone_from(conversation),
            None => self.0.push(conversation.clone()),
        }
    }

    /// Forgets a conversation that is gone.
    pub(crate) fn forget(&mut self, id: &str) {
        self.0.retain(|noted| noted.id != id);
    }

    /// Notes everything that was noted there.
    pub(crate) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|conversation| self.note(conversation));
    }

    /// What was noted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Conversation> {
        self.0.iter()
    }
}
