//! [`Operator`]: asks the host what an operator asks, by the commands that one has.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::stage::Stage;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who has the host's folder and its commands, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Operator(Arc<Stage>);

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The command, for messages.
    pub(crate) what: String,
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
    pub(crate) errors: String,
}

impl Operator {
    pub(crate) const fn of(stage: Arc<Stage>) -> Self {
        Self(stage)
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be run, or does not end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Ran, String> {
        let what = format!("`transom {}`", arguments.join(" "));
        let run = tokio::time::timeout(PATIENCE, self.0.command(arguments).output()).await;
        let run =
            run.map_err(|_| format!("{what} does not end"))?.map_err(|error| format!("{what}: {error}"))?;
        let [said, errors] =
            [&run.stdout, &run.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        Ok(Ran { what, code: run.status.code(), said, errors })
    }

    /// What a command answers to a person.
    ///
    /// # Errors
    /// When its exit code is not 0, with what it said.
    pub(crate) async fn told(&self, arguments: &[&str]) -> Result<String, String> {
        let Ran { what, code, said, errors } = self.run(arguments).await?;
        if code == Some(0) { Ok(said) } else { Err(format!("{what} ended with {code:?}: {said}{errors}")) }
    }

    /// What a command answers to a program.
    ///
    /// # Errors
    /// When its exit code is not 0, or what it said is no JSON.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> Result<Value, String> {
        let said = self.told(&[arguments, &["--json"]].concat()).await?;
        serde_json::from_str(&said)
            .map_err(|error| format!("`transom {}`: {error}: {said}", arguments.join(" ")))
    }

    /// What `transom status` says of one plugin.
    ///
    /// # Errors
    /// When the host does not answer, or knows no such plugin.
    pub(crate) async fn plugin(&self, id: &str) -> Result<Value, String> {
        let status = self.ask(&["status"]).await?;
        let mut plugins = status["plugins"].as_array().into_iter().flatten();
        let found = plugins.find(|plugin| plugin["id"] == id).cloned();
        found.ok_or_else(|| format!("`transom status` knows no `{id}`: {status}"))
    }

    /// Plugins that do not run, each with its state.
    ///
    /// # Errors
    /// When the host does not answer.
    pub(crate) async fn ailing(&self) -> Result<Vec<String>, String> {
        let status = self.ask(&["status"]).await?;
        let plugins = status["plugins"].as_array().into_iter().flatten();
        let ailing = plugins.filter(|plugin| plugin["state"] != "running");
        Ok(ailing.map(|plugin| format!("{} is {}", plugin["id"], plugin["state"])).collect())
    }
}
