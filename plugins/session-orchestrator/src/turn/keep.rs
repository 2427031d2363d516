//! Keeping what was said of a step that is not over, so that a crash loses no more than the last moments.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use transom_agent::log::Draft;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, List};

use super::{Turn, patience};
use crate::edges::Edges;
use crate::sheet::Mark;
use crate::step::Step;

/// How long something that was said may be without a draft.
pub(crate) const EACH: Duration = Duration::from_millis(250);
/// Bytes that may be without one.
const BYTES: usize = 2 * 1024;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Drafts what a step says, beside whatever else goes on; at most one draft is under way. One that fails is made again with
/// the next, and never ends the turn.
pub(super) struct Keeper<'a, E> {
    turn: &'a Turn<E>,
    under_way: Option<(Mark, Boxed<'a, Result<(), CallError>>)>,
    /// When the next one is due.
    due: Option<Boxed<'a, ()>>,
    /// Whether the last one failed, so that the next one waits until it is due.
    failed: bool,
}

/// What has happened to a [`Keeper`].
pub(super) enum Beat {
    /// A draft has ended; what is durable now, if it was kept.
    Ended(Option<Mark>),
    /// The next one is due.
    Due,
}

impl<E: Edges> Turn<E> {
    /// What is not durable of a step, with how far it reaches.
    fn draft_of(&self, step: &mut Step) -> Option<(Draft, Mark)> {
        let ids = step.ids().clone();
        let (pieces, mark) = step.sheet().draft(&mut self.claim.places(), &ids)?;
        Some((self.draft(pieces), mark))
    }

    fn draft(&self, pieces: List<transom_agent::log::DraftPiece>) -> Draft {
        Draft {
            conversation_id: self.claim.conversation_id().clone(),
            turn_id: self.claim.turn_id().clone(),
            pieces,
        }
    }

    /// Makes all of a step durable that was said so far, and shows it.
    ///
    /// # Errors
    /// When the store does not keep it.
    pub(super) async fn keep(&self, step: &mut Step) -> Result<(), CallError> {
        if let Some((draft, mark)) = self.draft_of(step) {
            patience::draft(&*self.edges, draft).await?;
            step.sheet().keep(mark);
        }
        self.show(step);
        Ok(())
    }

    /// Shows what may be shown of a step.
    pub(super) fn show(&self, step: &mut Step) {
        let frames = step.sheet().release(&mut self.claim.places());
        frames.into_iter().for_each(|(at, frame)| self.claim.show_at(at, frame));
    }
}

impl<'a, E: Edges> Keeper<'a, E> {
    pub(super) fn new(turn: &'a Turn<E>) -> Self {
        Self { turn, under_way: None, due: None, failed: false }
    }

    /// Begins a draft when one is called for: by time, or by what has come together.
    pub(super) fn look(&mut self, step: &mut Step) {
        if self.under_way.is_some() || sabotaged("draft-nothing") {
            return;
        }
        match step.sheet().unkept() {
            0 => self.due = None,
            BYTES.. if !self.failed => self.begin(step),
            _ if self.due.is_none() => self.due = Some(Box::pin(self.turn.edges.sleep(EACH))),
            _ => {}
        }
    }

    /// Begins a draft at once, if anything is not durable.
    pub(super) fn hurry(&mut self, step: &mut Step) {
        if self.under_way.is_none() && !self.failed && step.sheet().unkept() > 0 {
            self.begin(step);
        }
    }

    fn begin(&mut self, step: &mut Step) {
        self.due = None;
        self.failed = false;
        let Some((draft, mark)) = self.turn.draft_of(step) else { return };
        self.under_way = Some((mark, Box::pin(self.turn.edges.draft(draft))));
    }

    /// Waits for what happens next; for ever when nothing is under way. Nothing is lost when it is dropped.
    pub(super) async fn beat(&mut self) -> Beat {
        let under_way = async {
            match &mut self.under_way {
                Some((mark, draft)) => draft.as_mut().await.map(|()| *mark),
                None => pending().await,
            }
        };
        let due = async {
            match &mut self.due {
                Some(due) => due.as_mut().await,
                None => pending().await,
            }
        };
        let kept = tokio::select! {
            biased;
            kept = under_way => kept,
            () = due => {
                self.due = None;
                return Beat::Due;
            }
        };
        self.under_way = None;
        if let Err(error) = &kept {
            tracing::warn!("what turn `{}` has said is not kept yet: {error}", self.turn.claim.turn_id());
            self.failed = true;
            self.due = Some(Box::pin(self.turn.edges.sleep(EACH)));
        }
        Beat::Ended(kept.ok())
    }

    /// Takes in what has happened, and shows what may be shown because of it.
    pub(super) fn take(&mut self, beat: Beat, step: &mut Step) {
        match beat {
            Beat::Due => self.begin(step),
            Beat::Ended(mark) => {
                if let Some(mark) = mark {
                    step.sheet().keep(mark);
                }
                self.turn.show(step);
            }
        }
    }

    /// Waits for the draft that is under way, if one is: two must not overtake each other.
    pub(super) async fn rest(&mut self, step: &mut Step) {
        if self.under_way.is_some() {
            self.due = None;
            let beat = self.beat().await;
            self.take(beat, step);
        }
        self.due = None;
    }
}
