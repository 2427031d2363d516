//! Requests beside turns: what the next turn of a conversation would ask, with something else behind it.

use tokio::sync::watch;
use transom_agent::conversation::Conversation;
use transom_agent::log::HistoryOf;
use transom_agent::provider::{ProviderEvent, purpose};
use transom_agent::refusal::{check_conversation_id, shown};
use transom_agent::turn::AskBeside;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind};

use super::Orchestrator;
use super::beginning::Wishes;
use crate::asking::{Answering, Inquiry};
use crate::edges::{Edges, Items};

/// Characters that a purpose has at most.
const LONGEST_PURPOSE: usize = 64;

/// An answer beside turns, which ends when the plugin is replaced.
pub(crate) struct Beside<E: Edges> {
    answer: Answering<E>,
    replaced: watch::Receiver<()>,
}

impl<E: Edges> Beside<E> {
    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Result<ProviderEvent, CallError>> {
        let Self { answer, replaced } = self;
        unless_replaced(replaced, answer.next()).await.unwrap_or_else(|retired| Some(Err(retired)))
    }
}

/// What a future gives.
///
/// # Errors
/// `Retired` when the plugin is replaced before that.
async fn unless_replaced<T>(
    replaced: &mut watch::Receiver<()>,
    future: impl Future<Output = T>,
) -> Result<T, CallError> {
    tokio::select! {
        biased;
        // An error is that nobody can say so any more.
        Ok(()) = replaced.changed() => {
            Err(CallError::new(CallErrorKind::Retired, "whoever asks models is being replaced; ask again"))
        }
        output = future => Ok(output),
    }
}

impl<E: Edges> Orchestrator<E> {
    /// Asks a conversation's model.
    ///
    /// # Errors
    /// See [`BESIDE`](transom_agent::turn::BESIDE); `Retired` when the plugin is replaced meanwhile.
    pub(crate) async fn beside(&self, ask: AskBeside) -> Result<Beside<E>, CallError> {
        let mut replaced = self.common.besides.subscribe();
        let answer = unless_replaced(&mut replaced, self.open_beside(ask)).await??;
        Ok(Beside { answer, replaced })
    }

    async fn open_beside(&self, ask: AskBeside) -> Result<Answering<E>, CallError> {
        check_conversation_id("conversationId", &ask.conversation_id)?;
        check_purpose(&ask.purpose)?;
        self.until_repaired().await?;
        let known = self.edges.find(&ask.conversation_id).await?;
        self.check_idle(&ask, &known)?;
        let now_ms = self.edges.now_ms();
        let terms = self.terms(&ask.conversation_id, Wishes::default(), Some(&known), now_ms).await?;
        let inquiry = Inquiry {
            conversation_id: ask.conversation_id.clone(),
            model: terms.model.clone(),
            purpose: ask.purpose.clone(),
            turn_id: None,
            step_id: None,
            since: now_ms,
            behind: u32::try_from(ask.behind.len()).unwrap_or(u32::MAX),
        };
        let room = inquiry.until_room(&*self.edges, |_, _| {}).await;
        // What was said while it waited belongs to it.
        let known = self.edges.find(&ask.conversation_id).await?;
        let prefix = self.prefixes(&ask.conversation_id, terms).make().await;
        let of = HistoryOf {
            conversation_id: ask.conversation_id.clone(),
            after_seq: 0,
            before_seq: ask.before_seq,
        };
        let mut messages = self.edges.history(of).await?.messages;
        self.check_idle(&ask, &known)?;
        messages.to_mut().extend(ask.behind);
        if messages.is_empty() {
            let id = &ask.conversation_id;
            return Err(CallError::invalid_input(format!("nothing was said in conversation `{id}` yet")));
        }
        inquiry.ask(&self.edges, room, prefix.beside(&messages, ask.max_tokens)).await
    }

    fn check_idle(&self, ask: &AskBeside, known: &Conversation) -> Result<(), CallError> {
        let is_busy = known.turn.is_some() || self.hub.is_running(&ask.conversation_id);
        if ask.only_when_idle && is_busy && !sabotaged("ask-beside-a-turn") {
            let id = &ask.conversation_id;
            return Err(CallError::conflict(format!(
                "a turn of conversation `{id}` runs or waits for an answer"
            )));
        }
        Ok(())
    }
}

fn check_purpose(word: &str) -> Result<(), CallError> {
    let problem = match word.chars().count() {
        _ if word == purpose::TURN => "which only turns have",
        0 => "expected a word",
        count if count > LONGEST_PURPOSE => "expected at most 64 characters",
        _ => return Ok(()),
    };
    Err(CallError::invalid_input(format!("`purpose` is `{}`, {problem}", shown(word, LONGEST_PURPOSE))))
}

#[cfg(test)]
mod tests;
