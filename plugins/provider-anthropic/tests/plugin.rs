//! The plugin from outside: what it offers before anybody was asked, and that it leaves nothing behind.

use std::future::ready;

use transom_agent::credential::{CREDENTIALS, Credential, Credentials};
use transom_agent::provider::MODEL;
use transom_plugin_api::{List, Maybe, SecretText};
use transom_provider_anthropic::Anthropic;
use transom_testkit::{both_ways, contract_check, json};
use transom_upstream::loopback::Lists;

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

#[test]
fn the_model_of_the_settings_is_there_at_once() {
    both_ways(async |stand| {
        let settings = json!({"name": "local", "base_url": NOBODY, "model": "tiny", "list_models": false});
        let stand = stand.plugin::<Anthropic>(settings);
        stand.start().await.expect("it starts");
        let models = stand.stream_caller(MODEL).names();
        assert_eq!(models.len(), 1);
        assert_eq!((models[0].name.as_str(), models[0].about.provider.as_str()), ("local/tiny", "local"));
        stand.stop().await;
    });
}

#[test]
fn at_its_own_address_a_model_is_the_services_whatever_the_account() {
    both_ways(async |stand| {
        let settings = json!({"name": "mine", "model": "m", "list_models": false, "key": "sk-nobody"});
        let stand = stand.plugin::<Anthropic>(settings);
        stand.start().await.expect("it starts");
        let models = stand.stream_caller(MODEL).names();
        assert_eq!((models[0].name.as_str(), models[0].about.provider.as_str()), ("mine/m", "anthropic"));
        stand.stop().await;
    });
}

#[test]
fn the_models_of_an_account_that_is_told_are_listed_page_by_page() {
    both_ways(async |stand| {
        let server = Lists::start(|head| {
            let page = if head.starts_with("GET /v1/models?limit=1000&after_id=b ") {
                json!({"data": [{"id": "c", "display_name": "Model C"}], "has_more": false, "last_id": "c"})
            } else if head.starts_with("GET /v1/models?limit=1000 ") {
                json!({"data": [{"id": "a"}, {"id": "b"}], "has_more": true, "last_id": "b"})
            } else {
                return None;
            };
            let head = head.to_lowercase();
            let is_right =
                head.contains("x-api-key: sk-told") && head.contains("anthropic-version: 2023-06-01");
            is_right.then(|| (200, page.to_string()))
        })
        .await;
        let told = Credential {
            name: "told".into(),
            base_url: Maybe::Some(format!("http://127.0.0.1:{}", server.port()).as_str().into()),
            key: Maybe::Some(SecretText::from("sk-told")),
        };
        stand.serve(CREDENTIALS, move |(), _| {
            ready(Ok(Credentials { credentials: List::from([told.clone()]) }))
        });
        let stand = stand.plugin::<Anthropic>(json!({}));
        stand.start().await.expect("it starts");
        let models = stand.stream_caller(MODEL);
        stand.until(|| models.names().len() == 3).await;
        let last = models.names().pop().expect("three models");
        let about = (last.name.as_str(), last.about.provider.as_str(), last.about.display_name.as_deref());
        assert_eq!(about, ("told/c", "told", Some("Model C")));
        stand.stop().await;
    });
}

#[test]
fn settings_that_mean_nothing_are_refused_at_the_start() {
    for (settings, expected) in [
        (json!({"base_url": "not an address"}), "base_url"),
        (json!({"cache": "forever"}), "cache"),
        (json!({"extra_body": "{\"stream\":false}"}), "extra_body"),
        (json!({"beta": ["a\nb"]}), "beta"),
    ] {
        both_ways(async |stand| {
            let stand = stand.plugin::<Anthropic>(settings.clone());
            let refused = stand.start().await.expect_err("it means nothing").to_string();
            assert!(refused.contains("provider-anthropic") && refused.contains(expected), "{refused}");
        });
    }
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    // It asks for the list of models again and again, in vain, until it is stopped.
    contract_check::<Anthropic>(json!({"base_url": NOBODY, "key": "sk-nobody"}));
}
