//! The rule: what requests cost, what was saved, and how much of a prompt came from the cache.

use transom_agent::provider::{ModelFacts, Prices, Usage};
use transom_plugin_api::Text;
use transom_plugin_api::sabotage::sabotaged;

/// Tokens that no prompt and no answer has. What is told beyond that is no number to reckon with.
const MOST_TOKENS: u64 = 100_000_000;
/// Tokens for which prices are told.
const MILLION: f64 = 1_000_000.0;

/// What is known about a model, as far as it can be reckoned with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) prices: Option<Prices>,
    /// Milliseconds that the provider keeps a prompt behind the last request that used it.
    pub(crate) lifetime_ms: Option<i64>,
}

impl Known {
    /// Of what somebody tells. Prices that are none are not known.
    pub(crate) fn of(facts: ModelFacts) -> Self {
        let lifetime_s = facts.cache_lifetime_s.into_option().and_then(|seconds| i64::try_from(seconds).ok());
        Self {
            prices: facts.prices.into_option().filter(are_sound).or_else(guessed),
            lifetime_ms: lifetime_s.map(|seconds| seconds.saturating_mul(1_000)),
        }
    }
}

/// Nothing is guessed.
fn guessed() -> Option<Prices> {
    let prices =
        Prices { input: 3.0, output: 15.0, cache_read: 0.3, cache_write: 3.75, as_of: Text::default() };
    sabotaged("guess-the-prices").then_some(prices)
}

fn are_sound(prices: &Prices) -> bool {
    let Prices { input, output, cache_read, cache_write, .. } = prices;
    [input, output, cache_read, cache_write].iter().all(|price| price.is_finite() && **price >= 0.0)
}

/// The tokens of a request, unless they are none or more than there can be.
pub(crate) fn believable(usage: &Usage) -> Option<Usage> {
    let Usage { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens } = *usage;
    let parts = [cache_read_tokens, cache_write_tokens].map(|part| part.into_option().unwrap_or(0));
    let is_told = input_tokens > 0;
    let is_possible = [input_tokens, output_tokens].iter().chain(&parts).all(|part| *part <= MOST_TOKENS);
    (is_told && is_possible).then_some(*usage)
}

/// How much of the prompt came from the cache, in percent.
pub(crate) fn cache_percent(usage: &Usage) -> u8 {
    percent(u128::from(read(usage)), u128::from(usage.input_tokens))
}

/// How much of what the cache was used for it already had, in percent.
pub(crate) fn expected_percent(usage: &Usage) -> u8 {
    let (read, written) = (u128::from(read(usage)), u128::from(written(usage)));
    percent(read, read + written)
}

fn percent(part: u128, whole: u128) -> u8 {
    if whole == 0 {
        return 0;
    }
    // Rounded to the nearest, halves up; no more than all of it.
    u8::try_from(((part.min(whole) * 200 + whole) / (whole * 2)).min(100)).unwrap_or(100)
}

fn read(usage: &Usage) -> u64 {
    usage.cache_read_tokens.into_option().unwrap_or(0)
}

fn written(usage: &Usage) -> u64 {
    usage.cache_write_tokens.into_option().unwrap_or(0)
}

/// What a request cost, in US dollars.
pub(crate) fn cost(usage: &Usage, prices: &Prices) -> f64 {
    let (read, written) = (read(usage), written(usage));
    let fresh = usage.input_tokens.saturating_sub(read).saturating_sub(written);
    let price = |tokens: u64, price: f64| tokens as f64 * price / MILLION;
    price(fresh, prices.input)
        + price(read, prices.cache_read)
        + price(written, prices.cache_write)
        + price(usage.output_tokens, prices.output)
}

/// What was saved by a request that read from the cache what it would have had to write, in US dollars.
pub(crate) fn saving(usage: &Usage, prices: &Prices) -> f64 {
    read(usage) as f64 * (prices.cache_write - prices.cache_read).max(0.0) / MILLION
}

