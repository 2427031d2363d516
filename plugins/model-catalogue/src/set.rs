//! What operators set, checked, and prices completed by the provider's rule.

use std::collections::BTreeMap;

use transom_agent::provider::{ModelFacts, Prices};
use transom_agent::refusal::shown;
use transom_plugin_api::{Maybe, StartError};

use crate::SetFacts;

/// What a price that an operator has set is dated with.
const SETTINGS: &str = "settings";

/// The service whose prices of cached tokens follow from the one of the prompt.
const ANTHROPIC: &str = "anthropic/";
/// Of the price of the prompt, as a fraction, so that a price in tenths of a cent stays one.
const ANTHROPIC_READ: (f64, f64) = (1.0, 10.0);
const ANTHROPIC_WRITE: (f64, f64) = (5.0, 4.0);

/// The settings as facts, by pattern.
///
/// # Errors
/// When a number cannot be one, or prices are given in part and there is no rule for the rest; names the key.
pub(crate) fn checked(
    models: BTreeMap<String, SetFacts>,
) -> Result<BTreeMap<String, ModelFacts>, StartError> {
    models.into_iter().map(|(pattern, set)| Ok((pattern.clone(), facts(&pattern, &set)?))).collect()
}

fn facts(pattern: &str, set: &SetFacts) -> Result<ModelFacts, StartError> {
    let at = format!("models.{}", shown(pattern, 200));
    if pattern.trim_end_matches('*').contains('*') || pattern.ends_with("**") {
        return Err(StartError::new(format!("setting `{at}` has a `*` that is not its end"))
            .help("a name may end in one `*`, which stands for whatever follows"));
    }
    for (key, value) in [("context_window", set.context_window), ("max_output_tokens", set.max_output_tokens)]
    {
        if value == Some(0) {
            return Err(StartError::new(format!("setting `{at}.{key}` is 0")).help("set it to at least 1"));
        }
    }
    Ok(ModelFacts {
        context_window: set.context_window.into(),
        max_output_tokens: set.max_output_tokens.into(),
        cache_lifetime_s: set.cache_lifetime_s.into(),
        prices: prices(&at, pattern, set)?.into(),
    })
}

fn prices(at: &str, pattern: &str, set: &SetFacts) -> Result<Option<Prices>, StartError> {
    let SetFacts { input, output, cache_read, cache_write, .. } = *set;
    let given =
        [("input", input), ("output", output), ("cache_read", cache_read), ("cache_write", cache_write)];
    if given.iter().all(|(_, price)| price.is_none()) {
        return Ok(None);
    }
    for (key, price) in given {
        if let Some(price) = price.filter(|price| !price.is_finite() || *price < 0.0) {
            return Err(StartError::new(format!(
                "setting `{at}.{key}` is {price}, expected 0 or more dollars"
            )));
        }
    }
    let input_there = input.filter(|_| pattern.starts_with(ANTHROPIC));
    let by_rule = |(part, whole): (f64, f64)| input_there.map(|input| input * part / whole);
    let cache_read = cache_read.or_else(|| by_rule(ANTHROPIC_READ));
    let cache_write = cache_write.or_else(|| by_rule(ANTHROPIC_WRITE));
    match (input, output, cache_read, cache_write) {
        (Some(input), Some(output), Some(cache_read), Some(cache_write)) => {
            Ok(Some(Prices { input, output, cache_read, cache_write, as_of: SETTINGS.into() }))
        }
        completed => Err(incomplete(at, completed.into())),
    }
}

fn incomplete(at: &str, prices: [Option<f64>; 4]) -> StartError {
    let keys = ["`input`", "`output`", "`cache_read`", "`cache_write`"];
    let missing: Vec<&str> =
        keys.into_iter().zip(prices).filter_map(|(key, price)| price.is_none().then_some(key)).collect();
    StartError::new(format!("setting `{at}` gives some prices and lacks {}", missing.join(", ")))
        .help("give all four, or none; only below `anthropic/` those of the cache follow from `input`")
}

/// `first`, and what it does not tell from `then`.
pub(crate) fn completed(first: ModelFacts, then: ModelFacts) -> ModelFacts {
    fn or<T>(first: Maybe<T>, then: Maybe<T>) -> Maybe<T> {
        first.into_option().or(then.into_option()).into()
    }
    ModelFacts {
        context_window: or(first.context_window, then.context_window),
        max_output_tokens: or(first.max_output_tokens, then.max_output_tokens),
        cache_lifetime_s: or(first.cache_lifetime_s, then.cache_lifetime_s),
        prices: or(first.prices, then.prices),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: SetFacts = SetFacts {
        context_window: None,
        max_output_tokens: None,
        cache_lifetime_s: None,
        input: None,
        output: None,
        cache_read: None,
        cache_write: None,
    };

    fn refusal(pattern: &str, set: &SetFacts) -> String {
        facts(pattern, set).unwrap_err().to_string()
    }

    #[test]
    fn prices_of_the_cache_follow_where_a_rule_is_known_and_those_given_win() {
        let set = SetFacts { input: Some(4.0), output: Some(20.0), ..NONE };
        let prices = facts("anthropic/claude-*", &set).unwrap().prices.into_option().unwrap();
        assert_eq!((prices.cache_read, prices.cache_write), (0.4, 5.0));
        assert_eq!(prices.as_of, "settings");
        let set = SetFacts { cache_write: Some(8.0), ..set };
        let prices = facts("anthropic/claude", &set).unwrap().prices.into_option().unwrap();
        assert_eq!((prices.cache_read, prices.cache_write), (0.4, 8.0));
    }

    #[test]
    fn prices_in_part_are_refused_with_what_is_missing() {
        let set = SetFacts { input: Some(4.0), output: Some(20.0), ..NONE };
        assert_eq!(
            refusal("openai/x", &set),
            "setting `models.openai/x` gives some prices and lacks `cache_read`, `cache_write`\n  help: give all \
             four, or none; only below `anthropic/` those of the cache follow from `input`"
        );
        let told = refusal("anthropic/x", &SetFacts { input: Some(1.0), ..NONE });
        assert!(told.contains("lacks `output`\n"), "{told}");
    }

    #[test]
    fn a_number_that_cannot_be_is_refused_with_its_key() {
        for price in [-0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let told = refusal("anthropic/x", &SetFacts { input: Some(1.0), output: Some(price), ..NONE });
            assert!(
                told.contains("`models.anthropic/x.output` is") && told.contains("expected 0 or more"),
                "{told}"
            );
        }
        let told = refusal("a/x", &SetFacts { context_window: Some(0), ..NONE });
        assert_eq!(told, "setting `models.a/x.context_window` is 0\n  help: set it to at least 1");
        for pattern in ["a/*b", "a/**", "*a*"] {
            assert!(refusal(pattern, &NONE).contains("that is not its end"), "{pattern}");
        }
        assert!(facts("*", &SetFacts { input: Some(0.0), output: Some(0.0), ..NONE }).is_err());
        let free = SetFacts {
            cache_read: Some(0.0),
            cache_write: Some(0.0),
            input: Some(0.0),
            output: Some(0.0),
            ..NONE
        };
        assert!(facts("*", &free).is_ok(), "free is a price");
    }
}
