//! The rule of the mode `gain`: whether, when and until when a prompt is worth asking again.

use transom_agent::provider::Prices;
use transom_plugin_api::sabotage::sabotaged;

use crate::money::{Known, expected_gain};
use crate::record::LEAST_INTERVAL_MS;

/// What stays of a cache's life, at least, when it is used again.
const RESERVE_MS: i64 = 10_000;

/// What an operator thinks of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// How probable it is that somebody goes on while one further life of the cache lasts.
    pub(crate) chance: f64,
    /// US dollars that have to be expected.
    pub(crate) floor_usd: f64,
    /// Milliseconds behind the last turn after which nobody is expected any more.
    pub(crate) stop_after_ms: i64,
}

/// What is known of a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Case<'a> {
    /// The model of its last turn; empty when none was heard.
    pub(crate) model: &'a str,
    pub(crate) known: &'a Known,
    /// Tokens of its prompt, as the last request told them.
    pub(crate) prompt_tokens: Option<u64>,
    /// When its prompt was asked last, in milliseconds since the epoch.
    pub(crate) last_request_at: Option<i64>,
    /// When a turn asked it last.
    pub(crate) last_turn_at: Option<i64>,
}

/// Why nothing is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// What the mode needs is not known of the model: in words.
    Unknown(String),
    /// It is not worth it, now: in words.
    Rests(String),
}

/// Milliseconds behind a request at which its prompt is asked again.
fn delay(lifetime_ms: i64) -> i64 {
    (lifetime_ms / 10).saturating_mul(9).min(lifetime_ms - RESERVE_MS)
}

