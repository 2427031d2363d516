//! Judges by rules which calls of tools may run, and has a person asked about the others.
//!
//! Links [`GATE`] in its stage `judge`; serves `GET`, `PUT` and `DELETE /permissions`, `POST /permissions/check`, and the command
//! `permissions`; keeps rules in the conversation store. Runs nothing, and enforces nothing beyond the gate: what a tool then does is
//! the tool's.
//!
//! | file | subject |
//! |---|---|
//! | `rule` | which calls are meant, as an operator writes it |
//! | `act` | what a call would do: where its paths lead, which commands it runs |
//! | `command_line` | what a shell would run, as far as that can be told |
//! | `pattern` | how the pattern of a rule for commands is read |
//! | `ruleset` | many rules, ready to be asked |
//! | `judge` | the stricter of two rules counts |
//! | `offer` | what a person is asked, and which rules come of the answers |
//! | `kept`, `keeper` | rules that were added: as rows, and all together |
//! | `gate` | the link |
//! | `catalogue`, `grounds` | rules for tools that are not there, and what a judgement goes by |
//! | `office`, `routes`, `command` | what an operator asks, over HTTP and from a terminal |
//!
//! ```
//! use transom_permissions::Permissions;
//! use transom_plugin_api::Settings;
//!
//! assert!(Permissions::from_json(r#"{"allow": ["run_shell(cargo test *)"], "deny": ["*(**/.env)"]}"#).is_ok());
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod act;
mod catalogue;
mod command;
mod command_line;
mod gate;
mod grounds;
mod judge;
mod keeper;
mod kept;
mod offer;
mod office;
mod pattern;
mod routes;
mod rule;
mod ruleset;

use std::sync::Arc;

use transom_agent::conversation::{Conversation, Conversations, FIND, LIST, Query};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute, Verb,
};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_agent::tool::{GATE, TOOL, ToolCall, ToolDefinition, ToolGate, ToolOutput};
use transom_plugin_api::prelude::*;

use crate::gate::Manner;
use crate::keeper::Keeper;
use crate::office::Office;
use crate::rule::{Decision, Rule};

/// What an operator may set.
#[derive(Clone, Debug, Settings)]
pub struct Permissions {
    /// Calls that run unasked: rules such as `run_shell(cargo test *)`.
    pub allow: Vec<String>,
    /// Calls about which a person is asked, whatever allows them.
    pub ask: Vec<String>,
    /// Calls that do not run, whatever allows them.
    pub deny: Vec<String>,
    /// What becomes of a call that may change something and that no rule speaks of: `ask`, `deny` where nobody is there to be asked,
    /// or `allow`.
    #[setting(default = "ask")]
    pub otherwise: String,
    /// Seconds a person has to answer, before the call is denied; 0 for ever.
    #[setting(default = 3600)]
    pub answer_within_s: u64,
}

/// The points it touches.
#[derive(Clone, Debug, Ports)]
pub struct PermissionsPorts {
    #[links(GATE, stage = "judge")]
    gate: Link<ToolGate>,
    #[calls(STORAGE_READ, optional)]
    read: Caller<StorageRead, StorageRows>,
    #[calls(STORAGE_WRITE, optional)]
    write: Caller<StorageWrites, StorageWritten>,
    #[calls(FIND)]
    find: Caller<Text, Conversation>,
    #[calls(LIST)]
    list: Caller<Query, Conversations>,
    #[calls(TOOL, optional)]
    tools: Caller<ToolCall, ToolOutput, ToolDefinition>,
    #[serves(HTTP_ROUTE, names = ["DELETE /permissions", "GET /permissions", "POST /permissions/check", "PUT /permissions"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(CLI_COMMAND, names = ["permissions"])]
    commands: Server<CliCall, CliOutcome, Verb>,
}

impl Permissions {
    fn rules(&self) -> Result<Vec<(Decision, Rule)>, StartError> {
        let named = [
            (Decision::Allow, "allow", &self.allow),
            (Decision::Ask, "ask", &self.ask),
            (Decision::Deny, "deny", &self.deny),
        ];
        let mut rules = Vec::new();
        for (decision, name, texts) in named {
            for text in texts {
                let rule = text.parse().map_err(|error: CallError| {
                    StartError::new(format!("setting `{name}`: {}", error.message))
                        .help("write a rule as `TOOL` or `TOOL(PATTERN)`, such as `run_shell(cargo test *)`")
                })?;
                rules.push((decision, rule));
            }
        }
        Ok(rules)
    }

    fn manner(&self) -> Result<Manner, StartError> {
        let otherwise = Decision::of_word(&self.otherwise).ok_or_else(|| {
            StartError::new(format!("setting `otherwise` is `{}`", self.otherwise))
                .help("say `ask`, `deny` or `allow`")
        })?;
        let within = self.answer_within_s.saturating_mul(1_000);
        Ok(Manner { otherwise, answer_within_ms: (within > 0).then_some(within) })
    }
}

impl Plugin for Permissions {
    type Ports = PermissionsPorts;

    async fn start(self, ports: PermissionsPorts, host: Host) -> Result<(), StartError> {
        let manner = self.manner()?;
        let keeper = Keeper::open(self.rules()?, ports.clone(), host).await?;
        let office = Arc::new(Office { keeper, manner, ports: ports.clone() });
        ports.gate.link_with(&office, async |office, gate, _| {
            gate::pass(&office.keeper, office.manner, gate).await.map_err(Refusal::from)
        })?;
        command::register(&office, &ports.commands)?;
        routes::register(&office, &ports.routes)
    }
}

export_plugin!(Permissions, id = "permissions", capabilities = ["fs"], handover = "exclusive");
