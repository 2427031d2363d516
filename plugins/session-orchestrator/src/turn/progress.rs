//! How far a turn has come. It outlives the work, so that whatever breaks the work leaves what was said.

use transom_agent::message::{Message, Role};
use transom_agent::provider::Usage;
use transom_plugin_api::{List, Text};

use crate::ending::{add_usage, context_size};
use crate::step::{Answer, Call, Failure, Step};

/// What a turn has said and used so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Requests to the model.
    pub(super) steps: u32,
    usage: Usage,
    last_usage: Option<Usage>,
    /// The words of each step that had some.
    words: Vec<String>,
    step: Option<Step>,
    answers: Vec<Option<Answer>>,
    /// Complete, but not known to be stored.
    unstored: Vec<Message>,
    /// A failure that belongs to no step.
    failure: Option<Failure>,
}

impl Progress {
    /// Begins the next step.
    pub(super) fn begin_step(&mut self, turn_id: &str, now_ms: i64) {
        self.step = Some(Step::new(turn_id, self.steps, now_ms));
        self.steps += 1;
        self.answers.clear();
    }

    /// The step under way.
    pub(super) fn step(&mut self) -> Option<&mut Step> {
        self.step.as_mut()
    }

    /// The step under way, its calls and the places for their answers.
    pub(super) fn calls(&mut self) -> (Text, Vec<Call>, &mut [Option<Answer>]) {
        let (id, calls) =
            self.step.as_ref().map(|step| (step.id().clone(), step.calls().to_vec())).unwrap_or_default();
        self.answers.resize(calls.len(), None);
        (id, calls, &mut self.answers)
    }

    /// Ends the step under way and gives its messages; they count as unstored until [`stored`](Self::stored).
    pub(super) fn end_step(&mut self, new_id: impl FnMut() -> Text) -> &[Message] {
        if let Some(step) = self.step.take() {
            if let Some(usage) = step.usage() {
                add_usage(&mut self.usage, &usage);
                self.last_usage = Some(usage);
            }
            let words = step.words();
            if !words.is_empty() {
                self.words.push(words);
            }
            self.unstored.extend(step.into_messages(&self.answers, new_id));
        }
        &self.unstored
    }

    /// The messages given last are durable.
    pub(super) fn stored(&mut self) {
        self.unstored.clear();
    }

    /// Keeps a failure: with the step under way when that has not ended, else by itself.
    pub(super) fn fail(&mut self, failure: Failure) {
        match &mut self.step {
            Some(step) if step.outcome().is_none() => {
                step.fail(failure);
            }
            _ => self.failure = Some(failure),
        }
    }

    /// Ends the turn: the messages that are not stored yet, and the sums.
    pub(super) fn finish(mut self, mut new_id: impl FnMut() -> Text) -> Finished {
        self.end_step(&mut new_id);
        if let Some(failure) = self.failure {
            let chunks = List::from([failure.chunk()]);
            self.unstored.push(Message { id: new_id(), role: Role::Assistant, chunks });
        }
        Finished {
            messages: self.unstored.into(),
            steps: self.steps,
            usage: self.usage,
            context_size: self.last_usage.as_ref().map(context_size),
            words: self.words.join("\n\n").into(),
        }
    }
}

/// What a turn leaves behind.
#[derive(Debug)]
pub(super) struct Finished {
    /// Not stored yet.
    pub(super) messages: List<Message>,
    pub(super) steps: u32,
    pub(super) usage: Usage,
    pub(super) context_size: Option<u64>,
    /// What the model said in words, over all steps.
    pub(super) words: Text,
}
