//! How long an answer may be, and how much of it may be thoughts.

use serde::Serialize;
use transom_agent::provider::{ModelRequest, ReasoningEffort};
use transom_plugin_api::Maybe;
use transom_plugin_api::sabotage::sabotaged;
use transom_upstream::Target;

use super::Dialect;
use super::turns::Turn;

/// Tokens below which the service refuses to let a model think.
const LEAST_BUDGET: u64 = 1_024;
/// Tokens that are left to the words behind the thoughts, if so many may be said at all.
const WORDS: u64 = 8_192;

/// Whether a request is made for nothing but the cache: it has room for one token. It thinks as the requests do whose prompt it
/// keeps, since the service has messages in its cache for each way to think; its answer ends where its prompt was counted.
pub(crate) fn is_for_the_cache(request: &ModelRequest) -> bool {
    request.max_tokens == Maybe::Some(1) && !sabotaged("warm-without-thoughts")
}

/// How long an answer may be.
#[derive(Debug, PartialEq)]
pub(super) struct Length {
    /// Tokens in all.
    pub(super) max_tokens: u64,
    /// Tokens of thoughts; none when the model is not to think.
    pub(super) budget: Option<u64>,
}

/// Asks for thoughts.
#[derive(Debug, Serialize)]
pub(super) struct Thinking {
    r#type: &'static str,
    budget_tokens: u64,
}

impl Thinking {
    /// Of so many tokens.
    pub(super) const fn of(budget_tokens: u64) -> Self {
        Self { r#type: "enabled", budget_tokens }
    }
}

impl Length {
    /// Of the answer to a request.
    pub(super) fn of(
        request: &ModelRequest,
        dialect: &Dialect,
        target: &Target<'_>,
        turns: &[Turn<'_>],
    ) -> Self {
        let most = target.max_output_tokens.unwrap_or(u64::MAX);
        let for_the_cache = is_for_the_cache(request);
        let own = request.max_tokens.into_option().filter(|_| !for_the_cache);
        let wanted = own.unwrap_or(dialect.max_tokens).min(most);
        let is_probe = own.is_some_and(|own| own <= LEAST_BUDGET);
        // Thoughts that an operator has set may need the room.
        let has_own_thoughts = dialect.extra.contains_key("thinking");
        let max_tokens = if for_the_cache && !has_own_thoughts { 1 } else { wanted };
        let unthinking = Self { max_tokens, budget: None };
        if is_probe || !dialect.thinks || has_own_thoughts || !may_think(turns) {
            return unthinking;
        }
        let words = wanted.min(WORDS);
        let budget =
            budget_of(&request.reasoning_effort).map(|budget| budget.min(most.saturating_sub(words)));
        match budget.filter(|budget| *budget >= LEAST_BUDGET) {
            None => unthinking,
            Some(budget) => Self { max_tokens: wanted.max(budget + words), budget: Some(budget) },
        }
    }
}

/// What is not known here is left to the model.
const fn budget_of(effort: &ReasoningEffort) -> Option<u64> {
    match effort {
        ReasoningEffort::Low => Some(4_096),
        ReasoningEffort::Medium => Some(10_240),
        ReasoningEffort::High => Some(16_384),
        ReasoningEffort::Xhigh => Some(32_768),
        ReasoningEffort::Max => Some(65_536),
        ReasoningEffort::Unknown(_) => None,
    }
}

/// The service lets no model think where it is to go on with its own words, or with what it asked tools for without a
/// thought in front: the answer of another model, say.
fn may_think(turns: &[Turn<'_>]) -> bool {
    let Some(last) = turns.iter().rposition(Turn::is_the_models) else { return true };
    match turns.get(last + 1) {
        None => false,
        Some(next) => !next.begins_with_a_result() || turns[last].begins_with_a_thought(),
    }
}

#[cfg(test)]
mod tests {
    use transom_upstream::fixture::request;

    use super::*;

    fn length(effort: ReasoningEffort, own: Option<u64>, most: Option<u64>) -> (u64, Option<u64>) {
        let mut request = request([]);
        request.reasoning_effort = effort;
        request.max_tokens = Maybe::from(own);
        let dialect = Dialect { max_tokens: 32_000, thinks: true, ..Dialect::default() };
        let target = Target { provider: "anthropic", max_output_tokens: most };
        let Length { max_tokens, budget } = Length::of(&request, &dialect, &target, &[]);
        (max_tokens, budget)
    }

    #[test]
    fn each_effort_has_its_budget_and_room_for_words_beside_it() {
        assert_eq!(length(ReasoningEffort::Low, None, None), (32_000, Some(4_096)));
        assert_eq!(length(ReasoningEffort::Medium, None, None), (32_000, Some(10_240)));
        assert_eq!(length(ReasoningEffort::High, None, None), (32_000, Some(16_384)));
        assert_eq!(length(ReasoningEffort::Xhigh, None, None), (40_960, Some(32_768)));
        assert_eq!(length(ReasoningEffort::Max, None, None), (73_728, Some(65_536)));
        let unknown = serde_json::from_str("\"endless\"").expect("an effort may be unknown");
        assert_eq!(length(unknown, None, None), (32_000, None));
    }

    #[test]
    fn who_wants_little_gets_it_behind_the_thoughts() {
        assert_eq!(length(ReasoningEffort::High, Some(2_000), None), (18_384, Some(16_384)));
        assert_eq!(length(ReasoningEffort::High, Some(1_025), None), (17_409, Some(16_384)));
        assert_eq!(length(ReasoningEffort::High, Some(1_024), None), (1_024, None));
        assert_eq!(length(ReasoningEffort::High, Some(2), None), (2, None));
    }

    #[test]
    fn a_request_for_one_token_thinks_as_the_one_whose_prompt_it_keeps() {
        let efforts = [ReasoningEffort::Low, ReasoningEffort::High, ReasoningEffort::Max];
        for (effort, most) in efforts.iter().flat_map(|effort| [(effort, None), (effort, Some(64_000))]) {
            let whole = length(effort.clone(), None, most);
            assert_eq!(length(effort.clone(), Some(1), most), whole, "{effort:?} {most:?}");
        }
        let unknown = serde_json::from_str("\"endless\"").expect("an effort may be unknown");
        assert_eq!(length(unknown, Some(1), None), (1, None), "where nobody thinks it stays short");
        assert_eq!(length(ReasoningEffort::High, Some(1), Some(8_192)), (1, None));
    }

    #[test]
    fn what_the_model_can_say_at_most_is_not_passed() {
        assert_eq!(length(ReasoningEffort::Max, None, Some(64_000)), (64_000, Some(55_808)));
        assert_eq!(length(ReasoningEffort::High, None, Some(8_192)), (8_192, None));
        assert_eq!(length(ReasoningEffort::Low, None, Some(10_000)), (10_000, Some(1_808)));
        assert_eq!(length(ReasoningEffort::Low, Some(90_000), Some(64_000)), (64_000, Some(4_096)));
    }
}
