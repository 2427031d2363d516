//! How a chunk of the log is shown: as the very frames that its turn has shown while it ran.

pub(crate) mod frame;

use transom_agent::event::{AgentEvent, AgentEventKind, Place};
use transom_agent::log::StoredChunk;
use transom_agent::message::{Chunk, Role};
use transom_plugin_api::Text;

/// Shows the chunks of a conversation, in the order of their positions.
#[derive(Debug)]
pub(crate) struct Shown {
    conversation_id: Text,
    generation: u32,
    /// Turn and message of the chunk before.
    before: Option<(Text, Text)>,
}

impl Shown {
    /// Frames of that generation; the first chunk is taken to be the first of its turn.
    pub(crate) const fn new(conversation_id: Text, generation: u32) -> Self {
        Self { conversation_id, generation, before: None }
    }

    /// The frames of the next chunk. None for what has no position, or cannot be shown.
    pub(crate) fn next(&mut self, chunk: StoredChunk) -> Vec<AgentEvent> {
        let Some(position) = chunk.position.into_option() else { return Vec::new() };
        let turn_id = chunk.turn_id.into_option().unwrap_or_default();
        // The person's message opens its turn; what a person says behind anything else of the turn steers it.
        let steers = self
            .before
            .as_ref()
            .is_some_and(|(turn, message)| *turn == turn_id && *message != chunk.message_id);
        self.before = Some((turn_id.clone(), chunk.message_id));
        let place = |position| Place { generation: self.generation, position, offset: 0, volatile: false };
        let frames = kinds(chunk.chunk, chunk.role, steers).into_iter().zip(position..);
        frames.map(|(kind, position)| kind.of(&self.conversation_id, &turn_id, place(position))).collect()
    }
}

/// What a chunk is shown as, at its position and those behind it.
fn kinds(chunk: Chunk, role: Role, steers: bool) -> Vec<AgentEventKind> {
    match chunk {
        Chunk::TurnEnd { record } => vec![frame::done(&record), AgentEventKind::TurnSealed {}],
        Chunk::Text { text } if role == Role::User => vec![frame::of_person(text, steers)],
        other => frame::of(other).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests;
