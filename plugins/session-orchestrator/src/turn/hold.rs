//! The end of a turn, when a plugin wants the model to go on instead.

use transom_agent::message::{Chunk, Message, Role};
use transom_agent::turn::{EndReason, MOST_HOLDS, TurnEnding};
use transom_plugin_api::{Maybe, Text};

use super::Turn;
use super::progress::Progress;
use super::run::{Flow, fail};
use crate::edges::Edges;
use crate::ending::after_tools;
use crate::step::{Failure, Step};

impl<E: Edges> Turn<E> {
    /// Ends the turn, unless a plugin has something to tell the model; then the turn goes on with a further step.
    pub(super) async fn end_or_go_on(&self, progress: &mut Progress) -> Option<Flow> {
        let Some(words) = self.words_against_the_end(progress).await else {
            return Some(Flow::End(EndReason::Stop));
        };
        progress.held += 1;
        if let Err(flow) = self.store_step(progress).await {
            return Some(flow);
        }
        self.say_completed(progress);
        let id: Text = format!("{}/h{}", self.claim.turn_id(), progress.held).into();
        if let Err(error) =
            self.store_alone(id.clone(), Role::User, Chunk::Text { text: words.clone() }).await
        {
            let failure = Failure::of_store("why the turn goes on could not be stored", &error);
            return Some(fail(progress, failure));
        }
        if let Some(past) = &mut progress.past {
            past.extend([Message::text(id, Role::User, words)]);
        }
        after_tools(progress.steps, self.settings.max_steps).map(Flow::End)
    }

    /// What a plugin wants to be told to the model instead of ending the turn.
    async fn words_against_the_end(&self, progress: &Progress) -> Option<Text> {
        if progress.held >= MOST_HOLDS || !self.edges.are_ends_filtered() {
            return None;
        }
        let last = progress.step.as_ref().map(Step::words).unwrap_or_default();
        let before = progress.answer();
        let answer = [before.as_str(), &last].into_iter().filter(|words| !words.is_empty());
        let ending = TurnEnding {
            conversation_id: self.claim.conversation_id().clone(),
            turn_id: self.claim.turn_id().clone(),
            cwd: self.terms.cwd.clone(),
            answer: answer.collect::<Vec<_>>().join("\n\n").into(),
            held: progress.held,
            go_on: Maybe::None,
        };
        let filtered = self.claim.stop().unless_suspended(self.edges.filter_ending(ending)).await?;
        match filtered {
            Ok(ending) => ending.go_on.into_option().filter(|words| !words.trim().is_empty()),
            Err(error) => {
                tracing::warn!("turn `{}` ends unasked: {error}", self.claim.turn_id());
                None
            }
        }
    }
}
