//! A turn leaves itself to another generation, which goes on with it.

use std::time::Duration;

use transom_plugin_api::sabotage::sabotaged;

use super::calls::interrupted;
use super::progress::Progress;
use super::retry::Retries;
use super::run::Flow;
use super::{Terms, Turn};
use crate::edges::Edges;
use crate::handed::HandedTurn;
use crate::hub::Places;
use crate::tools::Running;

impl<E: Edges> Turn<E> {
    /// Stores what was said of a step in whose middle the model was let go of.
    pub(super) async fn suspend_step(&self, running: &mut Running<'_, E>, progress: &mut Progress) -> Flow {
        let Some(step) = &mut progress.step else { return Flow::Suspended };
        if step.is_blank() {
            progress.take_back_step();
            return Flow::Suspended;
        }
        self.run_tools(running, step).await;
        step.close(self.edges.now_ms());
        step.answer_rest(interrupted);
        self.store_step(progress).await.err().unwrap_or(Flow::Suspended)
    }

    /// Leaves the turn where the next generation finds it; whether it may be left.
    pub(super) fn leave(&self, progress: &Progress) -> bool {
        let Terms { model, cwd, reasoning_effort, accepted_at } = self.terms.clone();
        let places = *self.claim.places();
        self.common.suspended.leave(HandedTurn {
            conversation_id: self.claim.conversation_id().clone(),
            turn_id: self.claim.turn_id().clone(),
            model,
            cwd,
            reasoning_effort,
            accepted_at,
            began_at: progress.began_at,
            generation: places.generation(),
            position: places.position(),
            steps: progress.steps,
            usage: progress.usage,
            last_usage: progress.last_usage.into(),
            words: progress.words.clone().into(),
            held: progress.held,
            attempts: progress.retries.attempts,
            waited_ms: u64::try_from(progress.retries.waited.as_millis()).unwrap_or(u64::MAX),
            retry_at: progress.retries.due_at.filter(|_| !sabotaged("forget-the-wait")).into(),
        })
    }
}

impl HandedTurn {
    /// What was agreed on when it was accepted.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            model: self.model.clone(),
            cwd: self.cwd.clone(),
            reasoning_effort: self.reasoning_effort.clone(),
            accepted_at: self.accepted_at,
        }
    }

    /// Where what it shows next stands.
    pub(crate) fn places(&self) -> Places {
        Places::behind(self.generation, self.position)
    }

    /// How far it has come.
    pub(crate) fn progress(&self) -> Progress {
        Progress {
            steps: self.steps,
            began_at: self.began_at,
            usage: self.usage,
            last_usage: self.last_usage.into_option(),
            words: self.words.clone().into_vec(),
            held: self.held,
            retries: Retries {
                attempts: self.attempts,
                waited: Duration::from_millis(self.waited_ms),
                due_at: self.retry_at.into_option(),
            },
            ..Progress::default()
        }
    }
}
