//! The foreman of the night shift: asks before a hatch is opened, and panics on order.
//!
//! Links [`GATE`], where it has a person asked before `open_hatch` runs; serves that tool, `keep_watch`, which takes its time, and
//! the routes `POST /x/foreman/alarm`, which panics, and `GET /x/foreman`, which says how often a hatch was opened. Hands that number
//! over when it is reloaded, and forgets it when the host ends.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_agent::tool::{GATE, TOOL, ToolCall, ToolDefinition, ToolGate, ToolOutput, Verdict};
use transom_plugin_api::prelude::*;

/// The tool that is asked about.
const HATCH: &str = "open_hatch";

/// How long a watch is, in milliseconds.
const WATCH_MS: u64 = 1_500;

/// It has nothing to set.
#[derive(Settings)]
pub struct Foreman;

/// The points it touches.
#[derive(Ports)]
pub struct ForemanPorts {
    #[links(GATE)]
    gate: Link<ToolGate>,
    #[serves(TOOL, names = ["keep_watch", "open_hatch"])]
    tool: Server<ToolCall, ToolOutput, ToolDefinition>,
    #[serves(HTTP_ROUTE, names = ["GET /x/foreman", "POST /x/foreman/alarm"])]
    route: Server<HttpRequest, HttpReply, HttpRoute>,
}

/// What one generation leaves to the next.
#[contract]
#[derive(Default)]
pub struct Shift {
    /// How often a hatch was opened.
    pub opened: u64,
}

impl Plugin for Foreman {
    type Ports = ForemanPorts;

    async fn start(self, ports: ForemanPorts, host: Host) -> Result<(), StartError> {
        let shift = host.handed_over::<Shift>()?.unwrap_or_default();
        let opened = Arc::new(AtomicU64::new(shift.opened));
        let left = Arc::clone(&opened);
        host.hand_over(move || ready(Ok(Shift { opened: left.load(Ordering::Relaxed) })));
        ports.gate.link(|gate, _| ready(Ok(asked_about(gate))))?;
        let counter = Arc::clone(&opened);
        ports.tool.serve_named(HATCH, open_hatch(), move |_, _| ready(Ok(open(&counter))))?;
        ports.tool.serve_named_with("keep_watch", keep_watch(), &host, async |host, _, _| {
            host.sleep(Duration::from_millis(WATCH_MS)).await;
            Ok(ToolOutput::ok("nothing in sight"))
        })?;
        let about = HttpRoute::new("How often a hatch was opened");
        ports.route.serve_named("GET /x/foreman", about, move |_, _| {
            ready(Ok(HttpReply::ok(json!({ "opened": opened.load(Ordering::Relaxed) }))))
        })?;
        ports.route.serve_named("POST /x/foreman/alarm", HttpRoute::new("Panics"), |_, _| alarm())
    }
}

export_plugin!(Foreman, id = "foreman");

/// A person is asked about each hatch that would be opened otherwise.
fn asked_about(mut gate: ToolGate) -> ToolGate {
    for call in gate.calls.iter_mut() {
        if call.tool_name.as_str() == HATCH && matches!(call.verdict, Verdict::Allow {}) {
            let choices = List::from(["open it".into(), "leave it shut".into()]);
            call.verdict = Verdict::Ask {
                text: "May the hatch be opened at sea?".into(),
                choices,
                allowing: 1,
                answer_within_ms: Maybe::None,
            };
        }
    }
    gate
}

fn open_hatch() -> ToolDefinition {
    tool(HATCH, "Opens the hatch.")
}

fn keep_watch() -> ToolDefinition {
    tool("keep_watch", "Looks out for a while.")
}

/// A tool that is told nothing.
fn tool(name: &str, description: &str) -> ToolDefinition {
    let parameters = json!({ "type": "object", "properties": {} }).into();
    ToolDefinition {
        name: name.into(),
        description: description.into(),
        parameters,
        concurrency_safe: false,
        effects: Maybe::Some(List::new()),
    }
}

fn open(opened: &AtomicU64) -> ToolOutput {
    ToolOutput::ok(format!("opened, for the {}. time tonight", opened.fetch_add(1, Ordering::Relaxed) + 1))
}

async fn alarm() -> Result<HttpReply, CallError> {
    panic!("all hands on deck")
}
