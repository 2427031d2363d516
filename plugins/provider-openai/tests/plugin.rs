//! The plugin from outside: what it offers before anybody was asked, and that it leaves nothing behind.

use transom_agent::provider::MODEL;
use transom_provider_openai::OpenAi;
use transom_testkit::{both_ways, contract_check, json};

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1/v1";

#[test]
fn the_model_of_the_settings_is_there_at_once() {
    both_ways(async |stand| {
        let settings = json!({"name": "local", "base_url": NOBODY, "model": "tiny", "list_models": false});
        let stand = stand.plugin::<OpenAi>(settings);
        stand.start().await.expect("it starts");
        let models = stand.stream_caller(MODEL).names();
        assert_eq!(models.len(), 1);
        assert_eq!((models[0].name.as_str(), models[0].about.provider.as_str()), ("local/tiny", "local"));
        stand.stop().await;
    });
}

#[test]
fn an_address_that_is_none_is_refused_at_the_start() {
    both_ways(async |stand| {
        let stand = stand.plugin::<OpenAi>(json!({"base_url": "not an address"}));
        let refused = stand.start().await.expect_err("it is no address").to_string();
        assert!(refused.contains("provider-openai") && refused.contains("base_url"), "{refused}");
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    // It asks for the list of models again and again, in vain, until it is stopped.
    contract_check::<OpenAi>(json!({"base_url": NOBODY, "key": "sk-nobody"}));
}
