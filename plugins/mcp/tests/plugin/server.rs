//! A real server, written with the same library as real ones: run by the test program itself, which is started again for it.

#![expect(deprecated, reason = "servers log in the old way")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CreateMessageRequestParams,
    ErrorData, ListToolsResult, LoggingLevel, LoggingMessageNotificationParam, PaginatedRequestParams,
    ProgressNotificationParam, Role, SamplingMessage, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer, ServiceError};
use rmcp::{ServerHandler, ServiceExt};
use serde_json::{Value, json};
use tokio::runtime::Builder;

/// The variable that makes the test program a server, and says how it calls its tools' answers.
pub(crate) const IS_SERVER: &str = "MCP_TEST_SERVER";

/// How the test program is started as a server.
pub(crate) fn command() -> Vec<String> {
    let program = std::env::current_exe().expect("a running program has a path").display().to_string();
    let words = ["server::the_server", "--exact", "--ignored", "--nocapture"];
    std::iter::once(program).chain(words.map(str::to_owned)).collect()
}

/// Not a test: the program of the server. What the test harness prints before is a greeting, as many servers have one.
#[test]
#[ignore = "it is the server that the others start"]
fn the_server() {
    let Ok(name) = std::env::var(IS_SERVER) else { return };
    if let Ok(marker) = std::env::var("MARKER") {
        std::fs::write(marker, std::process::id().to_string()).expect("written");
    }
    eprintln!("{name} has started");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(async {
        let transport = (tokio::io::stdin(), tokio::io::stdout());
        let running = Tools::of(name).serve(transport).await.expect("a client shakes hands");
        running.waiting().await.expect("it ends");
    });
    // Not the harness's summary, which would be too late for anybody.
    std::process::exit(0);
}

/// The tools of the server.
#[derive(Clone)]
pub(crate) struct Tools {
    name: String,
    has_grown: Arc<AtomicBool>,
}

impl Tools {
    pub(crate) fn of(name: impl Into<String>) -> Self {
        Self { name: name.into(), has_grown: Arc::default() }
    }

    fn list(&self) -> Vec<Tool> {
        let mut names = vec![
            "echo",
            "where",
            "variables",
            "crash",
            "hang",
            "freeze",
            "big",
            "grow",
            "work",
            "fail",
            "flood",
            "ask",
            "peek",
        ];
        if self.has_grown.load(Ordering::SeqCst) {
            names.push("grown");
        }
        let tool = |name: &str| {
            json!({"name": name, "description": format!("It is {name}."), "inputSchema": {"type": "object"},
                "annotations": {"readOnlyHint": name == "peek"}})
        };
        let more = std::env::var("TOOLS").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
        let more: Vec<String> = (0..more).map(|number: usize| format!("tool_{number}")).collect();
        names
            .into_iter()
            .chain(more.iter().map(String::as_str))
            .map(|name| serde_json::from_value(tool(name)).expect("a tool"))
            .collect()
    }

    async fn answer(
        &self,
        request: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<String, String> {
        let argument = |name: &str| {
            let value = request.arguments.as_ref().and_then(|all| all.get(name));
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        match &*request.name {
            "echo" => Ok(format!("{}: {}", self.name, argument("text"))),
            "where" => Ok(std::env::current_dir().expect("there is one").display().to_string()),
            "variables" => {
                let mut names: Vec<_> = std::env::vars().map(|(name, _)| name).collect();
                names.sort();
                Ok(names.join(" "))
            }
            "crash" => std::process::exit(3),
            "hang" => {
                std::fs::write(argument("began"), "").expect("written");
                context.ct.cancelled().await;
                std::fs::write(argument("cancelled"), "").expect("written");
                Ok(String::new())
            }
            "freeze" => {
                std::fs::write(argument("began"), std::process::id().to_string()).expect("written");
                loop {
                    std::thread::park();
                }
            }
            "big" => Ok("x".repeat(3 << 20)),
            "flood" => loop {
                println!("{}", "y".repeat(1_000));
            },
            "grow" => {
                self.has_grown.store(true, Ordering::SeqCst);
                context.peer.notify_tool_list_changed().await.expect("told");
                Ok("grown".to_owned())
            }
            "ask" => Ok(ask(context).await),
            "work" => self.work(context).await,
            "fail" => Err("it did not work".to_owned()),
            other => Ok(format!("{} is {other}", self.name)),
        }
    }

    async fn work(&self, context: &RequestContext<RoleServer>) -> Result<String, String> {
        let token = context.meta.get_progress_token().expect("a client asks for progress");
        let progress = ProgressNotificationParam::new(token, 1.0).with_total(2.0).with_message("half");
        context.peer.notify_progress(progress).await.expect("told");
        let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!("sawing"));
        context.peer.notify_logging_message(message).await.expect("told");
        Ok("worked".to_owned())
    }
}

/// What becomes of what a server may ask a client for.
async fn ask(context: &RequestContext<RoleServer>) -> String {
    let told = |answer: Result<String, ServiceError>| answer.unwrap_or_else(|_| "refused".to_owned());
    let roots = context.peer.list_roots().await.map(|roots| format!("{} roots", roots.roots.len()));
    let messages = vec![SamplingMessage::new(Role::User, "hello")];
    let sampled = context.peer.create_message(CreateMessageRequestParams::new(messages, 10)).await;
    format!("{}, {}", told(roots), told(sampled.map(|_| "a message".to_owned())))
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.list()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let result = match self.answer(&request, &context).await {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(text) => CallToolResult::error(vec![ContentBlock::text(text)]),
        };
        Ok(CallToolResponse::Complete(result))
    }
}
