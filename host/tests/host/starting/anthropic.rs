//! A key in the environment is all it takes to talk to a model of Anthropic's.

use super::super::support::{Host, Manner, Scene, eventually, text_of, within};
use super::openai::provider;
use super::{ids, unconfigured};

const KEY: &str = "sk-ant-a-key-for-tests";
const ANSWER: &str = concat!(
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"good day\"}}\n\n",
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
    "data: {\"type\":\"message_stop\"}\n\n",
);

#[tokio::test]
async fn a_key_in_the_environment_adds_its_models() {
    let (address, mut requests, serving) = provider("", ANSWER).await;
    let scene = Scene::new(Manner::Linked)
        .with_variable("ANTHROPIC_API_KEY", KEY)
        .with_variable("ANTHROPIC_BASE_URL", &address)
        .with_variable("ANTHROPIC_MODEL", "small");
    let host = Host::start(unconfigured(&scene)).await;

    assert_eq!(host.ready["model"], "anthropic/small");
    assert!(ids(&host.client.get("/plugins").await).contains(&"provider-anthropic"));
    let frames = host.client.turn("c", "hello").await;
    assert_eq!(text_of(&frames), "good day", "{frames:?}");
    let models = async || host.client.get("/models").await.to_string();
    eventually("the listed models", models, |models| models.contains("anthropic/large")).await;
    let asked = within("a request", requests.recv()).await.expect("it was asked");
    assert!(asked.to_lowercase().contains(&format!("x-api-key: {KEY}")), "{asked}");
    assert!(!host.errors().contains(KEY), "the log tells the key");

    host.stop().await;
    serving.abort();
}
