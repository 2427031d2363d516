//! The plugin from outside: its models are there, and go at the pace of the host's clock.

use std::time::Duration;

use transom_agent::message::{Message, Role};
use transom_agent::provider::{MODEL, ModelRequest, ProviderEvent, ReasoningEffort};
use transom_plugin_api::{ItemStream, Json, List, Map, Maybe, Shared};
use transom_provider_scripted::ScriptedModels;
use transom_testkit::{Stand, both_ways, both_ways_paused, contract_check, json};

fn asks(stand: &Stand, model: &str, words: &str) -> ItemStream<ProviderEvent> {
    let request = ModelRequest {
        model: model.into(),
        system_prompt: Maybe::None,
        messages: Shared::new(List::from([Message::text("1", Role::User, words)])),
        tools: Shared::default(),
        no_calls: false,
        reasoning_effort: ReasoningEffort::High,
        max_tokens: Maybe::None,
        temperature: Maybe::None,
        conversation_id: "c".into(),
        headers: Map::new(),
        extra_body: Json::default(),
    };
    stand.stream_caller(MODEL).open_named(&format!("scripted/{model}"), request).expect("it is there")
}

async fn text_of(mut answer: ItemStream<ProviderEvent>) -> String {
    let mut text = String::new();
    while let Some(event) = answer.next().await {
        if let ProviderEvent::TextDelta { delta } = event.expect("it goes well") {
            text += delta.as_str();
        }
    }
    text
}

#[test]
fn its_models_answer_under_their_names() {
    both_ways(async |stand| {
        let scripts = json!([{"name": "reviewer", "steps": ["It is fine."]}]);
        let stand = stand.plugin::<ScriptedModels>(json!({"pace_ms": 0, "scripts": scripts}));
        stand.start().await.expect("it starts");
        let names: Vec<String> =
            stand.stream_caller(MODEL).names().into_iter().map(|model| model.name.into()).collect();
        assert_eq!(names, ["scripted/demo", "scripted/echo", "scripted/reviewer"]);
        assert_eq!(text_of(asks(&stand, "echo", "hello there")).await, "hello there");
        assert_eq!(text_of(asks(&stand, "reviewer", "well?")).await, "It is fine.");
        stand.stop().await;
    });
}

#[test]
fn an_answer_comes_at_the_pace_that_was_set() {
    both_ways_paused(async |stand| {
        let stand = stand.plugin::<ScriptedModels>(json!({"pace_ms": 1_000}));
        stand.start().await.expect("it starts");
        let answer = tokio::spawn(text_of(asks(&stand, "echo", "one two three")));
        stand.advance(Duration::from_millis(999)).await;
        assert!(!answer.is_finished(), "a second is between two pieces");
        stand.advance(Duration::from_secs(60)).await;
        assert!(answer.is_finished(), "three words do not take a minute");
        assert_eq!(answer.await.expect("it ran"), "one two three");
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<ScriptedModels>(json!({}));
}
