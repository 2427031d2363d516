//! Sums up conversations that grow too long for their model.
//!
//! When a conversation fills a share of its model's window, its beginning is summed up beside it, by its own model, and the summary
//! takes its place at the next request; the newest part stays as it is. Nothing is deleted, and nobody waits. The same by hand, for
//! any conversation.
//!
//! Hears [`STEP_COMPLETED`] and [`SETTLED`]; says [`COMPACTED`]; applies [`COMPACTING`]; asks models by [`BESIDE`] and the
//! conversation store for the rest. Serves `POST`, `GET` and `DELETE /conversations/:id/compact`, `GET` and
//! `PUT /conversations/:id/compact-percent`, and the command `compact`.
//! Does not decide what models are shown of a summary (the store does), and does not look into the calls of tools: plugins that know
//! which of them read files link [`COMPACTING`].
//!
//! | file | subject |
//! |---|---|
//! | `cut` | the rule: what is summed up, and what is kept |
//! | `due` | the rule: when a conversation is compacted by itself |
//! | `instruction` | what the model is told to do |
//! | `compactor` | one compaction, and which are under way |
//! | `answer` | the words of a model's answer, as they come |
//! | `percent` | the share at which a conversation is compacted, where somebody chose another |
//! | `routes`, `command` | the HTTP form of it, and that of a terminal |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod answer;
mod command;
mod compactor;
mod cut;
mod due;
mod instruction;
mod job;
mod percent;
mod routes;

use std::sync::Arc;

use transom_agent::compaction::{COMPACTED, COMPACTING, Compacted, Draft};
use transom_agent::conversation::{Conversation, Conversations, FIND, LIST, Query};
use transom_agent::log::{
    APPEND, Append, Appended, Chunks, HISTORY, History, HistoryOf, LOCATE, Located, MessageOf, READ, Read,
};
use transom_agent::provider::{FACTS, MODEL, ModelFacts, ModelInfo, ModelRequest, ProviderEvent};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute, Verb,
};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_agent::turn::{AskBeside, BESIDE, SETTLED, STEP_COMPLETED, StepCompleted, TurnSettled};
use transom_plugin_api::prelude::*;

use crate::compactor::Compactor;

/// Steps and turns that may wait to be looked at; of more the oldest are not.
const WAITING: u32 = 256;

/// What an operator may set.
#[derive(Clone, Debug, Settings)]
pub struct Compaction {
    /// Percent of the model's window at which a conversation is compacted by itself; 0 for never. At most 100.
    #[setting(default = 85, max = 100)]
    percent: u8,
    /// Tokens of the newest part of a conversation that stay as they are.
    #[setting(default = 20_000)]
    keep_tokens: u64,
    /// Tokens that a summary may have. At least 100.
    #[setting(default = 4_000, min = 100)]
    summary_tokens: u64,
    /// What the model is told besides how to sum up, such as what is never to be left out.
    instruction: Option<String>,
}

/// The points it touches.
#[derive(Clone, Debug, Ports)]
pub struct CompactionPorts {
    #[hears(STEP_COMPLETED)]
    completed: Listener<StepCompleted>,
    #[hears(SETTLED)]
    settled: Listener<TurnSettled>,
    #[says(COMPACTED)]
    compacted: Emitter<Compacted>,
    #[applies(COMPACTING)]
    compacting: Applier<Draft>,
    #[calls(BESIDE)]
    beside: StreamCaller<AskBeside, ProviderEvent>,
    #[calls(LIST)]
    list: Caller<Query, Conversations>,
    #[calls(FIND)]
    find: Caller<Text, Conversation>,
    #[calls(HISTORY)]
    history: Caller<HistoryOf, History>,
    #[calls(LOCATE)]
    locate: Caller<MessageOf, Located>,
    #[calls(READ)]
    read_log: Caller<Read, Chunks>,
    #[calls(APPEND)]
    append: Caller<Append, Appended>,
    #[calls(FACTS, optional)]
    facts: Caller<Text, ModelFacts>,
    #[calls(MODEL, optional)]
    models: StreamCaller<ModelRequest, ProviderEvent, ModelInfo>,
    #[calls(STORAGE_WRITE, optional)]
    write: Caller<StorageWrites, StorageWritten>,
    #[calls(STORAGE_READ, optional)]
    read: Caller<StorageRead, StorageRows>,
    #[serves(HTTP_ROUTE, names = ["DELETE /conversations/:id/compact", "GET /conversations/:id/compact", "GET /conversations/:id/compact-percent", "POST /conversations/:id/compact", "PUT /conversations/:id/compact-percent"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(CLI_COMMAND, names = ["compact"])]
    commands: Server<CliCall, CliOutcome, Verb>,
}

impl Plugin for Compaction {
    type Ports = CompactionPorts;

    async fn start(self, ports: CompactionPorts, host: Host) -> Result<(), StartError> {
        let compactor = Arc::new(Compactor::new(self, ports.clone(), host));
        ports.completed.queued_with(
            &compactor,
            Mailbox::drop_oldest(WAITING),
            async |compactor, step: Received<StepCompleted>, _| {
                let size = step.context_size.into_option();
                compactor.look(&step.conversation_id, &step.model, size, false).await;
            },
        )?;
        ports.settled.queued_with(
            &compactor,
            Mailbox::drop_oldest(WAITING),
            async |compactor, turn: Received<TurnSettled>, _| {
                let (record, overflowed) = (&turn.record, due::has_overflowed(&turn.record));
                let size = record.context_size.into_option();
                compactor.look(&turn.conversation_id, &record.model, size, overflowed).await;
            },
        )?;
        command::register(&compactor, &ports.commands)?;
        routes::register(&compactor, &ports.routes)
    }
}

export_plugin!(Compaction, id = "compaction");
