//! [`Builder`]: from a template to a prompt, and from a prompt to what of its inputs is there now.

use jiff::tz::TimeZone;
use transom_agent::trust::{Found, Trust, unasked};
use transom_agent::turn::SystemPrompt;
use transom_agent::workspace::DEFAULT_WORKSPACE;
use transom_plugin_api::Host;
use transom_plugin_api::sabotage::sabotaged;

use crate::SystemPromptPorts;
use crate::built::{Built, File, Inputs, Kind, State};
use crate::current::Current;
use crate::desk::Desk;
use crate::file::Sight;
use crate::machine::{self, one_line};
use crate::template::Values;
use crate::variable::Variable;

/// What is said to the operator of a file that waits to be trusted.
const INSTRUCTIONS: &str = "a part of what models are told";
/// The configuration of a repository, by which `git` may be made to start processes.
const GIT_CONFIG: &str = ".git/config";
const COMMANDS: &str = "what git may run when it tells its status";

/// Builds prompts.
pub(crate) struct Builder {
    ports: SystemPromptPorts,
    host: Host,
    desk: Desk,
}

impl Builder {
    pub(crate) fn new(ports: SystemPromptPorts, host: Host) -> Self {
        Self { ports, desk: Desk::new(host.clone()), host }
    }

    /// What is there now of what a prompt was built from.
    pub(crate) async fn inputs_now(&self, built: &Built, current: &Current, turn: &SystemPrompt) -> Inputs {
        let mut files = Vec::with_capacity(built.inputs.files.len());
        // Of another folder or template nothing of it would count.
        if turn.cwd == built.inputs.cwd && built.inputs.template == current.digest {
            for file in &built.inputs.files {
                files.push(self.file(turn, &file.name, file.kind, false).await.0);
            }
        }
        let model = built.inputs.model.as_ref().map(|_| turn.model.to_string());
        Inputs { template: current.digest.clone(), cwd: turn.cwd.to_string(), model, files }
    }

    /// Builds a prompt. Only what the template asks for is looked at, and counts.
    pub(crate) async fn build(&self, current: &Current, turn: &SystemPrompt, because: String) -> Built {
        let mut inputs =
            Inputs { template: current.digest.clone(), cwd: turn.cwd.to_string(), ..Inputs::default() };
        let mut values = Values::new();
        let text = loop {
            match current.template.fill(&values) {
                Ok(text) => break text,
                Err(variable) => {
                    let value = self.value(&variable, turn, &mut inputs).await;
                    values.insert(variable, value);
                }
            }
        };
        Built { text, built_at: self.host.now_ms(), because, inputs, outdated: None }
    }

    async fn value(&self, variable: &Variable, turn: &SystemPrompt, inputs: &mut Inputs) -> String {
        match variable {
            Variable::Date => machine::date(self.host.now_ms(), &TimeZone::system()),
            Variable::Time => machine::time(self.host.now_ms(), &TimeZone::system()),
            Variable::Os => machine::os(),
            Variable::Hostname => machine::hostname(),
            Variable::Cwd => one_line(&turn.cwd),
            Variable::Model => {
                inputs.model = Some(turn.model.to_string());
                one_line(&turn.model)
            }
            Variable::ConversationId => one_line(&turn.conversation_id),
            Variable::WorkspaceId => self.workspace(turn).await,
            Variable::Branch => self.desk.git_branch(&turn.cwd).await,
            Variable::Status => {
                let (config, _) = self.file(turn, GIT_CONFIG, Kind::Commands, false).await;
                let is_trusted = config.state == State::Used;
                inputs.files.push(config);
                if is_trusted { self.desk.git_status(&turn.cwd).await } else { String::new() }
            }
            Variable::File(name) => {
                let (file, text) = self.file(turn, name, Kind::Content, true).await;
                inputs.files.push(file);
                text.map(|text| text.trim_end().to_owned()).unwrap_or_default()
            }
            Variable::Unknown(_) => String::new(),
        }
    }

    /// The workspace, which the store knows as soon as it knows the conversation; before that it is the usual one.
    async fn workspace(&self, turn: &SystemPrompt) -> String {
        let known = self.ports.find.call(turn.conversation_id.clone()).await;
        known.map_or_else(|_| DEFAULT_WORKSPACE.to_owned(), |known| known.workspace_id.into_string())
    }

    /// What became of a file, and its text when it is wanted and may be used.
    async fn file(
        &self,
        turn: &SystemPrompt,
        name: &str,
        kind: Kind,
        wants_text: bool,
    ) -> (File, Option<String>) {
        let (sight, purpose) = match kind {
            Kind::Commands => (self.desk.git_config(&turn.cwd).await, COMMANDS),
            Kind::Content => (self.desk.file(&turn.cwd, name, wants_text).await, INSTRUCTIONS),
        };
        let mut file =
            File { name: name.to_owned(), kind, state: State::Missing, sha256: None, reason: None };
        match sight {
            Sight::Missing => (file, None),
            Sight::Unfit(reason) => {
                file.state = State::Unfit;
                file.reason = Some(reason);
                (file, None)
            }
            Sight::Said { sha256, text } => {
                (file.state, file.reason) = self.trust(&turn.cwd, name, &sha256, purpose).await;
                file.sha256 = Some(sha256);
                let text = text.filter(|_| file.state == State::Used);
                (file, text)
            }
        }
    }

    /// What the operator says of a content; who does not answer, for the reason given, does not trust it.
    async fn trust(&self, folder: &str, name: &str, sha256: &str, purpose: &str) -> (State, Option<String>) {
        if sabotaged("trust-everything") {
            return (State::Used, None);
        }
        let found = Found {
            folder: folder.into(),
            name: name.into(),
            sha256: sha256.into(),
            purpose: purpose.into(),
        };
        match self.ports.trust.call(found).await {
            Ok(trust) if trust.is_trusted() => (State::Used, None),
            Ok(Trust::Refused) => (State::Refused, None),
            Ok(_) => (State::Untrusted, None),
            Err(error) => (State::Untrusted, Some(unasked(&error))),
        }
    }
}
