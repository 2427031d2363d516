//! Commands that plugins bring: which there are, and how one is run.

use serde_json::{Value, json};
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_plugin_api::{CallErrorKind, Caller};

/// The host's way to the commands of plugins.
#[derive(Clone)]
pub(crate) struct Commands(pub(crate) Caller<CliCall, CliOutcome, Verb>);

impl Commands {
    /// Those there are now, with a line about each.
    pub(crate) fn list(&self) -> Value {
        let commands = self.0.names().into_iter().map(|command| {
            json!({
                "name": command.name.as_str(),
                "plugin": command.plugin.as_str(),
                "summary": command.about.summary.as_str(),
            })
        });
        json!({ "commands": commands.collect::<Vec<_>>() })
    }

    /// Runs one; the document is what it prints, or why it could not be run.
    pub(crate) async fn run(&self, name: &str, call: CliCall) -> Value {
        match self.0.call_named(name, call).await {
            Ok(CliOutcome { output, complaint, code }) => {
                json!({ "output": output.as_str(), "complaint": complaint.as_str(), "code": code })
            }
            Err(error) if error.kind == CallErrorKind::NoProvider => json!({ "unknown": true }),
            Err(error) => json!({ "error": error.message.as_str() }),
        }
    }
}
