//! Which tools of a step run, and when: the same call once, exclusive tools alone, the others side by side.

use std::collections::{HashMap, VecDeque};

use transom_agent::tool::ToolDefinition;
use transom_plugin_api::Text;

use crate::step::Call;

/// What happens to one call of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// It runs.
    Run {
        /// Beside no other.
        alone: bool,
    },
    /// It shares the answer of the call at this index: same tool, same input.
    SameAs(usize),
    /// No such tool was offered.
    Unknown,
}

/// Decides what happens to each call, in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    first: HashMap<(Text, String), usize>,
}

impl Plan {
    pub(crate) fn of(&mut self, index: usize, call: &Call, offered: &[ToolDefinition]) -> Work {
        let Some(tool) = offered.iter().find(|tool| tool.name == call.name) else { return Work::Unknown };
        // Decoded and encoded again, so that blanks make no difference.
        match *self.first.entry((call.name.clone(), call.input.value().to_string())).or_insert(index) {
            same if same < index => Work::SameAs(same),
            _ => Work::Run { alone: !tool.concurrency_safe },
        }
    }
}

/// The order in which planned calls may start: first come, first served, at most `limit` side by side. A call that runs
/// alone waits for all before it, and all behind it wait for it.
#[derive(Debug)]
pub(crate) struct Schedule {
    waiting: VecDeque<(usize, bool)>,
    running: usize,
    alone: bool,
    limit: usize,
}

impl Schedule {
    pub(crate) fn new(limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        Self { waiting: VecDeque::new(), running: 0, alone: false, limit }
    }

    /// A call waits to start.
    pub(crate) fn push(&mut self, index: usize, alone: bool) {
        self.waiting.push_back((index, alone));
    }

    /// The next call that may start now.
    pub(crate) fn start_next(&mut self) -> Option<usize> {
        let (index, alone) = *self.waiting.front()?;
        if self.alone || self.running >= self.limit || (alone && self.running > 0) {
            return None;
        }
        self.waiting.pop_front();
        self.running += 1;
        self.alone = alone;
        Some(index)
    }

    /// A started call has ended.
    pub(crate) fn ended(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.alone = false;
    }
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::{Json, Maybe};

    use super::*;

    fn call(name: &str, input: &str) -> Call {
        Call { id: "1".into(), name: name.into(), input: Json::parse(input).unwrap() }
    }

    fn tools() -> Vec<ToolDefinition> {
        let tool = |name: &str, concurrency_safe| ToolDefinition {
            name: name.into(),
            description: "".into(),
            parameters: Json::default(),
            concurrency_safe,
            effects: Maybe::None,
        };
        vec![tool("read", true), tool("write", false)]
    }

    const SIDE: Work = Work::Run { alone: false };
    const ALONE: Work = Work::Run { alone: true };

    fn plan(calls: &[Call]) -> Vec<Work> {
        let mut plan = Plan::default();
        calls.iter().enumerate().map(|(index, call)| plan.of(index, call, &tools())).collect()
    }

    #[test]
    fn the_same_call_runs_once_and_other_input_or_another_tool_is_another_call() {
        let calls = [
            call("read", r#"{"a":1}"#),
            call("read", r#"{ "a" : 1 }"#),
            call("read", r#"{"a":2}"#),
            call("write", r#"{"a":1}"#),
            call("read", r#"{"a":1}"#),
        ];
        assert_eq!(plan(&calls), [SIDE, Work::SameAs(0), SIDE, ALONE, Work::SameAs(0)]);
    }

    #[test]
    fn a_tool_that_was_not_offered_is_unknown_however_often_it_is_called() {
        let calls = [call("rm", "{}"), call("rm", "{}")];
        assert_eq!(plan(&calls), [Work::Unknown, Work::Unknown]);
    }

    fn schedule(alone: &[bool], limit: u32) -> Schedule {
        let mut schedule = Schedule::new(limit);
        alone.iter().enumerate().for_each(|(index, alone)| schedule.push(index, *alone));
        schedule
    }

    fn startable(schedule: &mut Schedule) -> Vec<usize> {
        std::iter::from_fn(|| schedule.start_next()).collect()
    }

    #[test]
    fn no_more_than_the_limit_run_side_by_side() {
        let mut schedule = schedule(&[false; 5], 2);
        assert_eq!(startable(&mut schedule), [0, 1]);
        schedule.ended();
        assert_eq!(startable(&mut schedule), [2]);
        schedule.ended();
        schedule.ended();
        assert_eq!(startable(&mut schedule), [3, 4]);
    }

    #[test]
    fn an_exclusive_call_waits_for_those_before_it_and_holds_back_those_behind_it() {
        let mut schedule = schedule(&[false, false, true, false], 4);
        assert_eq!(startable(&mut schedule), [0, 1]);
        schedule.ended();
        assert!(startable(&mut schedule).is_empty());
        schedule.ended();
        assert_eq!(startable(&mut schedule), [2]);
        schedule.ended();
        assert_eq!(startable(&mut schedule), [3]);
        schedule.ended();
        assert!(startable(&mut schedule).is_empty());
    }

    #[test]
    fn a_limit_of_zero_still_runs_one() {
        assert_eq!(startable(&mut schedule(&[false; 2], 0)), [0]);
    }
}
