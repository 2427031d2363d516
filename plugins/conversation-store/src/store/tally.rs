//! What the facts of a turn add up to.

use std::collections::HashSet;

use transom_agent::message::Chunk;
use transom_agent::provider::Usage;
use transom_plugin_api::{Maybe, Text};

/// The steps of a turn and their tokens, as far as they were told.
#[derive(Default)]
pub(crate) struct Tally {
    steps: HashSet<Text>,
    pub(crate) usage: Usage,
    /// Tokens of the last step, in and out.
    pub(crate) context_size: Maybe<u64>,
}

impl Tally {
    /// Takes a chunk into account.
    pub(crate) fn add(&mut self, chunk: &Chunk) {
        if let Chunk::Usage { usage, .. } = chunk {
            self.usage = sum(&self.usage, usage);
            self.context_size = Maybe::Some(usage.input_tokens.saturating_add(usage.output_tokens));
        }
        let step_id = match chunk {
            Chunk::Usage { step_id, .. }
            | Chunk::StepComplete { step_id, .. }
            | Chunk::ProviderRetry { step_id, .. }
            | Chunk::ToolCall { step_id: Maybe::Some(step_id), .. } => step_id,
            _ => return,
        };
        if !self.steps.contains(step_id) {
            self.steps.insert(step_id.clone());
        }
    }

    /// How many steps were told of.
    pub(crate) fn steps(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }
}

fn sum(left: &Usage, right: &Usage) -> Usage {
    Usage {
        input_tokens: left.input_tokens.saturating_add(right.input_tokens),
        output_tokens: left.output_tokens.saturating_add(right.output_tokens),
        cache_read_tokens: either(left.cache_read_tokens, right.cache_read_tokens),
        cache_write_tokens: either(left.cache_write_tokens, right.cache_write_tokens),
    }
}

fn either(left: Maybe<u64>, right: Maybe<u64>) -> Maybe<u64> {
    match (left, right) {
        (Maybe::Some(left), Maybe::Some(right)) => Maybe::Some(left.saturating_add(right)),
        (Maybe::None, other) | (other, Maybe::None) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_add_up_and_the_last_step_tells_the_context() {
        let mut tally = Tally::default();
        let used = |step: &str, input_tokens, cache: Option<u64>| Chunk::Usage {
            step_id: step.into(),
            usage: Usage {
                input_tokens,
                output_tokens: 1,
                cache_read_tokens: cache.into(),
                cache_write_tokens: Maybe::None,
            },
        };
        for chunk in [used("a", 10, None), used("b", 20, Some(5)), used("b", u64::MAX, Some(2))] {
            tally.add(&chunk);
        }
        assert_eq!(tally.steps(), 2);
        assert_eq!((tally.usage.input_tokens, tally.usage.output_tokens), (u64::MAX, 3));
        assert_eq!(
            (tally.usage.cache_read_tokens, tally.usage.cache_write_tokens),
            (Maybe::Some(7), Maybe::None)
        );
        assert_eq!(tally.context_size, Maybe::Some(u64::MAX));
    }
}
