//! How far a turn has come. It outlives the work, so that whatever breaks the work leaves what was said.

use transom_agent::provider::Usage;
use transom_plugin_api::Text;

use crate::ending::{add_usage, context_size};
use crate::histories::Past;
use crate::step::{Failure, Outcome, Step};

use super::retry::Retries;
use super::witness::Witness;

/// What a turn has said and used so far.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Requests to the model.
    pub(super) steps: u32,
    /// When it began to work, or went on after it had waited for a person.
    pub(super) began_at: i64,
    pub(super) usage: Usage,
    pub(super) last_usage: Option<Usage>,
    /// The words of each step that had some.
    pub(super) words: Vec<Text>,
    /// How often a plugin has held it back from its end.
    pub(super) held: u32,
    /// Whether what a person said meanwhile was refused: it waits for the end of the turn.
    pub(super) is_steering_refused: bool,
    /// Requests that failed and were made again, of the step under way.
    pub(super) retries: Retries,
    /// The step under way, until all of it is in the log.
    pub(super) step: Option<Step>,
    /// What is in the log of a turn that has waited for a person.
    pub(super) witness: Witness,
    /// A failure that belongs to no step.
    pub(super) failure: Option<Failure>,
    /// What the model is shown, as far as it was loaded.
    pub(super) past: Option<Past>,
}

impl Progress {
    /// A turn that begins.
    pub(crate) fn from_now(now_ms: i64) -> Self {
        Self { began_at: now_ms, ..Self::default() }
    }

    /// Begins the next step.
    pub(super) fn begin_step(&mut self, turn_id: &Text, now_ms: i64) {
        self.step = Some(Step::new(turn_id, self.steps, now_ms));
        self.steps += 1;
    }

    /// Takes back a step in which the model has said nothing: it is to be made again.
    pub(super) fn take_back_step(&mut self) {
        self.step = None;
        self.steps -= 1;
    }

    /// The step under way is in the log.
    pub(super) fn end_step(&mut self) {
        let Some(step) = self.step.take() else { return };
        self.retries = Retries::default();
        self.count(&step);
    }

    /// Adds what a step has said and used.
    pub(super) fn count(&mut self, step: &Step) {
        if let Some(usage) = step.usage() {
            add_usage(&mut self.usage, &usage);
            self.last_usage = Some(usage);
        }
        let words = step.words();
        if !words.is_empty() {
            self.words.push(words.into());
        }
        if let Some(past) = &mut self.past {
            past.extend(step.messages());
        }
    }

    /// Keeps a failure: with the step under way when that has not ended, else by itself. The first one counts.
    pub(super) fn fail(&mut self, failure: Failure) {
        match &mut self.step {
            Some(step) if !step.is_closed() => step.fail(failure),
            _ => {
                self.failure.get_or_insert(failure);
            }
        }
    }

    /// The class of what went wrong, if anything did.
    pub(super) fn failure_class(&self) -> Option<Text> {
        self.what_failed().map(|failure| failure.code.clone())
    }

    /// What went wrong, for a person, if anything did.
    pub(super) fn complaint(&self) -> Option<Text> {
        self.what_failed().map(|failure| failure.message.clone())
    }

    fn what_failed(&self) -> Option<&Failure> {
        let of_step = self.step.as_ref().and_then(|step| match step.outcome() {
            Some(Outcome::Failed(failure)) => Some(failure),
            _ => None,
        });
        self.failure.as_ref().or(of_step)
    }

    /// How full the model's window is.
    pub(super) fn context_size(&self) -> Option<u64> {
        self.last_usage.as_ref().map(context_size)
    }

    /// What the model said in words, over all steps.
    pub(super) fn answer(&self) -> Text {
        let words: Vec<&str> = self.words.iter().map(Text::as_str).collect();
        words.join("\n\n").into()
    }
}
