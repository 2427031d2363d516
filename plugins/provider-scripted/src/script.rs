//! [`Script`]: what a scripted model does, step by step.

use transom_agent::provider::{FailureClass, FinishReason, Usage};
use transom_plugin_api::Json;

/// One step for each request of a turn: the first answers the person, the next ones the tools.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Script {
    steps: Vec<Step>,
}

/// What is done in answer to one request, in order.
pub(crate) type Step = Vec<Action>;

/// One thing a scripted model does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Says words.
    Say(String),
    /// Thinks words.
    Think(String),
    /// Says what the tools of the step before answered.
    SayResults,
    /// Asks for a tool.
    Call { tool: String, input: Json },
    /// Reports these numbers in place of counted words.
    Use(Usage),
    /// From here on, this many milliseconds lie between two pieces.
    Pace(u64),
    /// Finishes for this reason, in place of the one that fits.
    Finish(FinishReason),
    /// Fails.
    Fail(Fail),
    /// Never says anything again.
    Hang,
    /// Ends without saying that it has finished.
    Break,
}

/// A failure by appointment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fail {
    pub(crate) class: FailureClass,
    /// Milliseconds the caller is asked to wait.
    pub(crate) retry_after_ms: Option<u64>,
    /// How many attempts fail before one succeeds; all of them when absent.
    pub(crate) times: Option<u32>,
}

impl Script {
    /// A script that says `text` and nothing else.
    pub(crate) fn saying(text: &str) -> Self {
        Self { steps: vec![vec![Action::Say(text.to_owned())]] }
    }

    /// What is done in answer to request number `number` of a turn, counted from 0.
    pub(crate) fn step(&self, number: usize) -> Option<&Step> {
        self.steps.get(number)
    }

    /// The pace the steps before `number` left behind.
    pub(crate) fn pace_before(&self, number: usize) -> Option<u64> {
        let earlier = self.steps.iter().take(number).flatten();
        earlier.filter_map(|action| if let Action::Pace(ms) = action { Some(*ms) } else { None }).next_back()
    }

    /// Adds an action to the last step, or to a new one when it has to come after the tools' answers.
    pub(crate) fn push(&mut self, action: Action) {
        let speaks = matches!(action, Action::Say(_) | Action::Think(_) | Action::SayResults);
        match self.steps.last_mut() {
            Some(step) if !(speaks && asks_for_tools(step)) => step.push(action),
            _ => self.steps.push(vec![action]),
        }
    }

    /// Begins a step, whatever the last one holds.
    pub(crate) fn begin_step(&mut self) {
        self.steps.push(Step::new());
    }

    /// Adds the steps of `other` behind its own.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.steps.append(&mut other.steps);
    }
}

/// Whether the step asks for a tool.
pub(crate) fn asks_for_tools(step: &[Action]) -> bool {
    step.iter().any(|action| matches!(action, Action::Call { .. }))
}
