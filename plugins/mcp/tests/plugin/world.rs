//! An operator and the conversation `c`, as other plugins would have them, and how a turn and its calls see the plugin.

use std::collections::BTreeSet;
use std::future::ready;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::yield_now;
use transom_agent::conversation::{Conversation, Conversations, FIND, LIST};
use transom_agent::reach::{CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpRequest};
use transom_agent::tool::{TOOL, TOOLS, ToolAssembly, ToolCall, ToolDefinition, ToolOutput};
use transom_agent::trust::{Found, TRUST, Trust};
use transom_mcp::Mcp;
use transom_plugin_api::CallError;
use transom_testkit::Stand;

use crate::server::{IS_SERVER, command};

/// How long a fact may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    /// Digests of contents that the operator trusts.
    pub(crate) trusted: BTreeSet<String>,
    /// What was asked of the operator, in order.
    pub(crate) asked: Vec<Found>,
}

impl World {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics in here")
    }

    /// The operator trusts what was asked last.
    pub(crate) fn trust_the_last(&self) {
        let mut state = self.state();
        let last = state.asked.last().expect("something was asked").sha256.to_string();
        state.trusted.insert(last);
    }

    /// The operator, the conversation, and the plugin with these settings.
    pub(crate) async fn start(&self, stand: Stand, settings: Value) -> Stand {
        let stand = stand.plugin::<Mcp>(settings);
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
        stand.start().await.expect("it starts");
        stand
    }
}

/// The real server, which calls itself by this name.
pub(crate) fn server(name: &str) -> Value {
    json!({"command": command(), "environment": {IS_SERVER: name}})
}

/// A server that is a script of the shell.
pub(crate) fn script(script: &str) -> Value {
    json!({"command": ["sh", "-c", script]})
}

/// The plugin with these servers.
pub(crate) async fn with(stand: Stand, servers: Value) -> Stand {
    World::default().start(stand, json!({"servers": servers, "wait_ms": 4_000})).await
}

/// A folder's file with these servers of the real kind.
pub(crate) fn write_file(folder: &Path, servers: &[(&str, Value)]) {
    let servers: serde_json::Map<String, Value> = servers
        .iter()
        .map(|(name, server)| {
            let command = server["command"].as_array().expect("a list");
            let mut written = json!({"command": command[0], "args": command[1..]});
            written["env"] = server["environment"].clone();
            if written["env"].is_null() {
                written["env"] = json!({});
            }
            ((*name).to_owned(), written)
        })
        .collect();
    let text = json!({ "mcpServers": servers }).to_string();
    std::fs::write(folder.join(".mcp.json"), text).expect("written");
}

/// The tools of a turn in the stand's folder.
pub(crate) async fn tools(stand: &Stand) -> Vec<ToolDefinition> {
    tools_in(stand, &stand.root()).await
}

/// The tools of a turn in a folder, as an orchestrator puts them together.
pub(crate) async fn tools_in(stand: &Stand, folder: &Path) -> Vec<ToolDefinition> {
    let served = stand.caller(TOOL).names();
    let assembly = ToolAssembly {
        conversation_id: "c".into(),
        cwd: folder.to_str().expect("text").into(),
        tools: served.into_iter().map(|tool| tool.about).collect(),
    };
    stand.applier(TOOLS).apply(assembly).await.expect("the filter is fail-open").tools.into_vec()
}

/// Their names.
pub(crate) fn names(tools: &[ToolDefinition]) -> Vec<&str> {
    tools.iter().map(|tool| tool.name.as_str()).collect()
}

/// What a tool answers in the stand's folder.
pub(crate) async fn call(stand: &Stand, name: &str, input: Value) -> ToolOutput {
    call_in(stand, &stand.root(), name, input).await.expect("it answers")
}

/// What a tool answers in a folder.
pub(crate) async fn call_in(
    stand: &Stand,
    folder: &Path,
    name: &str,
    input: Value,
) -> Result<ToolOutput, CallError> {
    let call = ToolCall {
        tool_call_id: "call".into(),
        input: input.into(),
        conversation_id: "c".into(),
        turn_id: "turn".into(),
        cwd: folder.to_str().expect("text").into(),
    };
    stand.caller(TOOL).call_named(name, call).await
}

/// What a route answers.
pub(crate) async fn get(stand: &Stand, path: &str) -> Value {
    let (route, request) = match path {
        "/mcp" => ("GET /mcp", HttpRequest::new("GET", path)),
        _ => ("GET /conversations/:id/mcp", HttpRequest::new("GET", path).with_param("id", "c")),
    };
    stand.caller(HTTP_ROUTE).call_named(route, request).await.expect("it answers").body.value()
}

/// What the command prints.
pub(crate) async fn cli(stand: &Stand, words: &[&str]) -> CliOutcome {
    let arguments = words.iter().map(|&word| word.into()).collect();
    let call = CliCall { arguments, ..CliCall::default() };
    stand.caller(CLI_COMMAND).call_named("mcp", call).await.expect("it answers")
}

/// Waits until a server is as `is_so` wants it, and gives how it is told.
pub(crate) async fn until(stand: &Stand, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let all = get(stand, "/mcp").await;
        let found = all["servers"].as_array().expect("a list").iter().find(|one| one["name"] == name);
        if let Some(found) = found.filter(|found| is_so(found)) {
            return found.clone();
        }
        assert!(Instant::now() < until, "it did not come to that: {all:#}");
        yield_now().await;
    }
}

/// Waits until it is in a state.
pub(crate) async fn until_it_is(stand: &Stand, name: &str, state: &str) -> Value {
    until(stand, name, |server| server["state"] == state).await
}

/// Waits until a process is gone.
pub(crate) async fn until_gone(process: &str) {
    let until = Instant::now() + PATIENCE;
    while is_running(process) {
        assert!(Instant::now() < until, "process {process} still runs");
        yield_now().await;
    }
}

/// Whether a process runs.
pub(crate) fn is_running(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ") && !stat.contains(") X ")
}

/// What a file says, as soon as it says something.
pub(crate) async fn read(path: &Path) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if !text.is_empty() => return text,
            _ => assert!(Instant::now() < until, "`{}` says nothing", path.display()),
        }
        yield_now().await;
    }
}
