//! What a step says, chunk by chunk: where each stands, and how much of it is durable and was shown.
//!
//! Chunks get their positions in the order in which they were pushed. A text is shown as it comes, as soon as everything
//! before it was shown; everything else only when it is durable, so that no viewer sees what a crash could take back.

#[cfg(test)]
mod tests;

use transom_agent::event::{AgentEventKind, Place};
use transom_agent::log::{DraftPiece, Entry};
use transom_agent::message::{Chunk, Message, Role, ThoughtState};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{List, Maybe, Text};

use crate::hub::Places;
use crate::shown::frame;

/// The message of a step that a chunk is a part of, in the order in which they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// What the model said.
    Said,
    /// The answer to the call of that index.
    Result(usize),
    /// What is known about the step.
    Facts,
    /// What a person is asked.
    Questions,
}

impl Part {
    const fn role(self) -> Role {
        match self {
            Self::Said => Role::Assistant,
            Self::Result(_) => Role::Tool,
            Self::Facts | Self::Questions => Role::System,
        }
    }
}

/// Names the message of each part.
pub(crate) trait MessageIds {
    /// The id of the message.
    fn id_of(&self, part: Part) -> Text;
}

/// The chunks of a step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sheet {
    items: Vec<Item>,
    /// Items in front that were wholly shown.
    shown: usize,
    /// Items in front that are wholly durable.
    kept: usize,
}

#[derive(Clone, Debug)]
struct Item {
    part: Part,
    chunk: Chunk,
    position: Option<i64>,
    /// Bytes that are durable; of what is no text, all or nothing.
    kept: usize,
    /// Bytes that were shown.
    shown: usize,
    /// Whether anything of it was shown.
    is_shown: bool,
}

/// How far a draft reaches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    items: usize,
    /// Of the last of these items.
    bytes: usize,
}

impl Item {
    fn text(&self) -> Option<&Text> {
        match &self.chunk {
            Chunk::Text { text } | Chunk::Thinking { text, .. } => Some(text),
            _ => None,
        }
    }

    fn length(&self) -> usize {
        self.text().map_or(1, |text| text.len())
    }

    fn place(&mut self, places: &mut Places) -> i64 {
        *self.position.get_or_insert_with(|| places.fresh())
    }

    /// What is not durable of it.
    fn piece(&self, ids: &impl MessageIds) -> Option<DraftPiece> {
        let chunk = match &self.chunk {
            Chunk::Text { text } => Chunk::Text { text: text[self.kept..].into() },
            // What belongs to a thought is stored with its step: a crash loses it, and the thought is not given back then.
            Chunk::Thinking { text, .. } => {
                Chunk::Thinking { text: text[self.kept..].into(), state: Maybe::None }
            }
            whole => whole.clone(),
        };
        Some(DraftPiece {
            message_id: ids.id_of(self.part),
            role: self.part.role(),
            position: self.position?,
            offset: self.kept as u64,
            chunk,
        })
    }

    /// The frame for what was not shown of it.
    fn frame(&self) -> Option<AgentEventKind> {
        match &self.chunk {
            Chunk::Text { text } => Some(AgentEventKind::TextDelta { delta: text[self.shown..].into() }),
            Chunk::Thinking { text, .. } => {
                Some(AgentEventKind::ReasoningDelta { delta: text[self.shown..].into() })
            }
            whole => frame::of(whole.clone()),
        }
    }
}

impl Sheet {
    /// Whether nothing was pushed yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds a chunk; a piece of the text that came last is added to it.
    pub(crate) fn push(&mut self, part: Part, chunk: Chunk) {
        if let Some(last) = self.items.last_mut().filter(|last| last.part == part) {
            match (&mut last.chunk, &chunk) {
                (Chunk::Text { text }, Chunk::Text { text: more })
                | (Chunk::Thinking { text, state: Maybe::None }, Chunk::Thinking { text: more, .. }) => {
                    text.push_str(more);
                    self.shown = self.shown.min(self.items.len() - 1);
                    self.kept = self.kept.min(self.items.len() - 1);
                    return;
                }
                _ => {}
            }
        }
        self.items.push(Item { part, chunk, position: None, kept: 0, shown: 0, is_shown: false });
    }

    /// Adds what belongs to the thought that came last; to one without words, where none did.
    pub(crate) fn end_thought(&mut self, part: Part, of_thought: ThoughtState) {
        if let Some(Item { chunk: Chunk::Thinking { state: state @ Maybe::None, .. }, .. }) =
            self.items.last_mut().filter(|last| last.part == part)
        {
            *state = Maybe::Some(of_thought);
        } else {
            let (text, state) = (Text::default(), Maybe::Some(of_thought));
            self.push(part, Chunk::Thinking { text, state });
        }
    }

    /// Takes out the chunks that have no position yet and for which `gone` holds.
    pub(crate) fn take_out(&mut self, gone: impl Fn(&Chunk) -> bool) {
        self.items.retain(|item| item.position.is_some() || !gone(&item.chunk));
    }

    /// Takes out a part of which nothing is durable.
    pub(crate) fn forget(&mut self, part: Part) {
        self.items.retain(|item| item.part != part || item.kept > 0);
    }

