//! [`Catalogue`]: what is known about a model, from all three places.

use std::collections::BTreeMap;

use transom_agent::provider::{ModelFacts, ModelInfo};
use transom_plugin_api::Provided;
use transom_plugin_api::sabotage::sabotaged;

use crate::pattern::longest;
use crate::set::completed;
use crate::table::Table;

/// What operators have set, and the table.
pub(crate) struct Catalogue {
    set: BTreeMap<String, ModelFacts>,
    table: Table,
}

impl Catalogue {
    pub(crate) const fn new(set: BTreeMap<String, ModelFacts>, table: Table) -> Self {
        Self { set, table }
    }

    /// What is known about the model of that full name; `served` are the names that can be asked, in byte order.
    pub(crate) fn facts(&self, name: &str, served: &[Provided<ModelInfo>]) -> ModelFacts {
        let found = served.binary_search_by(|model| model.name.as_str().cmp(name));
        self.facts_of(name, found.ok().map(|index| &served[index].about))
    }

    /// The same, of a model of which its provider says `about`.
    pub(crate) fn facts_of(&self, name: &str, about: Option<&ModelInfo>) -> ModelFacts {
        let set = longest(self.set.iter().map(|(pattern, facts)| (pattern.as_str(), facts)), name);
        let set = set.cloned().unwrap_or_default();
        let told = ModelFacts {
            context_window: about.and_then(|about| about.context_window.into_option()).into(),
            ..ModelFacts::default()
        };
        let known = about.map(|about| self.table.facts(&about.provider, id_of(name))).unwrap_or_default();
        if sabotaged("trust-the-table-first") {
            return completed(known, completed(set, told));
        }
        completed(completed(set, told), known)
    }
}

/// What stands behind the account.
fn id_of(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, id)| id)
}

#[cfg(test)]
mod tests {
    use transom_agent::provider::Prices;
    use transom_plugin_api::{Maybe, Text};

    use super::*;

    fn served(provider: &str, name: &str, context_window: Option<u64>) -> Provided<ModelInfo> {
        let about = ModelInfo {
            provider: provider.into(),
            context_window: context_window.into(),
            ..ModelInfo::default()
        };
        Provided { name: name.into(), plugin: "test".into(), about }
    }

    fn catalogue(set: &[(&str, ModelFacts)]) -> Catalogue {
        let set = set.iter().map(|(pattern, facts)| ((*pattern).to_owned(), facts.clone())).collect();
        Catalogue::new(set, Table::embedded().unwrap())
    }

    #[test]
    fn the_service_decides_and_not_the_account() {
        let names = [served("anthropic", "work/claude-haiku-4-5", None), served("ollama", "x/gpt-5", None)];
        let known = catalogue(&[]);
        assert_eq!(known.facts("work/claude-haiku-4-5", &names).context_window, Maybe::Some(200_000));
        assert_eq!(known.facts("x/gpt-5", &names), ModelFacts::default());
        assert_eq!(known.facts("openai/gpt-5", &names), ModelFacts::default(), "it is not served");
    }

    #[test]
    fn what_is_set_comes_before_what_is_told_and_that_before_the_table() {
        let names = [served("openai", "openai/gpt-5", Some(7)), served("openai", "openai/gpt-5-mini", None)];
        let prices = Prices {
            input: 9.0,
            output: 9.0,
            cache_read: 9.0,
            cache_write: 9.0,
            as_of: Text::from("settings"),
        };
        let set = ModelFacts { prices: Maybe::Some(prices.clone()), ..ModelFacts::default() };
        let known = catalogue(&[("openai/*", set)]);
        let facts = known.facts("openai/gpt-5", &names);
        assert_eq!(facts.context_window, Maybe::Some(7), "its provider says so");
        assert_eq!(facts.max_output_tokens, Maybe::Some(128_000), "the table does");
        assert_eq!(facts.prices, Maybe::Some(prices), "the operator does");
        let window = ModelFacts { context_window: Maybe::Some(3), ..ModelFacts::default() };
        let known = catalogue(&[("openai/gpt-5", window)]);
        assert_eq!(known.facts("openai/gpt-5", &names).context_window, Maybe::Some(3));
        assert_eq!(known.facts("openai/gpt-5-mini", &names).context_window, Maybe::Some(400_000));
    }

    #[test]
    fn what_an_operator_sets_holds_of_a_model_that_nobody_serves_now() {
        let facts = ModelFacts { context_window: Maybe::Some(3), ..ModelFacts::default() };
        assert_eq!(catalogue(&[("a/b", facts.clone())]).facts("a/b", &[]), facts);
    }
}
