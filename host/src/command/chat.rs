//! `transom chat "text"`: one message to the running host, or to one of its own when none runs.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::check::sound_manifest;
use super::refuse;
use crate::assembly::Overrides;
use crate::client::{Client, Frames};
use crate::data::{DataError, DataFolder, Guest};
use crate::log;
use crate::manifest::Manifest;
use crate::program::{Common, DONE, FAILED, INTERRUPTED};
use crate::running::{Refused, Running};
use crate::terminal::{aside, complain, counted, note, print, shown};

/// Send a message to the running host, or to one of its own when none runs
#[derive(Args)]
#[command(
    after_help = "Examples:\n  transom chat \"hello\"\n  transom chat \"read Cargo.toml\" --conversation notes\n\nA host that wants a token is given it in TRANSOM_TOKEN."
)]
pub(crate) struct Arguments {
    /// What to say
    text: String,
    /// The conversation to go on with; a new one when left out
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// The model to ask, as `GET /models` names it
    #[arg(long)]
    model: Option<String>,
    /// The folder the turn works in; must lie in a root of the host
    #[arg(long, value_name = "PATH")]
    cwd: Option<String>,
    /// Show what the model thinks, too
    #[arg(long)]
    show_reasoning: bool,
}

/// How long a host that starts or stops on the data folder is waited for, and how often one looks.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(crate) async fn run(common: &Common, arguments: Arguments) -> u8 {
    let body = match body(&arguments) {
        Ok(body) => body,
        Err(problem) => return refuse(&Refused::Host(problem), common.json),
    };
    let give_up = Instant::now() + PATIENCE;
    loop {
        let host = match reach(common, give_up).await {
            Ok(host) => host,
            Err(refused) => return refuse(&refused, common.json),
        };
        let client = Client::new(host.address());
        match client.stream("/chat", &body).await {
            Ok(frames) => return host.follow(&client, frames, common.json, &arguments).await,
            // It has stopped since it was found.
            Err(problem) if problem.nobody_there && Instant::now() < give_up => {
                host.leave(&client).await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Err(problem) => {
                let code = refuse(&Refused::Host(shown(&problem.message)), common.json);
                host.leave(&client).await;
                return code;
            }
        }
    }
}

fn body(arguments: &Arguments) -> Result<Value, String> {
    let mut body = json!({ "message": arguments.text });
    let cwd = arguments.cwd.as_deref().map(std::path::absolute).transpose();
    let cwd = cwd.map_err(|error| format!("the folder after `--cwd` cannot be used: {error}"))?;
    let cwd = cwd.map(|cwd| cwd.display().to_string());
    let fields = [("conversationId", &arguments.conversation), ("model", &arguments.model), ("cwd", &cwd)];
    for (field, value) in fields {
        if let Some(value) = value {
            body[field] = json!(value);
        }
    }
    Ok(body)
}

/// The host that is asked.
enum Asked {
    /// One that ran already.
    Running(Guest),
    /// One of this process, on a port of its own, for one message.
    Own(Box<Running>, String),
}

/// Finds the host of the data folder, or starts one there. Several who find none at the same time share the one that
/// the first of them starts.
async fn reach(common: &Common, give_up: Instant) -> Result<Asked, Refused> {
    let folder = common.data_folder_of_host();
    if let Some(guest) = Guest::of(&folder) {
        return Ok(Asked::Running(guest));
    }
    let manifest = sound_manifest(common).await?;
    loop {
        match DataFolder::hold(&folder) {
            Ok(data) => return own_host(manifest, data).await,
            Err(DataError::Held { .. }) if Instant::now() < give_up => tokio::time::sleep(LOOK_EVERY).await,
            Err(error) => return Err(Refused::Host(error.to_string())),
        }
        if let Some(guest) = Guest::of(&folder) {
            return Ok(Asked::Running(guest));
        }
    }
}

async fn own_host(manifest: Manifest, data: DataFolder) -> Result<Asked, Refused> {
    log::install(&log::Options::quiet(&manifest.host));
    let overrides = Overrides { listen: Some("127.0.0.1:0".to_owned()), ..Overrides::default() };
    let running = Running::start(manifest, data, &overrides, false).await?;
    match running.address() {
        Some(address) => Ok(Asked::Own(Box::new(running), address)),
        None => {
            running.stop().await;
            Err(Refused::Host("the manifest has no transport, so nothing can be asked".to_owned()))
        }
    }
}

impl Asked {
    fn address(&self) -> &str {
        match self {
            Self::Running(guest) => &guest.host.address,
            Self::Own(_, address) => address,
        }
    }

    /// Shows the answer and says how it ended.
    async fn follow(self, client: &Client, mut frames: Frames, json: bool, arguments: &Arguments) -> u8 {
        let conversation = frames.conversation_id();
        let outcome = tokio::select! {
            outcome = follow(&mut frames, json, arguments.show_reasoning) => Some(outcome),
            _ = tokio::signal::ctrl_c() => None,
        };
        // Closed before a host of this process is stopped, which waits for its clients.
        drop(frames);
        let conversation = conversation.as_deref().map(shown);
        if let (false, Some(id)) = (json, &conversation) {
            if outcome.is_none() {
                print("\n");
            }
            aside(&format!("conversation {id}"));
        }
        match outcome {
            Some(Ok(code)) => {
                self.leave(client).await;
                code
            }
            Some(Err(problem)) => {
                complain(&format!("error: the answer broke off: {}", shown(&problem)));
                self.leave(client).await;
                FAILED
            }
            None => {
                self.interrupt(conversation.as_deref()).await;
                INTERRUPTED
            }
        }
    }

