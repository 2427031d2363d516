//! [`Scene`]: a working folder for tests, with a secret beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use transom_agent::tool::ToolCall;

use crate::desk::Gone;
use crate::tool::{Limits, Run, answer};

pub(crate) const SECRET: &str = "the secret\n";

/// Holds `work`, the working folder, and `secret.txt`, which nobody in it may reach.
pub(crate) struct Scene {
    _kept: TempDir,
    outside: PathBuf,
    pub(crate) limits: Limits,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let kept = tempfile::tempdir().expect("a temporary folder");
        let outside = kept.path().canonicalize().expect("it exists");
        fs::create_dir(outside.join("work")).expect("made");
        fs::write(outside.join("secret.txt"), SECRET).expect("written");
        Self { _kept: kept, outside, limits: Limits::new(100_000, 100_000) }
    }

    pub(crate) fn outside(&self, path: &str) -> PathBuf {
        self.outside.join(path)
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.outside.join("work").join(path)
    }

    pub(crate) fn with(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        fs::create_dir_all(self.path(path).parent().expect("inside")).expect("made");
        fs::write(self.path(path), content).expect("written");
        self
    }

    pub(crate) fn link(&self, name: &str, target: impl AsRef<Path>) {
        std::os::unix::fs::symlink(target, self.path(name)).expect("linked");
    }

    pub(crate) fn fifo(&self, name: &str) {
        let made = Command::new("mkfifo").arg(self.path(name)).status().expect("`mkfifo` runs");
        assert!(made.success());
    }

    pub(crate) fn content(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("text")
    }

    /// Every name in the working folder itself.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).expect("listed");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("read").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    /// What the tool answers, `Err` when it calls it an error.
    pub(crate) fn ask(&self, run: Run, input: Value) -> Result<String, String> {
        self.ask_and(run, input, &|| false)
    }

    pub(crate) fn ask_and(&self, run: Run, input: Value, gone: Gone<'_>) -> Result<String, String> {
        let call = ToolCall {
            tool_call_id: "call".into(),
            input: input.into(),
            conversation_id: "conversation".into(),
            turn_id: "turn".into(),
            cwd: self.path("").to_str().expect("text").trim_end_matches('/').into(),
        };
        let output = answer(run, &call, self.limits, gone);
        if output.is_error { Err(output.content.into()) } else { Ok(output.content.into()) }
    }
}
