//! Tells models what they are and where they work, by a template.
//!
//! The prompt of a conversation is built once and kept, with what it was built from, so that every turn begins with the same bytes
//! and a provider's cache keeps its worth. It is built anew when the template, the folder, a file that it uses or what the
//! operator says of one is another, when the template names the model and that is another, and behind a summary. The day and the
//! state of a repository are what they were when it was built.
//!
//! Links [`SYSTEM_PROMPT`]; hears [`COMPACTED`]; asks [`TRUST`] for each file, and the conversation store. Serves `GET` and
//! `PUT /system-prompt`, `GET /system-prompt/variables`, `GET /conversations/:id/system-prompt`, and the command `system-prompt`.
//! Does not use what the operator does not trust, does not read outside of a conversation's folder, and does not touch the parts of
//! others.
//!
//! | file | subject |
//! |---|---|
//! | `template`, `variable` | the rule: what a template says, by which values |
//! | `built` | the rule: when a prompt is built anew |
//! | `builder` | from a template to a prompt |
//! | `file`, `git`, `machine` | where values come from |
//! | `desk` | what asks the disk, where it holds nobody up |
//! | `current`, `shelf` | the template that counts, and what is kept |
//! | `prompts` | the prompt of each conversation |
//! | `routes`, `command` | the HTTP form of it, and that of a terminal |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod builder;
mod built;
mod command;
mod current;
mod desk;
mod file;
mod git;
mod machine;
mod prompts;
mod routes;
mod shelf;
mod template;
mod variable;

use transom_agent::compaction::{COMPACTED, Compacted};
use transom_agent::conversation::{Conversation, Conversations, FIND, LIST, Query};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute, Verb,
};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_agent::trust::{Found, TRUST, Trust};
use transom_agent::turn::{SYSTEM_PROMPT, SystemPrompt};
use transom_plugin_api::prelude::*;

use crate::current::Templates;
use crate::prompts::Prompts;

/// Summaries that may wait to be heard of; of more the oldest are not.
const WAITING: u32 = 256;

/// What an operator may set.
///
/// ```
/// use transom_plugin_api::Settings;
/// use transom_system_prompt::TellModels;
///
/// assert!(TellModels::from_json(r#"{"template": "You are a pirate. You work in [prompt:cwd]."}"#).is_ok());
/// ```
#[derive(Debug, Settings)]
pub struct TellModels {
    /// The template of what models are told before a conversation; an empty one for nothing.
    pub template: Option<String>,
}

/// The points it touches.
#[derive(Clone, Debug, Ports)]
pub struct SystemPromptPorts {
    #[links(SYSTEM_PROMPT)]
    prompt: Link<SystemPrompt>,
    #[hears(COMPACTED)]
    compacted: Listener<Compacted>,
    #[calls(TRUST, optional)]
    trust: Caller<Found, Trust>,
    #[calls(FIND, optional)]
    find: Caller<Text, Conversation>,
    #[calls(LIST, optional)]
    list: Caller<Query, Conversations>,
    #[calls(STORAGE_READ, optional)]
    read: Caller<StorageRead, StorageRows>,
    #[calls(STORAGE_WRITE, optional)]
    write: Caller<StorageWrites, StorageWritten>,
    #[serves(HTTP_ROUTE, names = ["GET /conversations/:id/system-prompt", "GET /system-prompt", "GET /system-prompt/variables", "PUT /system-prompt"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(CLI_COMMAND, names = ["system-prompt"])]
    commands: Server<CliCall, CliOutcome, Verb>,
}

impl Plugin for TellModels {
    type Ports = SystemPromptPorts;

    async fn start(self, ports: SystemPromptPorts, host: Host) -> Result<(), StartError> {
        let templates = Templates::new(self.template.as_deref())?;
        let prompts = Prompts::open(templates, ports.clone(), host.clone()).await?;
        ports.prompt.link_with(&prompts, async |prompts, mut turn: SystemPrompt, _| {
            let text = prompts.of(&turn).await;
            if !text.is_empty() {
                turn.parts.push(text.into());
            }
            Ok(turn)
        })?;
        ports.compacted.queued_with(
            &prompts,
            Mailbox::drop_oldest(WAITING),
            async |prompts, compacted: Received<Compacted>, _| {
                prompts.compacted(&compacted.conversation_id).await;
            },
        )?;
        command::register(&prompts, &ports.commands)?;
        routes::register(&prompts, &ports.routes)?;
        host.on_stop(async move { prompts.flush().await });
        Ok(())
    }
}

export_plugin!(TellModels, id = "system-prompt", capabilities = ["fs", "process"], handover = "exclusive");