    /// The chunks of a part that have come so far.
    pub(crate) fn chunks(&self, part: Part) -> impl Iterator<Item = &Chunk> {
        self.items.iter().filter(move |item| item.part == part).map(|item| &item.chunk)
    }

    /// Where a chunk stands, if it has a position already.
    pub(crate) fn position_of(&self, is: impl Fn(&Chunk) -> bool) -> Option<i64> {
        self.items.iter().find(|item| is(&item.chunk))?.position
    }

    /// Whether a chunk is durable.
    pub(crate) fn is_kept(&self, is: impl Fn(&Chunk) -> bool) -> bool {
        self.items[..self.kept].iter().any(|item| is(&item.chunk))
    }

    /// The bytes that are not durable; what is no text counts as one.
    pub(crate) fn unkept(&self) -> usize {
        self.items[self.kept..].iter().map(|item| item.length() - item.kept).sum()
    }

    /// The bytes that were not shown; what is no text counts as one.
    pub(crate) fn unshown(&self) -> usize {
        self.items[self.shown..].iter().map(|item| item.length() - item.shown).sum()
    }

    /// What is not durable, each with a position from now on, and how far it reaches.
    pub(crate) fn draft(
        &mut self,
        places: &mut Places,
        ids: &impl MessageIds,
    ) -> Option<(List<DraftPiece>, Mark)> {
        self.place(places);
        let pieces = self.items[self.kept..].iter().filter(|item| item.kept < item.length());
        let pieces: List<DraftPiece> = pieces.filter_map(|item| item.piece(ids)).collect();
        let bytes = self.items.last()?.length();
        (!pieces.is_empty()).then_some((pieces, Mark { items: self.items.len(), bytes }))
    }

    /// Gives every chunk a position that has none.
    pub(crate) fn place(&mut self, places: &mut Places) {
        for item in &mut self.items[self.shown..] {
            item.place(places);
        }
    }

    /// Everything up to the mark is durable.
    pub(crate) fn keep(&mut self, mark: Mark) {
        let Some((last, before)) = self.items[..mark.items].split_last_mut() else { return };
        for item in &mut before[self.kept.min(mark.items - 1)..] {
            item.kept = item.length();
        }
        last.kept = last.kept.max(mark.bytes);
        self.kept = self.items.iter().take_while(|item| item.kept == item.length()).count();
    }

    /// Everything is durable.
    pub(crate) fn keep_all(&mut self) {
        for item in &mut self.items[self.kept..] {
            item.kept = item.length();
        }
        self.kept = self.items.len();
    }

    /// What may be shown now, in order, and counts as shown from now on.
    pub(crate) fn release(&mut self, places: &mut Places) -> Vec<(Place, AgentEventKind)> {
        let mut frames = Vec::new();
        while let Some(item) = self.items.get_mut(self.shown) {
            let is_text = item.text().is_some();
            if !is_text && item.kept == 0 && !sabotaged("show-before-durable") {
                break;
            }
            let position = item.place(places);
            let offset = if is_text { item.shown as u64 } else { 0 };
            let at = Place { generation: places.generation(), position, offset, volatile: is_text };
            // A thought without words is shown as well, since it has a position.
            let is_first = !std::mem::replace(&mut item.is_shown, true);
            if is_first || item.shown < item.length() {
                frames.extend(item.frame().map(|frame| (at, frame)));
                item.shown = item.length();
            }
            // The last text may go on.
            if is_text && self.shown + 1 == self.items.len() {
                break;
            }
            self.shown += 1;
        }
        frames
    }

    /// The last position that was given to a chunk.
    pub(crate) fn last_position(&self) -> Option<i64> {
        self.items.iter().filter_map(|item| item.position).max()
    }

    /// Everything as entries for the log. Every chunk has to have its position.
    pub(crate) fn entries(&self, turn_id: &Text, ids: &impl MessageIds) -> Vec<Entry> {
        let mut items: Vec<&Item> = self.items.iter().collect();
        items.sort_by_key(|item| item.part);
        let messages = items.chunk_by(|one, next| one.part == next.part);
        let entries = messages.filter_map(|items| {
            let part = items.first()?.part;
            let chunks = items.iter().map(|item| item.chunk.clone()).collect();
            Some(Entry {
                message: Message { id: ids.id_of(part), role: part.role(), chunks },
                turn_id: Maybe::Some(turn_id.clone()),
                positions: items.iter().filter_map(|item| item.position).collect(),
            })
        });
        entries.collect()
    }

    /// Everything that a model is shown, as messages: what the store would give to the next turn.
    pub(crate) fn messages(&self, ids: &impl MessageIds) -> Vec<Message> {
        let entries = self.entries(&Text::default(), ids).into_iter().map(|entry| entry.message);
        let said = entries.filter(|message| message.role != Role::System);
        let mut messages: Vec<Message> = said.collect();
        for message in &mut messages {
            message.chunks.retain(|chunk| !chunk.is_fact() && !matches!(chunk, Chunk::Error { .. }));
        }
        messages.retain(says_something);
        messages
    }
}

/// Whether a model can be shown a message: thoughts alone are none.
fn says_something(message: &Message) -> bool {
    let is_thought = |chunk: &Chunk| matches!(chunk, Chunk::Thinking { .. });
    !message.chunks.iter().all(is_thought)
}
