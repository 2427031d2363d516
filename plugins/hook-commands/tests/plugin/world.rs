//! What is around the plugin: a file of the operator's, a folder to work in, and values as they come to its points.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use transom_agent::tool::{GATE, GatedCall, ToolGate, Verdict};
use transom_agent::turn::{INPUT, TurnInput};
use transom_hook_commands::HookCommands;
use transom_plugin_api::{CallError, List, Maybe};
use transom_testkit::Stand;

/// A stand with the plugin, and the folder of the operator's file.
pub(crate) struct World {
    pub(crate) stand: Stand,
    pub(crate) own: TempDir,
}

/// A file with one hook.
pub(crate) fn one(event: &str, matcher: &str, command: &str) -> Value {
    json!({"hooks": {event: [{"matcher": matcher, "hooks": [{"type": "command", "command": command}]}]}})
}

/// A file with several hooks of an event.
pub(crate) fn several(event: &str, commands: &[&str]) -> Value {
    let hooks: Vec<_> =
        commands.iter().map(|command| json!({"type": "command", "command": command})).collect();
    json!({"hooks": {event: [{"hooks": hooks}]}})
}

/// A command that prints this.
pub(crate) fn prints(out: &Value) -> String {
    format!("cat >/dev/null; printf '%s' '{out}'")
}

/// A command that keeps what it is told in a file of the folder, whole or not at all.
pub(crate) fn keeps(name: &str) -> String {
    format!("cat >{name}.part && mv {name}.part {name}")
}

impl World {
    /// The plugin, not started yet, with a file of the operator's.
    pub(crate) fn of(stand: Stand, file: &Value, settings: Value) -> Self {
        let own = tempfile::tempdir().expect("a folder");
        let path = own.path().join("hooks.json");
        fs::write(&path, file.to_string()).expect("written");
        let mut settings = settings;
        settings["file"] = json!(path);
        Self { stand: stand.plugin::<HookCommands>(settings), own }
    }

    /// The same, started.
    pub(crate) async fn started(stand: Stand, file: &Value) -> Self {
        let world = Self::of(stand, file, json!({}));
        world.stand.start().await.expect("it starts");
        world
    }

    /// Writes the operator's file anew.
    pub(crate) fn write(&self, file: &Value) {
        fs::write(self.own.path().join("hooks.json"), file.to_string()).expect("written");
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.stand.root()
    }

    /// What was kept by a hook that [`keeps`]; waits for it.
    pub(crate) async fn kept(&self, name: &str) -> Value {
        let path = self.folder().join(name);
        self.stand.until(|| path.exists()).await;
        let text = fs::read_to_string(&path).expect("it is there");
        fs::remove_file(&path).expect("it is there");
        serde_json::from_str(&text).expect("JSON")
    }

    /// What the gate lets through of one call.
    pub(crate) async fn gated(&self, tool: &str, input: Value) -> GatedCall {
        let gate = gate_of(&self.stand, tool, input);
        self.stand.applier(GATE).apply(gate).await.expect("it goes through").calls.remove(0)
    }

    /// What the gate says of a command.
    pub(crate) async fn verdict(&self) -> Verdict {
        self.gated("run_shell", json!({"command": "ls"})).await.verdict
    }

    /// What becomes of a message.
    pub(crate) async fn said(&self, text: &str, is_first: bool) -> Result<String, CallError> {
        said(&self.stand, "c", text, is_first).await
    }
}

pub(crate) fn cwd(stand: &Stand) -> String {
    stand.root().to_str().expect("text").to_owned()
}

pub(crate) fn gate_of(stand: &Stand, tool: &str, input: Value) -> ToolGate {
    let call = GatedCall {
        tool_call_id: "call-1".into(),
        tool_name: tool.into(),
        input: input.into(),
        verdict: Verdict::Allow {},
        plugin: "a-plugin".into(),
        effects: Maybe::None,
        answered: Maybe::None,
        judged: false,
    };
    ToolGate {
        conversation_id: "c".into(),
        turn_id: "t".into(),
        cwd: cwd(stand).into(),
        calls: List::from([call]),
        again: false,
    }
}

pub(crate) async fn said(stand: &Stand, id: &str, text: &str, is_first: bool) -> Result<String, CallError> {
    let input = TurnInput { conversation_id: id.into(), text: text.into(), cwd: cwd(stand).into(), is_first };
    stand.applier(INPUT).apply(input).await.map(|input| input.text.into())
}

pub(crate) fn denied(reason: &str) -> Verdict {
    Verdict::Deny { reason: reason.into() }
}

/// What a hook prints that decides something about an event of its own.
pub(crate) fn specific(event: &str, mut fields: Value) -> Value {
    fields["hookEventName"] = json!(event);
    json!({ "hookSpecificOutput": fields })
}

/// A command that decides so about a call.
pub(crate) fn decides(decision: &str) -> String {
    let fields = json!({"permissionDecision": decision, "permissionDecisionReason": "it says so"});
    prints(&specific("PreToolUse", fields))
}
