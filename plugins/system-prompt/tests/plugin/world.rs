//! A storage, an operator and the conversation `c`, as other plugins would have them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{pending, ready};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use transom_agent::conversation::{Conversation, Conversations, FIND, LIST};
use transom_agent::reach::{CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpRequest};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRow, StorageRows, StorageWrites, StorageWritten,
};
use transom_agent::trust::{Found, TRUST, Trust};
use transom_agent::turn::{SYSTEM_PROMPT, SystemPrompt};
use transom_plugin_api::{CallError, CallErrorKind, Json, List, Maybe};
use transom_system_prompt::TellModels;
use transom_testkit::Stand;

#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) rows: BTreeMap<String, Json>,
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    pub(crate) is_full: bool,
    /// Whether what is written gets no answer.
    pub(crate) hangs: bool,
    /// Digests of contents that the operator trusts.
    pub(crate) trusted: BTreeSet<String>,
    /// What was asked of the operator, in order.
    pub(crate) asked: Vec<Found>,
}

impl World {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics in here")
    }

    /// How often something was read and written.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.reads, state.writes)
    }

    /// The operator trusts what was asked last.
    pub(crate) fn trust_the_last(&self) {
        let mut state = self.state();
        let last = state.asked.last().expect("something was asked").sha256.to_string();
        state.trusted.insert(last);
    }

    /// Everything, and the plugin with these settings.
    pub(crate) async fn start(&self, stand: Stand, settings: Value) -> Stand {
        let stand = stand.plugin::<TellModels>(settings);
        self.keep(&stand);
        self.answer(&stand);
        stand.start().await.expect("it starts");
        stand
    }

    /// The storage.
    pub(crate) fn keep(&self, stand: &Stand) {
        let world = self.clone();
        stand.serve(STORAGE_READ, move |wanted, _| {
            let mut state = world.state();
            state.reads += 1;
            let rows = state.rows.iter().filter(|(key, _)| key.starts_with(wanted.prefix.as_str()));
            let rows = rows.map(|(key, value)| StorageRow { key: key.into(), value: value.clone() });
            ready(Ok(StorageRows { rows: rows.collect(), more: false }))
        });
        let world = self.clone();
        stand.serve(STORAGE_WRITE, move |changes, _| {
            let world = world.clone();
            async move {
                if world.state().hangs {
                    pending::<()>().await;
                }
                world.write(changes)
            }
        });
    }

    fn write(&self, changes: StorageWrites) -> Result<StorageWritten, CallError> {
        let mut state = self.state();
        if state.is_full {
            return Err(CallError::unavailable("no space is left"));
        }
        state.writes += 1;
        for write in changes.writes {
            match write.value {
                Maybe::Some(value) => drop(state.rows.insert(write.key.into(), value)),
                Maybe::None => drop(state.rows.remove(write.key.as_str())),
            }
        }
        Ok(StorageWritten {})
    }

    /// The operator and the conversation.
    pub(crate) fn answer(&self, stand: &Stand) {
        let world = self.clone();
        stand.serve(TRUST, move |found, _| {
            let mut state = world.state();
            let is_trusted = state.trusted.contains(found.sha256.as_str());
            state.asked.push(found);
            ready(Ok(if is_trusted { Trust::Trusted } else { Trust::Unanswered }))
        });
        stand.serve(FIND, |id, _| {
            let is_there = id == "c";
            let missing = || CallError::not_found("there is no such conversation");
            ready(is_there.then(|| Conversation::new(id, 0)).ok_or_else(missing))
        });
        stand.serve(LIST, |query, _| {
            let all = [Conversation::new("c", 0)];
            let found = all.into_iter().filter(|one| one.id.starts_with(query.prefix.as_str()));
            ready(Ok(Conversations { conversations: found.collect() }))
        });
    }
}

/// A turn of the conversation `c` with the model `a/one`, in the stand's folder, behind what somebody else tells the model.
pub(crate) fn turn(stand: &Stand) -> SystemPrompt {
    SystemPrompt {
        conversation_id: "c".into(),
        cwd: stand.root().to_str().expect("text").into(),
        parts: List::from(["be kind".into()]),
        model: "a/one".into(),
    }
}

/// What is told at a turn, besides what somebody else tells.
pub(crate) async fn told_at(stand: &Stand, turn: SystemPrompt) -> Option<String> {
    let parts = stand.applier(SYSTEM_PROMPT).apply(turn).await.expect("the filter is fail-open").parts;
    assert_eq!(parts[0], "be kind");
    assert!(parts.len() <= 2, "{parts:?}");
    parts.get(1).map(|part| part.to_string())
}

/// The same at an ordinary turn, which is told something.
pub(crate) async fn told(stand: &Stand) -> String {
    told_at(stand, turn(stand)).await.expect("it is told something")
}

pub(crate) async fn http(stand: &Stand, route: &str, body: Value) -> Result<Value, (CallErrorKind, String)> {
    let (method, path) = route.split_once(' ').expect("a method and a path");
    let id = if body["id"].is_string() { body["id"].as_str().unwrap_or_default() } else { "c" };
    let mut request = HttpRequest::new(method, path).with_param("id", id);
    request.body = Json::from(body.clone());
    let reply = stand.caller(HTTP_ROUTE).call_named(route, request).await;
    reply.map(|reply| reply.body.value()).map_err(|error| (error.kind, error.message.into_string()))
}

/// What is told of the prompt of the conversation.
pub(crate) async fn shown(stand: &Stand) -> Value {
    http(stand, "GET /conversations/:id/system-prompt", Value::Null).await.expect("it is told")
}

pub(crate) async fn put(stand: &Stand, template: Value) -> Result<Value, (CallErrorKind, String)> {
    http(stand, "PUT /system-prompt", json!({ "template": template })).await
}

pub(crate) async fn command(stand: &Stand, words: &[&str], json: bool) -> CliOutcome {
    let arguments: List<_> = words.iter().map(|word| (*word).into()).collect();
    stand
        .caller(CLI_COMMAND)
        .call_named("system-prompt", CliCall { arguments, json, ..CliCall::default() })
        .await
        .expect("it runs")
}
