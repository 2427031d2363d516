//! The lookout: a server of tools that speaks the Model Context Protocol over its pipes, a line for each message.
//!
//! The night gives it to the host as the command of a server: this very program, started with `--lookout`. It shares no line with
//! the library that the host speaks the protocol with, so that both have to read the same protocol.

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;
use serde_json::{Value, json};

/// How the program is told to be one.
const FLAG: &str = "--lookout";

/// What it is called in a manifest, and in the names of its tools.
pub(crate) const NAME: &str = "lookout";

/// The file that says that a call takes its time.
const LINGERS: &str = "lingers";

/// How long that is. It is killed before.
const LONG: Duration = Duration::from_secs(20);

/// The exit code of one that ends by itself in a call.
const FOUNDERED: i32 = 3;

/// `METHOD_NOT_FOUND` of JSON-RPC.
const UNKNOWN: i32 = -32_601;

/// The command of a server that belongs to the night in this folder.
pub(crate) fn command(program: &Path, folder: &Path) -> [String; 3] {
    [program.display().to_string(), FLAG.to_owned(), folder.display().to_string()]
}

/// Where a call that takes its time says so.
pub(crate) fn lingers(folder: &Path) -> PathBuf {
    folder.join(LINGERS)
}

/// Serves until nobody writes to it any more.
///
/// # Errors
/// When nobody reads what it answers.
pub(crate) fn serve(folder: &Path) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str(&line?) else { continue };
        if let Some(answer) = answered(&message, folder) {
            writeln!(output, "{answer}")?;
            output.flush()?;
        }
    }
    Ok(())
}

/// The answer to a request; none to what only tells something.
fn answered(message: &Value, folder: &Path) -> Option<Value> {
    let (id, asked) = (message.get("id")?, &message["params"]);
    let result = match message["method"].as_str()? {
        "initialize" => json!({
            "protocolVersion": asked["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": NAME, "version": env!("CARGO_PKG_VERSION") },
        }),
        "ping" => json!({}),
        "tools/list" => json!({ "tools": tools() }),
        "tools/call" => called(asked, folder),
        other => {
            let error = json!({ "code": UNKNOWN, "message": format!("there is no `{other}` here") });
            return Some(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
        }
    };
    Some(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

fn tools() -> Vec<Value> {
    let of = |name: &str, what: &str| {
        json!({
            "name": name,
            "description": what,
            "inputSchema": { "type": "object", "properties": { "mark": { "type": "string" } } },
        })
    };
    vec![
        of("sound", "Tells the depth."),
        of("linger", "Tells the depth, much later."),
        of("founder", "Ends the server."),
    ]
}

fn called(asked: &Value, folder: &Path) -> Value {
    match asked["name"].as_str() {
        Some("founder") => std::process::exit(FOUNDERED),
        Some("linger") => {
            let said = std::fs::write(lingers(folder), "");
            if said.is_ok() {
                std::thread::sleep(LONG);
            }
        }
        _ => {}
    }
    let depth = format!("by the mark {}", asked["arguments"]["mark"].as_str().unwrap_or_default());
    json!({ "content": [{ "type": "text", "text": depth }], "isError": false })
}

/// Those of a night's that run, by what Linux tells of processes.
pub(crate) fn running(folder: &Path) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|process| is_one(&process.path(), folder))
        .filter_map(|one| number(&one.path()))
        .collect()
}

fn is_one(process: &Path, folder: &Path) -> bool {
    let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
    let words: Vec<&[u8]> = command.split(|byte| *byte == 0).collect();
    let flag = words.iter().position(|word| *word == FLAG.as_bytes());
    flag.is_some_and(|at| words.get(at + 1) == Some(&folder.as_os_str().as_encoded_bytes()))
}

fn number(process: &Path) -> Option<Pid> {
    Pid::from_raw(process.file_name()?.to_str()?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, params: Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        answered(&message, Path::new("/nowhere")).unwrap()
    }

    #[test]
    fn it_shakes_hands_in_the_version_that_is_asked_for_and_lists_what_it_answers() {
        let hands = asked("initialize", json!({ "protocolVersion": "2025-06-18" }));
        assert_eq!((&hands["id"], &hands["result"]["protocolVersion"]), (&7.into(), &"2025-06-18".into()));
        assert_eq!(asked("tools/list", json!({}))["result"]["tools"].as_array().map(Vec::len), Some(3));
        let told = asked("tools/call", json!({ "name": "sound", "arguments": { "mark": "twain" } }));
        assert_eq!(told["result"]["content"][0]["text"], "by the mark twain");
    }

    #[test]
    fn what_it_does_not_know_is_an_error_and_what_only_tells_something_is_not_answered() {
        assert_eq!(asked("resources/list", json!({}))["error"]["code"], UNKNOWN);
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert!(answered(&told, Path::new("/nowhere")).is_none());
    }
}