impl Case<'_> {
    /// When the prompt is to be asked again, in milliseconds since the epoch.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) fn next_at(&self, terms: &Terms) -> Result<i64, Why> {
        let rests = |why: String| Err(Why::Rests(format!("{why}; it begins again behind the next turn")));
        if self.model.is_empty() {
            return rests("no turn was heard yet".to_owned());
        }
        let (prices, lifetime_ms) = self.needs()?;
        let (Some(tokens), Some(last_request_at), Some(last_turn_at)) =
            (self.prompt_tokens, self.last_request_at, self.last_turn_at)
        else {
            return rests("nobody told how long the prompt is".to_owned());
        };
        let gain = expected_gain(tokens, prices, terms.chance);
        if gain < terms.floor_usd && !sabotaged("warm-at-a-loss") {
            let floor = terms.floor_usd;
            return rests(format!("${gain:.4} are expected of asking again, less than ${floor:.4}"));
        }
        let next_at = last_request_at.saturating_add(delay(lifetime_ms));
        if next_at > last_turn_at.saturating_add(terms.stop_after_ms) {
            return rests(format!(
                "the last turn is {} s ago by then",
                next_at.saturating_sub(last_turn_at) / 1_000
            ));
        }
        Ok(next_at)
    }

    fn needs(&self) -> Result<(&Prices, i64), Why> {
        let model = self.model;
        let unknown = |what: &str| {
            Why::Unknown(format!(
                "nobody knows {what} of `{model}`; set it in the settings of the model catalogue, or choose the mode `interval`"
            ))
        };
        let prices = self.known.prices.as_ref().ok_or_else(|| unknown("the prices"))?;
        let lifetime_ms = self.known.lifetime_ms.ok_or_else(|| unknown("the lifetime of the cache"))?;
        if delay(lifetime_ms) < LEAST_INTERVAL_MS as i64 {
            let message =
                format!("the cache of `{model}` lasts {lifetime_ms} ms, which is too short to be kept warm");
            return Err(Why::Unknown(message));
        }
        Ok((prices, lifetime_ms))
    }

    /// Whether a request now would come too late: less than half of what was to be left of the cache's life is left, so that by the
    /// time it arrives it may have to write the whole prompt.
    pub(crate) fn is_too_late(&self, now_ms: i64) -> bool {
        let (Some(lifetime_ms), Some(last_request_at)) = (self.known.lifetime_ms, self.last_request_at)
        else {
            return true;
        };
        let left = last_request_at.saturating_add(lifetime_ms).saturating_sub(now_ms);
        left.saturating_mul(2) < lifetime_ms - delay(lifetime_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::tests::prices;

    const MINUTE: i64 = 60_000;
    const TERMS: Terms = Terms { chance: 0.15, floor_usd: 0.05, stop_after_ms: 30 * MINUTE };

    fn known() -> Known {
        Known { prices: Some(prices()), lifetime_ms: Some(5 * MINUTE) }
    }

    fn case(known: &Known, tokens: u64) -> Case<'_> {
        Case {
            model: "a/one",
            known,
            prompt_tokens: Some(tokens),
            last_request_at: Some(0),
            last_turn_at: Some(0),
        }
    }

    #[test]
    fn a_prompt_is_asked_again_when_enough_is_expected_of_it() {
        // Of 1,000,000 tokens: 0.15 × 3.45 − 0.300015 = 0.217485 dollars.
        for (tokens, chance, floor_usd, is_asked) in [
            (1_000_000, 0.15, 0.05, true),
            (1_000_000, 0.15, 0.2174, true),
            (1_000_000, 0.15, 0.2175, false),
            (229_900, 0.15, 0.05, false),
            (230_000, 0.15, 0.05, true),
            (1_000_000, 0.08, 0.0, false),
            (1_000_000, 0.09, 0.0, true),
            (1_000, 1.0, 0.05, false),
            (20_000, 1.0, 0.05, true),
            (0, 1.0, 0.0, false),
            (100_000_000, 0.0, 0.0, false),
        ] {
            let known = known();
            let next = case(&known, tokens).next_at(&Terms { chance, floor_usd, ..TERMS });
            assert_eq!(next.is_ok(), is_asked, "{tokens} tokens, {chance}, ${floor_usd}: {next:?}");
        }
    }

    #[test]
    fn it_is_asked_shortly_before_the_provider_forgets_it() {
        for (lifetime_ms, expected) in [
            (300_000, Ok(270_000)),
            (100_000, Ok(90_000)),
            (60_000, Ok(50_000)),
            (11_000, Ok(1_000)),
            (3_600_000, Err(())),
            (10_999, Err(())),
            (0, Err(())),
        ] {
            let known = Known { lifetime_ms: Some(lifetime_ms), ..known() };
            let next = case(&known, 1_000_000).next_at(&TERMS).map_err(drop);
            assert_eq!(next, expected, "{lifetime_ms} ms");
        }
    }

    #[test]
    fn some_time_behind_the_last_turn_nobody_is_expected_any_more() {
        let known = known();
        let at = |last_request_at| {
            let case = Case { last_request_at: Some(last_request_at), ..case(&known, 1_000_000) };
            case.next_at(&TERMS).ok()
        };
        assert_eq!(at(30 * MINUTE - 270_000), Some(30 * MINUTE));
        assert_eq!(at(30 * MINUTE - 269_999), None);
    }

    #[test]
    fn what_is_not_known_is_said() {
        let whole = known();
        for (known, told) in [
            (Known { prices: None, ..whole.clone() }, "nobody knows the prices of `a/one`;"),
            (
                Known { lifetime_ms: None, ..whole.clone() },
                "nobody knows the lifetime of the cache of `a/one`;",
            ),
            (Known { lifetime_ms: Some(5_000), ..whole.clone() }, "the cache of `a/one` lasts 5000 ms,"),
        ] {
            let why = case(&known, 1_000_000).next_at(&TERMS);
            assert!(matches!(&why, Err(Why::Unknown(words)) if words.starts_with(told)), "{why:?}");
        }
        let silent = Case { prompt_tokens: None, ..case(&whole, 0) };
        assert!(matches!(silent.next_at(&TERMS), Err(Why::Rests(_))));
        assert!(matches!(Case { model: "", ..silent }.next_at(&TERMS), Err(Why::Rests(_))));
    }

    #[test]
    fn a_timer_that_comes_when_half_of_the_rest_is_gone_comes_too_late() {
        let known = known();
        let case = case(&known, 1_000_000);
        for (now, is_late) in [(270_000, false), (285_000, false), (285_001, true), (i64::MAX, true)] {
            assert_eq!(case.is_too_late(now), is_late, "{now}");
        }
    }
}