    async fn interrupt(self, conversation: Option<&str>) {
        match self {
            Self::Running(guest) => {
                let (address, id) = (&guest.host.address, conversation.unwrap_or("ID"));
                note(&format!(
                    "interrupted; the turn goes on in the host, and this stops it: curl -X POST {address}/conversations/{id}/stop"
                ));
            }
            Self::Own(running, _) => {
                note("interrupted; the turn is stopped");
                running.stop().await;
            }
        }
    }

    /// Ends a host of this process, once those who have found it meanwhile have their answers.
    async fn leave(self, client: &Client) {
        let Self::Own(running, _) = self else { return };
        running.withdraw();
        let mut told = false;
        while running.has_guests() || is_busy(client).await {
            if !std::mem::replace(&mut told, true) {
                aside("others use this host, which ends after them; Ctrl-C ends it now");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = tokio::signal::ctrl_c() => break,
            }
        }
        running.stop().await;
    }
}

/// Whether a turn runs in the host.
async fn is_busy(client: &Client) -> bool {
    let active = client.get("/conversations?status=active").await;
    active.is_ok_and(|active| active["conversations"].as_array().is_some_and(|list| !list.is_empty()))
}

/// Shows frames as they come, and answers how the turn ended.
async fn follow(frames: &mut Frames, json: bool, reasoning: bool) -> Result<u8, String> {
    let mut code = FAILED;
    let mut in_line = false;
    while let Some(frame) = frames.next().await? {
        if frame["type"] == "done" {
            code = if frame["reason"] == "stop" { DONE } else { FAILED };
        }
        if json {
            print(&format!("{frame}\n"));
            continue;
        }
        match shown_as(&frame, reasoning) {
            Shown::Text(text) => {
                in_line = !text.ends_with('\n');
                print(&text);
            }
            Shown::Aside(line) => {
                break_line(&mut in_line);
                aside(&line);
            }
            Shown::Error(line) => {
                break_line(&mut in_line);
                complain(&line);
            }
            Shown::Nothing => {}
        }
    }
    break_line(&mut in_line);
    Ok(code)
}

fn break_line(in_line: &mut bool) {
    if std::mem::take(in_line) {
        print("\n");
    }
}

enum Shown {
    Text(String),
    Aside(String),
    Error(String),
    Nothing,
}

fn shown_as(frame: &Value, reasoning: bool) -> Shown {
    let text = |key: &str| shown(frame[key].as_str().unwrap_or_default());
    match frame["type"].as_str().unwrap_or_default() {
        "text-delta" => Shown::Text(text("delta")),
        "reasoning-delta" if reasoning => Shown::Aside(text("delta")),
        "tool-call" => Shown::Aside(format!("[{}] {}", text("toolName"), shown(&frame["input"].to_string()))),
        "tool-output" => Shown::Aside(text("data")),
        "tool-result" if frame["isError"] == true => {
            Shown::Error(format!("[{}] failed: {}", text("toolName"), text("content")))
        }
        "tool-result" => {
            let lines = frame["content"].as_str().unwrap_or_default().lines().count();
            Shown::Aside(format!("[{}] answered, {}", text("toolName"), counted(lines, "line")))
        }
        "error" => Shown::Error(format!("error: {}", text("message"))),
        "done" if frame["reason"] != "stop" => Shown::Error(format!("the turn ended: {}", text("reason"))),
        _ => Shown::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(frame: Value, expected: &str) {
        let found = match shown_as(&frame, false) {
            Shown::Text(text) => format!("text {text}"),
            Shown::Aside(line) => format!("aside {line}"),
            Shown::Error(line) => format!("error {line}"),
            Shown::Nothing => "nothing".to_owned(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn words_calls_and_errors_are_told_apart() {
        check(json!({"type":"text-delta","delta":"hi"}), "text hi");
        check(json!({"type":"reasoning-delta","delta":"hm"}), "nothing");
        check(
            json!({"type":"tool-call","toolName":"read_file","input":{"path":"a"}}),
            r#"aside [read_file] {"path":"a"}"#,
        );
        check(
            json!({"type":"tool-result","toolName":"read_file","content":"a\nb","isError":false}),
            "aside [read_file] answered, 2 lines",
        );
        check(
            json!({"type":"tool-result","toolName":"read_file","content":"no","isError":true}),
            "error [read_file] failed: no",
        );
        check(json!({"type":"error","message":"gone"}), "error error: gone");
        check(json!({"type":"done","reason":"max-steps"}), "error the turn ended: max-steps");
        check(json!({"type":"turn-sealed"}), "nothing");
    }

    #[test]
    fn what_a_model_says_cannot_drive_the_terminal() {
        check(json!({"type":"text-delta","delta":"\u{1b}[2Jboo"}), "text \\u{1b}[2Jboo");
    }
}
