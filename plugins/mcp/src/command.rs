//! `transom mcp`: the same from a terminal.

use std::sync::Arc;

use serde_json::Value;
use transom_agent::command::{Manual, conversation, failed, printed, refused};
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_plugin_api::{CallError, Json, Server, StartError};

use crate::McpPorts;
use crate::turn::Servers;
use crate::{routes, status};

const MANUAL: Manual = Manual {
    help: "Print the servers whose tools models may call, and how they are; with an ID, those of that conversation's folder

Usage: transom mcp [OPTIONS] [ID]
       transom mcp restart NAME

Options:
  --json  Print JSON for programs instead of text for people

Example:
  transom mcp restart files
",
    words: &["ID or restart", "NAME"],
    flags: &[],
    options: &[],
};

/// Puts the command on the bus.
pub(crate) fn register(
    servers: &Arc<Servers>,
    ports: &McpPorts,
    commands: &Server<CliCall, CliOutcome, Verb>,
) -> Result<(), StartError> {
    let about = Verb {
        summary: "prints the servers of the Model Context Protocol, and starts one anew".into(),
        input: Json::default(),
    };
    let state = (Arc::clone(servers), ports.clone());
    commands.serve_named_with("mcp", about, &state, async |(servers, ports), call, _| {
        Ok(match MANUAL.read_given(&call) {
            Ok(words) => run(&servers, &ports, (words.word(0), words.word(1)), call.json)
                .await
                .unwrap_or_else(|error| failed(&error)),
            Err(instead) => instead,
        })
    })
}

async fn run(
    servers: &Servers,
    ports: &McpPorts,
    words: (&str, &str),
    json: bool,
) -> Result<CliOutcome, CallError> {
    match words {
        ("restart", "") => Ok(refused(&format!("NAME is missing\n\n{}", MANUAL.help))),
        ("restart", name) => {
            let restarted = routes::restart(servers, name)?;
            Ok(printed(match json {
                true => format!("{}\n", serde_json::json!({ "restarted": restarted })),
                false => format!("`{name}` is started anew\n"),
            }))
        }
        (_, more) if !more.is_empty() => {
            Ok(refused(&format!("`{}` is one word too many\n\n{}", more.escape_debug(), MANUAL.help)))
        }
        ("", _) => Ok(told(&routes::everything(servers), json)),
        (id, _) => {
            let meant = conversation(&ports.list, id).await?;
            Ok(told(&routes::conversation(servers, ports, &meant.id).await?, json))
        }
    }
}

fn told(all: &Value, json: bool) -> CliOutcome {
    if json {
        return printed(format!("{all}\n"));
    }
    let mut text = status::printed(all["servers"].as_array().map_or(&[][..], Vec::as_slice));
    let reason = all["file"]["reason"].as_str().map(|reason| reason.escape_debug());
    match (all["file"]["state"].as_str(), reason) {
        (Some("untrusted"), None) => text += "`.mcp.json` waits to be trusted; see `transom trust`\n",
        (Some("untrusted"), Some(reason)) => text += &format!("`.mcp.json` is not used: {reason}\n"),
        (Some("refused"), _) => text += "`.mcp.json` is refused\n",
        (Some("unfit"), Some(reason)) => text += &format!("`.mcp.json` is not read: {reason}\n"),
        _ => {}
    }
    for problem in all["file"]["problems"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        text += &format!("! {}\n", problem.escape_debug());
    }
    printed(text)
}
