//! The plugin from outside: what it tells whom, and that no key shows anywhere.

use std::time::Duration;

use transom_agent::credential::{CREDENTIALS, CREDENTIALS_CHANGED, Credentials};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest};
use transom_credentials::KeepCredentials;
use transom_testkit::{Stand, both_ways, contract_check, json};

/// A key that is looked for wherever it must not be.
const CANARY: &str = "canary-0123456789-yranac";

async fn listed(stand: &Stand) -> HttpReply {
    let route = stand.caller(HTTP_ROUTE);
    let reply = route.call_named("GET /credentials", HttpRequest::new("GET", "/credentials")).await;
    reply.expect("it answers")
}

/// What the test, which is the plugin `test` on the bus, is told.
async fn told(stand: &Stand) -> Credentials {
    stand.caller(CREDENTIALS).call(()).await.expect("it answers")
}

#[test]
fn a_credential_is_told_only_to_the_plugin_it_is_meant_for() {
    both_ways(async |stand| {
        let stand = stand.plugin::<KeepCredentials>(json!({"accounts": {
            "mine": {"plugin": "test", "key": CANARY, "base_url": "http://127.0.0.1:1/v1"},
            "another-one": {"plugin": "test"},
            "theirs": {"plugin": "provider-x", "key": "another key"},
        }}));
        stand.start().await.expect("it starts");
        let told = told(&stand).await.credentials;
        assert_eq!(told.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["another-one", "mine"]);
        assert_eq!(told[1].key.as_ref().map(|key| key.expose()), Some(CANARY));
        assert_eq!(told[1].base_url.as_deref(), Some("http://127.0.0.1:1/v1"));
        stand.stop().await;
    });
}

#[test]
fn no_key_shows_in_a_route_a_log_or_what_is_printed_of_an_answer() {
    both_ways(async |stand| {
        let accounts = json!({"accounts": {"a": {"plugin": "test", "key": CANARY}}});
        let stand = stand.plugin::<KeepCredentials>(accounts);
        stand.start().await.expect("it starts");
        let changed = stand.record(CREDENTIALS_CHANGED);
        let other = json!({"accounts": {"a": {"plugin": "test", "key": CANARY, "base_url": "http://h/"}}});
        stand.reload::<KeepCredentials>(other, Duration::from_secs(10)).await.expect("it is replaced");
        changed.next().await;
        let refused = json!({"accounts": {"a": {"plugin": "", "key": CANARY}}});
        let refused = stand.reload::<KeepCredentials>(refused, Duration::from_secs(10)).await;
        let refused = refused.expect_err("nobody may use it");
        assert!(refused.contains("`accounts.a.plugin` is empty"), "{refused}");
        let shown = [
            listed(&stand).await.body.as_str().to_owned(),
            format!("{:?}", told(&stand).await),
            format!("{:?} {:?}", changed.all(), stand.log()),
            refused,
        ];
        for shown in shown {
            assert!(!shown.contains("0123456789"), "{shown}");
        }
        stand.stop().await;
    });
}

#[test]
fn the_route_tells_accounts_and_no_more_of_a_key_than_its_ends() {
    both_ways(async |stand| {
        let stand = stand.plugin::<KeepCredentials>(json!({"accounts": {
            "b": {"plugin": "provider-x", "base_url": "https://h/v1"},
            "a": {"plugin": "test", "key": CANARY},
            "c": {"plugin": "test", "key": "short"},
        }}));
        stand.start().await.expect("it starts");
        assert_eq!(
            listed(&stand).await.body.value(),
            json!({"credentials": [
                {"name": "a", "plugin": "test", "hasKey": true, "maskedKey": "can…nac"},
                {"name": "b", "plugin": "provider-x", "hasKey": false, "baseUrl": "https://h/v1"},
                {"name": "c", "plugin": "test", "hasKey": true, "maskedKey": "…"},
            ]})
        );
        stand.stop().await;
    });
}

#[test]
fn a_provider_whose_accounts_are_others_is_told_when_the_new_ones_can_be_asked_for() {
    both_ways(async |stand| {
        let accounts = |key: &str| {
            json!({"accounts": {
                "a": {"plugin": "test", "key": key},
                "b": {"plugin": "provider-x", "key": "the same"},
            }})
        };
        let stand = stand.plugin::<KeepCredentials>(accounts("old"));
        let changed = stand.record(CREDENTIALS_CHANGED);
        stand.start().await.expect("it starts");
        for plugin in ["provider-x", "test"] {
            assert_eq!(changed.next().await.plugin, plugin, "there were none before");
        }
        for (key, told_of) in [("new", Some("test")), ("new", None), ("newer", Some("test"))] {
            let drain = Duration::from_secs(10);
            stand.reload::<KeepCredentials>(accounts(key), drain).await.expect("it is replaced");
            if let Some(plugin) = told_of {
                assert_eq!(changed.next().await.plugin, plugin);
            }
            assert_eq!(told(&stand).await.credentials[0].key.as_ref().map(|key| key.expose()), Some(key));
        }
        assert_eq!(changed.all().len(), 4, "nobody else was told: {:?}", changed.all());
        stand.stop().await;
    });
}

#[test]
fn an_account_that_cannot_be_used_keeps_the_plugin_from_starting() {
    both_ways(async |stand| {
        let accounts = json!({"accounts": {"a/b": {"plugin": "test", "key": CANARY}}});
        let stand = stand.plugin::<KeepCredentials>(accounts);
        let refused = stand.start().await.expect_err("it is no name").to_string();
        assert!(refused.contains("`a/b` in setting `accounts` is no name"), "{refused}");
        assert!(!refused.contains(CANARY), "{refused}");
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<KeepCredentials>(json!({}));
    contract_check::<KeepCredentials>(json!({"accounts": {"a": {"plugin": "test", "key": "k"}}}));
}
