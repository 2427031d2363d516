//! `transom chat "text"`: one message to the running host, or to one of its own when none runs.

use clap::Args;
use serde_json::{Value, json};

use super::check::sound_manifest;
use super::refuse;
use crate::assembly::Overrides;
use crate::client::{Client, Frames};
use crate::data::{DataFolder, running_host};
use crate::program::{Common, DONE, FAILED, REFUSED, log_to_stderr};
use crate::running::{Refused, Running};
use crate::terminal::{aside, complain, print, shown};

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

pub(crate) async fn run(common: &Common, arguments: Arguments) -> u8 {
    if let Some(host) = running_host(&common.data_folder_of_host()) {
        return converse(&Client::new(&host.address), common, &arguments).await;
    }
    let running = match own_host(common).await {
        Ok(running) => running,
        Err(refused) => return refuse(&refused, common.json),
    };
    let Some(address) = running.address.clone() else {
        complain("error: the manifest has no transport, so nothing can be asked");
        return REFUSED;
    };
    let client = Client::new(&address);
    let code = tokio::select! {
        code = converse(&client, common, &arguments) => code,
        _ = tokio::signal::ctrl_c() => FAILED,
    };
    running.stop().await;
    code
}

/// Runs the manifest in this process, on a port of its own, for one message.
async fn own_host(common: &Common) -> Result<Running, Refused> {
    let manifest = sound_manifest(common).await?;
    log_to_stderr("warn");
    let folder = common.data_folder(&manifest);
    let data = DataFolder::hold(&folder).map_err(|error| Refused::Host(error.to_string()))?;
    let overrides = Overrides { listen: Some("127.0.0.1:0".to_owned()) };
    Running::start(manifest, data, &overrides, false).await
}

async fn converse(client: &Client, common: &Common, arguments: &Arguments) -> u8 {
    let mut body = json!({ "message": arguments.text });
    let fields =
        [("conversationId", &arguments.conversation), ("model", &arguments.model), ("cwd", &arguments.cwd)];
    for (field, value) in fields {
        if let Some(value) = value {
            body[field] = json!(value);
        }
    }
    let mut frames = match client.stream("/chat", &body).await {
        Ok(frames) => frames,
        Err(problem) => {
            complain(&format!("error: {}", shown(&problem)));
            return REFUSED;
        }
    };
    let conversation = frames.conversation_id();
    let outcome = follow(&mut frames, common.json, arguments.show_reasoning).await;
    if let (false, Some(id)) = (common.json, conversation) {
        aside(&format!("conversation {}", shown(&id)));
    }
    match outcome {
        Ok(code) => code,
        Err(problem) => {
            complain(&format!("error: the answer broke off: {}", shown(&problem)));
            FAILED
        }
    }
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
            Shown::Aside(format!("[{}] answered, {lines} lines", text("toolName")))
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
