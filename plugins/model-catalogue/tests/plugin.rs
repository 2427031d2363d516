//! The plugin from outside: beside models that the test serves.

use transom_agent::provider::{FACTS, FinishReason, MODEL, ModelInfo, ProviderEvent};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest};
use transom_model_catalogue::ModelCatalogue;
use transom_plugin_api::{CallError, CallErrorKind};
use transom_testkit::{Stand, both_ways, contract_check, json};

fn serve(stand: &Stand, name: &str, provider: &str, context_window: Option<u64>) {
    let about = ModelInfo {
        provider: provider.into(),
        context_window: context_window.into(),
        ..ModelInfo::default()
    };
    stand.serve_stream_named(MODEL, name, about, |_, mut items, _| async move {
        items.send(ProviderEvent::Finish { reason: FinishReason::Stop }).await;
        Ok(())
    });
}

async fn asked(stand: &Stand, query: &[(&str, &str)]) -> Result<HttpReply, CallError> {
    let mut request = HttpRequest::new("GET", "/models/facts");
    for (key, value) in query {
        request.query.insert(*key, (*value).into());
    }
    stand.caller(HTTP_ROUTE).call_named("GET /models/facts", request).await
}

#[test]
fn what_is_set_comes_first_then_what_the_provider_says_then_the_table() {
    both_ways(async |stand| {
        let set = json!({"models": {"work/claude-*": {"max_output_tokens": 5}}});
        let stand = stand.plugin::<ModelCatalogue>(set);
        serve(&stand, "work/claude-sonnet-4-5-20250929", "anthropic", Some(1_000_000));
        stand.start().await.expect("it starts");
        let facts = stand.caller(FACTS).call("work/claude-sonnet-4-5-20250929".into()).await;
        let facts = facts.expect("it answers");
        assert_eq!(facts.max_output_tokens.into_option(), Some(5), "the operator said so");
        assert_eq!(facts.context_window.into_option(), Some(1_000_000), "the provider did");
        assert_eq!(facts.cache_lifetime_s.into_option(), Some(300), "the table did");
        let prices = facts.prices.into_option().expect("it is known");
        assert_eq!(
            (prices.input, prices.output, prices.cache_read, prices.cache_write),
            (3.0, 15.0, 0.3, 3.75)
        );
        stand.stop().await;
    });
}

#[test]
fn the_route_tells_of_one_model_or_of_all_that_are_served() {
    both_ways(async |stand| {
        let stand = stand.plugin::<ModelCatalogue>(json!({}));
        stand.start().await.expect("it starts");
        serve(&stand, "openai/gpt-5", "openai", None);
        serve(&stand, "test/model", "test", Some(10));
        let all = asked(&stand, &[]).await.expect("it answers").body.value();
        assert_eq!(all["models"].as_array().map(Vec::len), Some(2));
        assert_eq!(all["models"][0]["prices"]["asOf"], "2025-11-30");
        assert_eq!(all["models"][1], json!({"model": "test/model", "contextWindow": 10}));
        let one = asked(&stand, &[("model", "openai/gpt-5")]).await.expect("it answers").body.value();
        assert_eq!(one, all["models"][0]);
        let unknown = asked(&stand, &[("model", "no/body")]).await.expect("it answers").body.value();
        assert_eq!(unknown, json!({"model": "no/body"}));
        let wrong = asked(&stand, &[("modle", "no/body")]).await.expect_err("a typo");
        assert_eq!(wrong.kind, CallErrorKind::InvalidInput);
        stand.stop().await;
    });
}

#[test]
fn prices_that_cannot_be_completed_keep_the_plugin_from_starting() {
    both_ways(async |stand| {
        let stand = stand.plugin::<ModelCatalogue>(json!({"models": {"a/b": {"input": 1, "output": 2}}}));
        let refused = stand.start().await.expect_err("there is no rule").to_string();
        assert!(
            refused.contains("`models.a/b` gives some prices and lacks `cache_read`, `cache_write`"),
            "{refused}"
        );
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<ModelCatalogue>(json!({}));
}
