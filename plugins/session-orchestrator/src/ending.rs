//! When a turn ends, why, and with what sum.

use transom_agent::provider::{FinishReason, Usage};
use transom_agent::turn::EndReason;
use transom_plugin_api::Maybe;

use crate::step::Outcome;

/// What follows when the model's part of a step is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The tools it asked for are run.
    RunTools,
    /// The turn ends.
    End(EndReason),
}

/// The rule behind a model's answer. An interrupted answer has no outcome; a failed or withheld one ends the turn even
/// when it asked for tools, for nobody knows what else it would have said. A finish for a reason of a later revision is
/// one like any other.
pub(crate) fn after_model(outcome: Option<&Outcome>, asks_for_tools: bool) -> Next {
    match outcome {
        None => Next::End(EndReason::Aborted),
        Some(Outcome::Failed(_)) => Next::End(EndReason::Error),
        Some(Outcome::Finished(FinishReason::ContentFilter)) => Next::End(EndReason::ContentFilter),
        Some(Outcome::Finished(_)) if asks_for_tools => Next::RunTools,
        Some(Outcome::Finished(FinishReason::Length)) => Next::End(EndReason::Length),
        Some(Outcome::Finished(FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Unknown(_))) => {
            Next::End(EndReason::Stop)
        }
    }
}

/// The rule behind the tools of a step: `steps` were made, of at most `max_steps` (0: any number).
pub(crate) fn after_tools(steps: u32, max_steps: u32) -> Option<EndReason> {
    (max_steps > 0 && steps >= max_steps).then_some(EndReason::MaxSteps)
}

/// Adds the tokens of a step. Cache counts show up in the sum only when some step had them.
pub(crate) fn add_usage(sum: &mut Usage, step: &Usage) {
    sum.input_tokens = sum.input_tokens.saturating_add(step.input_tokens);
    sum.output_tokens = sum.output_tokens.saturating_add(step.output_tokens);
    sum.cache_read_tokens = add_maybe(sum.cache_read_tokens, step.cache_read_tokens);
    sum.cache_write_tokens = add_maybe(sum.cache_write_tokens, step.cache_write_tokens);
}

fn add_maybe(sum: Maybe<u64>, step: Maybe<u64>) -> Maybe<u64> {
    match (sum, step) {
        (Maybe::Some(sum), Maybe::Some(step)) => Maybe::Some(sum.saturating_add(step)),
        (one, Maybe::None) | (Maybe::None, one) => one,
    }
}

/// How full the model's window is after a step.
pub(crate) fn context_size(last: &Usage) -> u64 {
    last.input_tokens.saturating_add(last.output_tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Failure;

    #[test]
    fn every_outcome_has_one_next() {
        let finished = |reason| Some(Outcome::Finished(reason));
        let failed = Some(Outcome::Failed(Failure::new("network", "gone")));
        let unknown: FinishReason = serde_json::from_value("bored".into()).unwrap();
        for (outcome, asks, next) in [
            (None, false, Next::End(EndReason::Aborted)),
            (None, true, Next::End(EndReason::Aborted)),
            (failed.clone(), false, Next::End(EndReason::Error)),
            (failed, true, Next::End(EndReason::Error)),
            (finished(FinishReason::Stop), false, Next::End(EndReason::Stop)),
            (finished(FinishReason::Stop), true, Next::RunTools),
            (finished(FinishReason::ToolCalls), true, Next::RunTools),
            (finished(FinishReason::ToolCalls), false, Next::End(EndReason::Stop)),
            (finished(FinishReason::Length), false, Next::End(EndReason::Length)),
            (finished(FinishReason::Length), true, Next::RunTools),
            (finished(FinishReason::ContentFilter), false, Next::End(EndReason::ContentFilter)),
            (finished(FinishReason::ContentFilter), true, Next::End(EndReason::ContentFilter)),
            (finished(unknown.clone()), false, Next::End(EndReason::Stop)),
            (finished(unknown), true, Next::RunTools),
        ] {
            assert_eq!(after_model(outcome.as_ref(), asks), next, "{outcome:?} {asks}");
        }
    }

    #[test]
    fn the_last_allowed_step_ends_the_turn_and_zero_allows_any_number() {
        assert_eq!(after_tools(1, 2), None);
        assert_eq!(after_tools(2, 2), Some(EndReason::MaxSteps));
        assert_eq!(after_tools(u32::MAX, 0), None);
    }

    #[test]
    fn cache_counts_show_only_when_some_step_had_them() {
        let mut sum = Usage::default();
        add_usage(&mut sum, &Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() });
        assert!(sum.cache_read_tokens.is_none());
        let cached =
            Usage { input_tokens: 10, output_tokens: u64::MAX, cache_read_tokens: Some(5).into(), ..sum };
        add_usage(&mut sum, &cached);
        assert_eq!((sum.input_tokens, sum.output_tokens), (11, u64::MAX));
        assert_eq!(sum.cache_read_tokens, Maybe::Some(5));
        assert!(sum.cache_write_tokens.is_none());
        assert_eq!(context_size(&sum), u64::MAX);
    }
}
