//! [`Prompts`]: the prompt of each conversation, built once and kept until something that counts is another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use transom_agent::turn::SystemPrompt;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Host, Text};

use crate::SystemPromptPorts;
use crate::builder::Builder;
use crate::built::Built;
use crate::current::{Current, Templates};
use crate::shelf::Shelf;
use crate::template::Fault;

/// How long a turn waits for its prompt; a link may take little more.
const PATIENCE: Duration = Duration::from_secs(4);

/// Why a prompt is built where there was none.
const FIRST: &str = "there was none";
/// Why one is built behind a summary.
const COMPACTED: &str = "the conversation was compacted";

/// Held by who has a hand in the prompt of a conversation.
type InRoom = tokio::sync::OwnedMutexGuard<()>;

/// The prompts of all conversations.
pub(crate) struct Prompts {
    pub(crate) ports: SystemPromptPorts,
    host: Host,
    templates: Templates,
    shelf: Shelf,
    builder: Builder,
    /// Conversations in whose prompt somebody has a hand, so that it is not built twice.
    rooms: Mutex<HashMap<Text, Arc<tokio::sync::Mutex<()>>>>,
    /// Held by who puts a template.
    putting: tokio::sync::Mutex<()>,
}

impl Prompts {
    /// Takes up what was kept before.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn open(
        templates: Templates,
        ports: SystemPromptPorts,
        host: Host,
    ) -> Result<Arc<Self>, CallError> {
        let shelf = Shelf::new(ports.clone(), host.clone());
        if let Some(instead) = shelf.template().await? {
            match Current::read(&instead, false) {
                Ok(current) => templates.put(Some(current)),
                Err(fault) => tracing::warn!("the template that was put is not used: {fault}"),
            }
        }
        let builder = Builder::new(ports.clone(), host.clone());
        let (rooms, putting) = Default::default();
        Ok(Arc::new(Self { ports, host, templates, shelf, builder, rooms, putting }))
    }

    /// What the models of a conversation are told; empty when nothing. Quick, whatever the disk does.
    pub(crate) async fn of(self: &Arc<Self>, turn: &SystemPrompt) -> String {
        match self.host.within(PATIENCE, self.up_to_date(turn)).await {
            Some(text) => text,
            None => {
                let id = &turn.conversation_id;
                tracing::warn!(
                    "the prompt of conversation `{id}` was not there within {} s",
                    PATIENCE.as_secs()
                );
                self.shelf.last(id).unwrap_or_default()
            }
        }
    }

    async fn up_to_date(self: &Arc<Self>, turn: &SystemPrompt) -> String {
        let room = self.room(&turn.conversation_id).lock_owned().await;
        let current = self.templates.current();
        let Some(built) =
            self.shelf.prompt(&turn.conversation_id).await.filter(|_| !sabotaged("build-each-turn"))
        else {
            return self.build(room, &current, turn, FIRST.to_owned()).await;
        };
        let now = self.builder.inputs_now(&built, &current, turn).await;
        if let Some(because) = built.outdated_by(&now).filter(|_| !sabotaged("never-build-anew")) {
            tracing::info!("the prompt of conversation `{}` is built anew: {because}", turn.conversation_id);
            return self.build(room, &current, turn, because).await;
        }
        if now.files == built.inputs.files || sabotaged("never-build-anew") {
            self.shelf.seen(&turn.conversation_id, &built);
            return built.text;
        }
        // It stays, and what is told of it is what there is.
        self.keep(room, &turn.conversation_id, Built { inputs: now, ..built })
    }

    async fn build(
        self: &Arc<Self>,
        room: InRoom,
        current: &Current,
        turn: &SystemPrompt,
        because: String,
    ) -> String {
        let built = self.builder.build(current, turn, because).await;
        for file in built.inputs.files.iter().filter(|file| file.is_left_out()) {
            tracing::debug!("`{}` is no part of the prompt: {:?}", file.name.escape_debug(), file.state);
        }
        self.keep(room, &turn.conversation_id, built)
    }

    /// Keeps a prompt beside the turn, which need not wait for that: nobody else is in the room before it is done.
    fn keep(self: &Arc<Self>, room: InRoom, conversation_id: &Text, built: Built) -> String {
        let (text, prompts, id) = (built.text.clone(), Arc::clone(self), conversation_id.clone());
        self.shelf.remember_unkept(conversation_id, &built);
        self.host.spawn(async move {
            prompts.shelf.keep(&id, &built).await;
            drop(room);
        });
        text
    }

    /// Stores what is not stored yet.
    pub(crate) async fn flush(&self) {
        self.shelf.flush().await;
    }

    /// Has the prompt of a conversation built anew at its next turn.
    pub(crate) async fn compacted(&self, conversation_id: &Text) {
        let room = self.room(conversation_id);
        let _room = room.lock().await;
        if let Some(built) = self.shelf.prompt(conversation_id).await {
            let outdated = Some(COMPACTED.to_owned());
            self.shelf.keep(conversation_id, &Built { outdated, ..built }).await;
        }
    }

    /// The prompt of a conversation as it was built last.
    pub(crate) async fn last(&self, conversation_id: &Text) -> Option<Built> {
        let room = self.room(conversation_id);
        let _room = room.lock().await;
        self.shelf.prompt(conversation_id).await
    }

    /// The template that counts.
    pub(crate) fn template(&self) -> Arc<Current> {
        self.templates.current()
    }

    /// Puts a template in the place of the operator's, or takes that back; it counts when it is durable.
    ///
    /// # Errors
    /// `InvalidInput` when it is not well-formed, else what the storage says.
    pub(crate) async fn put(&self, template: Option<&str>) -> Result<(), CallError> {
        let is_wrong = |fault: Fault| CallError::invalid_input(format!("field `template`: {fault}"));
        let current = template.map(|text| Current::read(text, false)).transpose().map_err(is_wrong)?;
        let _putting = self.putting.lock().await;
        self.shelf.keep_template(template).await?;
        self.templates.put(current);
        Ok(())
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<Text, Arc<tokio::sync::Mutex<()>>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The room of a conversation. Those that nobody is in are forgotten.
    fn room(&self, conversation_id: &Text) -> Arc<tokio::sync::Mutex<()>> {
        let mut rooms = self.rooms();
        rooms.retain(|_, room| Arc::strong_count(room) > 1);
        Arc::clone(rooms.entry(conversation_id.clone()).or_default())
    }
}
