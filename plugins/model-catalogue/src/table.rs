//! [`Table`]: what this plugin knows by itself, from `data/models.json`.

use serde::Deserialize;
use transom_agent::provider::{ModelFacts, Prices};
use transom_plugin_api::StartError;

use crate::pattern::longest;

/// The file, as it was when this was built.
const EMBEDDED: &str = include_str!("../data/models.json");

/// Known models.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Table {
    /// The day up to which all of it was known.
    as_of: String,
    models: Vec<Row>,
}

/// What is known of some models of a service.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Row {
    provider: String,
    /// Ids, which may end in `*`.
    models: Vec<String>,
    context_window: Option<u64>,
    max_output_tokens: Option<u64>,
    cache_lifetime_s: Option<u64>,
    prices: Option<RowPrices>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RowPrices {
    input: f64,
    output: f64,
    cache_read: f64,
    cache_write: f64,
}

impl Table {
    /// The one that is part of this plugin.
    ///
    /// # Errors
    /// When it is damaged, which a test rules out.
    pub(crate) fn embedded() -> Result<Self, StartError> {
        serde_json::from_str(EMBEDDED)
            .map_err(|error| StartError::new(format!("the table of models is damaged: {error}")))
    }

    /// What is known of a model of a service; nothing when that is not in it.
    pub(crate) fn facts(&self, provider: &str, model: &str) -> ModelFacts {
        let rows = self.models.iter().filter(|row| row.provider == provider);
        let entries = rows.flat_map(|row| row.models.iter().map(move |pattern| (pattern.as_str(), row)));
        longest(entries, model).map_or_else(ModelFacts::default, |row| row.facts(&self.as_of))
    }
}

impl Row {
    fn facts(&self, as_of: &str) -> ModelFacts {
        let dated = |prices: RowPrices| {
            let RowPrices { input, output, cache_read, cache_write } = prices;
            Prices { input, output, cache_read, cache_write, as_of: as_of.into() }
        };
        ModelFacts {
            context_window: self.context_window.into(),
            max_output_tokens: self.max_output_tokens.into(),
            cache_lifetime_s: self.cache_lifetime_s.into(),
            prices: self.prices.map(dated).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_sound() {
        let table = Table::embedded().unwrap();
        let is_digit_or_dash = |byte: u8| byte.is_ascii_digit() || byte == b'-';
        assert!(table.as_of.len() == 10 && table.as_of.bytes().all(is_digit_or_dash), "{}", table.as_of);
        let mut seen = BTreeSet::new();
        for row in &table.models {
            assert!(["anthropic", "openai"].contains(&row.provider.as_str()), "{row:?}");
            assert!(!row.models.is_empty() && row.models.iter().all(|id| seen.insert(id)), "{row:?}");
            assert!(row.models.iter().all(|id| !id.trim_end_matches('*').contains('*')), "{row:?}");
            assert!(row.max_output_tokens < row.context_window, "{row:?}");
            let prices = row.prices.unwrap();
            assert!(0.0 < prices.cache_read && prices.cache_read < prices.input, "{row:?}");
            assert!(prices.input <= prices.cache_write && prices.input < prices.output, "{row:?}");
        }
    }

    #[test]
    fn a_dated_snapshot_is_the_model_it_is_one_of() {
        let table = Table::embedded().unwrap();
        let check = |provider, model, input: Option<f64>| {
            let prices = table.facts(provider, model).prices.into_option();
            assert_eq!(prices.map(|prices| prices.input), input, "{model}");
        };
        check("anthropic", "claude-sonnet-4-5-20250929", Some(3.0));
        check("anthropic", "claude-opus-4-5", Some(5.0));
        check("anthropic", "claude-opus-4-1-20250805", Some(15.0));
        check("openai", "gpt-5-mini-2025-08-07", Some(0.25));
        check("openai", "gpt-5-2025-08-07", Some(1.25));
        check("openai", "gpt-4o-2024-05-13", None);
        check("openai", "gpt-5-something-else", None);
        check("ollama", "gpt-5", None);
    }

    #[test]
    fn prices_have_the_day_up_to_which_they_were_known_and_anthropic_s_caches_a_lifetime() {
        let table = Table::embedded().unwrap();
        let facts = table.facts("anthropic", "claude-haiku-4-5");
        assert_eq!(facts.prices.into_option().unwrap().as_of, table.as_of.as_str());
        assert_eq!(facts.cache_lifetime_s.into_option(), Some(300));
        assert_eq!(table.facts("openai", "gpt-5").cache_lifetime_s.into_option(), None);
    }
}