/// What asking a prompt of so many tokens again may be expected to save, in US dollars, where somebody goes on with it with that
/// probability.
pub(crate) fn expected_gain(prompt_tokens: u64, prices: &Prices, chance: f64) -> f64 {
    let tokens = prompt_tokens as f64;
    let warm_cost = (tokens * prices.cache_read + prices.output) / MILLION;
    let miss_cost = tokens * (prices.cache_write - prices.cache_read) / MILLION;
    chance * miss_cost - warm_cost
}

#[cfg(test)]
pub(crate) mod tests {
    use transom_plugin_api::Maybe;

    use super::*;

    pub(crate) fn usage(input: u64, read: u64, write: u64) -> Usage {
        Usage {
            input_tokens: input,
            output_tokens: 1,
            cache_read_tokens: Maybe::Some(read),
            cache_write_tokens: Maybe::Some(write),
        }
    }

    pub(crate) fn prices() -> Prices {
        Prices { input: 3.0, output: 15.0, cache_read: 0.3, cache_write: 3.75, as_of: "2026-11-22".into() }
    }

    #[test]
    fn percentages_are_whole_and_none_of_nothing() {
        for (input, read, write, cache, expected) in [
            (1000, 995, 5, 100, 100),
            (1000, 994, 6, 99, 99),
            (8, 1, 7, 13, 13),
            (1000, 0, 1000, 0, 0),
            (1000, 500, 0, 50, 100),
            (0, 0, 0, 0, 0),
            (0, 10, 0, 0, 100),
            (10, 20, 20, 100, 50),
            (u64::MAX, u64::MAX, u64::MAX, 100, 50),
            (u64::MAX, 0, u64::MAX, 0, 0),
        ] {
            let usage = usage(input, read, write);
            assert_eq!((cache_percent(&usage), expected_percent(&usage)), (cache, expected), "{usage:?}");
        }
        assert_eq!(expected_percent(&Usage { input_tokens: 5, ..Usage::default() }), 0);
    }

    #[test]
    fn each_part_of_a_prompt_has_its_price() {
        let cost = cost(&usage(1_100_000, 1_000_000, 50_000), &prices());
        let expected = 0.05 * 3.0 + 0.3 + 0.05 * 3.75 + 0.000_015;
        assert!((cost - expected).abs() < 1e-9, "{cost}");
        let saving = saving(&usage(1_100_000, 1_000_000, 50_000), &prices());
        assert!((saving - 3.45).abs() < 1e-9, "{saving}");
        let upside_down = Prices { cache_write: 0.1, ..prices() };
        assert!(super::saving(&usage(10, 10, 0), &upside_down).abs() < 1e-9, "nothing is saved below 0");
    }

    #[test]
    fn what_nobody_can_have_used_is_not_believed() {
        assert_eq!(believable(&usage(10, 5, 0)), Some(usage(10, 5, 0)));
        for wrong in [Usage::default(), usage(u64::MAX, 0, 0), usage(10, u64::MAX, 0), usage(10, 0, u64::MAX)]
        {
            assert_eq!(believable(&wrong), None, "{wrong:?}");
        }
        let output = Usage { output_tokens: u64::MAX, ..usage(10, 0, 0) };
        assert_eq!(believable(&output), None);
    }

    #[test]
    fn prices_that_are_none_are_not_known() {
        let known = |prices| {
            Known::of(ModelFacts { prices: Maybe::Some(prices), ..ModelFacts::default() }).prices.is_some()
        };
        assert!(known(prices()));
        for wrong in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(!known(Prices { cache_read: wrong, ..prices() }), "{wrong}");
        }
        let facts = ModelFacts { cache_lifetime_s: Maybe::Some(u64::MAX), ..ModelFacts::default() };
        assert_eq!(Known::of(facts), Known::default());
    }
}
