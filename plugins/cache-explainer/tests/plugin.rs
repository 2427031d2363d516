//! The plugin from outside: what it says of requests, and what it remembers.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use transom_agent::cache::PREFIX_BROKEN;
use transom_agent::message::{Message, Role};
use transom_agent::provider::{
    ANSWERED, ASKED, AnswerEnd, ModelAnswered, ModelAsked, ModelRequest, ReasoningEffort, Usage,
};
use transom_agent::reach::{HTTP_ROUTE, HttpRequest};
use transom_agent::storage::{STORAGE_READ, STORAGE_WRITE, StorageRow, StorageRows, StorageWritten};
use transom_cache_explainer::CacheExplainer;
use transom_plugin_api::{Json, List, Map, Maybe, Shared};
use transom_testkit::{Stand, both_ways, both_ways_paused, contract_check, json};

fn asked(request_id: &str, system_prompt: &str, said: &[&str]) -> ModelAsked {
    let messages = said.iter().map(|id| Message::text(*id, Role::User, *id)).collect::<List<_>>();
    ModelAsked {
        request_id: request_id.into(),
        model: "a/one".into(),
        purpose: "turn".into(),
        turn_id: Maybe::Some("t".into()),
        step_id: Maybe::None,
        asked_at: 7,
        behind: 0,
        request: ModelRequest {
            model: "one".into(),
            system_prompt: Maybe::Some(system_prompt.into()),
            messages: Shared::new(messages),
            tools: Shared::default(),
            no_calls: false,
            reasoning_effort: ReasoningEffort::High,
            max_tokens: Maybe::None,
            temperature: Maybe::None,
            conversation_id: "c".into(),
            headers: Map::new(),
            extra_body: Json::default(),
        },
    }
}

fn answered(request_id: &str) -> ModelAnswered {
    let usage = Usage { input_tokens: 200, cache_read_tokens: Maybe::Some(150), ..Usage::default() };
    ModelAnswered {
        request_id: request_id.into(),
        conversation_id: "c".into(),
        model: "a/one".into(),
        purpose: "turn".into(),
        turn_id: Maybe::Some("t".into()),
        asked_at: 7,
        duration_ms: 3,
        usage: Maybe::Some(usage),
        end: AnswerEnd::Finished {},
    }
}

async fn shown(stand: &Stand) -> Value {
    let request = HttpRequest::new("GET", "/conversations/c/cache").with_param("id", "c");
    let reply = stand.caller(HTTP_ROUTE).call_named("GET /conversations/:id/cache", request).await;
    reply.expect("it answers").body.value()
}

/// What stays when a host ends.
type Rows = Arc<Mutex<BTreeMap<String, Json>>>;

async fn started(stand: Stand, rows: &Rows) -> Stand {
    let stand = stand.plugin::<CacheExplainer>(json!({}));
    let (read, write) = (rows.clone(), rows.clone());
    stand.serve(STORAGE_READ, move |wanted, _| {
        let rows = read.lock().expect("nobody panics in here");
        let rows = rows.iter().filter(|(key, _)| key.starts_with(wanted.prefix.as_str()));
        let rows = rows.map(|(key, value)| StorageRow { key: key.as_str().into(), value: value.clone() });
        ready(Ok(StorageRows { rows: rows.collect(), more: false }))
    });
    stand.serve(STORAGE_WRITE, move |writes, _| {
        let mut rows = write.lock().expect("nobody panics in here");
        for change in writes.writes {
            match change.value.into_option() {
                Some(value) => rows.insert(change.key.to_string(), value),
                None => rows.remove(change.key.as_str()),
            };
        }
        ready(Ok(StorageWritten {}))
    });
    stand.start().await.expect("it starts");
    stand
}

/// Waits until so many requests were looked at; `both_ways` bounds it.
async fn looked_at(stand: &Stand, requests: usize) -> Value {
    loop {
        let shown = shown(stand).await;
        let all = shown["requests"].as_array().expect("a list");
        if all.iter().filter(|request| request["fingerprints"].is_object()).count() == requests {
            return shown;
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_request_that_does_not_begin_like_the_one_before_is_told_once() {
    both_ways(async |stand| {
        let stand = started(stand, &Rows::default()).await;
        let broken = stand.record(PREFIX_BROKEN);
        let ask = stand.emitter(ASKED);
        for (id, prompt, said) in [
            ("1", "be kind", vec!["a"]),
            ("2", "be kind", vec!["a", "b"]),
            ("3", "be brave", vec!["a", "b", "c"]),
        ] {
            ask.emit(&asked(id, prompt, &said));
        }
        ask.emit(&asked("4", "be brave", &["a", "b", "c", "d"]));
        let shown = looked_at(&stand, 4).await;
        let told = broken.next().await;
        assert_eq!((told.request_id.as_str(), told.changes.len()), ("3", 1));
        assert_eq!(
            (told.changes[0].before.as_str(), told.changes[0].after.as_str()),
            ("be kind", "be brave")
        );
        assert_eq!(shown["brokenRequests"], 1);
        let prompts: Vec<_> =
            (0..4).map(|at| &shown["requests"][at]["fingerprints"]["systemPrompt"]).collect();
        assert!(prompts[0] == prompts[1] && prompts[1] != prompts[2] && prompts[2] == prompts[3]);
        stand.stop().await;
    });
}

#[test]
fn what_was_read_from_the_cache_stands_beside_its_request() {
    both_ways(async |stand| {
        let stand = started(stand, &Rows::default()).await;
        stand.emitter(ANSWERED).emit(&answered("1"));
        stand.emitter(ASKED).emit(&asked("1", "be kind", &["a"]));
        looked_at(&stand, 1).await;
        let request = loop {
            let request = shown(&stand).await["requests"][0].take();
            if request["end"].is_string() {
                break request;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!((&request["end"], &request["cacheReadPercent"]), (&"finished".into(), &75.into()));
        stand.stop().await;
    });
}

#[test]
fn a_change_is_told_across_a_restart() {
    both_ways(async |stand| {
        let rows = Rows::default();
        let stand = started(stand, &rows).await;
        stand.emitter(ASKED).emit(&asked("1", "be kind", &["a"]));
        looked_at(&stand, 1).await;
        let stand = started(stand.stop().await.stand(), &rows).await;
        let broken = stand.record(PREFIX_BROKEN);
        stand.emitter(ASKED).emit(&asked("2", "be brave", &["a", "b"]));
        assert_eq!(broken.next().await.request_id, "2");
        stand.stop().await;
    });
}

#[test]
fn what_requests_begin_with_is_written_behind_the_turn() {
    both_ways_paused(async |stand| {
        let rows = Rows::default();
        let stand = started(stand, &rows).await;
        stand.emitter(ASKED).emit(&asked("1", "be kind", &["a"]));
        looked_at(&stand, 1).await;
        assert!(rows.lock().expect("nobody panics in here").is_empty());
        stand.advance(Duration::from_secs(1)).await;
        stand.until(|| rows.lock().expect("nobody panics in here").contains_key("c/c/beginning")).await;
        stand.stop().await;
    });
}

#[test]
fn it_keeps_what_it_owes_its_host() {
    contract_check::<CacheExplainer>(json!({}));
}
