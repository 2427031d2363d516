//! What keeps an append out of a conversation that only has the id of the one that is meant.
//!
//! A conversation may be deleted while its turn waits for a person. Whatever is appended to that id afterwards would make a conversation
//! of it. So messages go along that stand in the log of the one that is meant: there they are skipped, and in any other log they all
//! want the same position, so that the store refuses the append as a whole.

use transom_agent::log::{Append, Entry, StoredChunk};
use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, List, Maybe, Text};

use super::Turn;
use crate::edges::Edges;

/// The latest questions of a turn, and the latest answer, as they stand in the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    questions: Option<Message>,
    answer: Option<Message>,
}

impl Witness {
    /// Takes in what the log has.
    pub(super) fn take(&mut self, stored: &StoredChunk) {
        let place = match stored.chunk {
            Chunk::Question { .. } => &mut self.questions,
            Chunk::Answer { .. } => &mut self.answer,
            _ => return,
        };
        match place.as_mut().filter(|message| message.id == stored.message_id) {
            Some(message) => message.chunks.push(stored.chunk.clone()),
            None => *place = Some(facts(stored.message_id.clone(), stored.chunk.clone())),
        }
    }

    /// Takes in an answer that is in the log now.
    pub(super) fn answered(&mut self, message: Message) {
        self.answer = Some(message);
    }

    /// What goes along with an append whose entries have `position`, or none.
    fn entries(&self, turn_id: &Text, position: i64) -> impl Iterator<Item = Entry> {
        let there = [&self.questions, &self.answer].into_iter().flatten();
        there.map(move |message| Entry {
            positions: message.chunks.iter().map(|_| position).collect(),
            message: message.clone(),
            turn_id: Maybe::Some(turn_id.clone()),
        })
    }
}

impl<E: Edges> Turn<E> {
    /// An entry at `position` for the log in which the turn waits, and for no other of that id; and the same for whatever has that id.
    pub(crate) fn appends_of(&self, entry: Entry, witness: &Witness, position: i64) -> (Append, Append) {
        let alone = self.append_of(vec![entry.clone()]);
        if sabotaged("write-where-something-was-deleted") {
            return (alone.clone(), alone);
        }
        let along = witness.entries(self.claim.turn_id(), position);
        (self.append_of([entry].into_iter().chain(along).collect()), alone)
    }

    /// Whether an append was refused although the turn is there: the store may write down in another form today what it has
    /// written down before.
    pub(crate) async fn is_unknown_by(&self, error: &CallError) -> bool {
        if error.kind != CallErrorKind::Conflict {
            return false;
        }
        let known = self.edges.find(self.claim.conversation_id()).await.ok();
        let turn = known.and_then(|known| known.turn.into_option());
        turn.is_some_and(|turn| turn.turn_id == *self.claim.turn_id())
    }

    /// Whether an append was refused since the conversation was deleted.
    pub(crate) async fn is_gone_by(&self, error: &CallError) -> bool {
        error.kind == CallErrorKind::Conflict && self.is_over_elsewhere().await
    }

    /// Lets go of a turn whose conversation was deleted: nothing of it is stored, and who watches is sent away, to be told so.
    pub(crate) fn forget(self) {
        self.common.questions.close_all(self.claim.conversation_id(), self.claim.turn_id());
        self.claim.dismiss();
        self.claim.park();
    }
}

/// An answer as it stands in the log.
pub(crate) fn answer_message(question_id: &Text, choice: &Text, is_overdue: bool) -> Message {
    let chunk = Chunk::Answer { question_id: question_id.clone(), choice: choice.clone(), is_overdue };
    facts(format!("{question_id}a").into(), chunk)
}

fn facts(id: Text, chunk: Chunk) -> Message {
    Message { id, role: Role::System, chunks: List::from([chunk]) }
}
