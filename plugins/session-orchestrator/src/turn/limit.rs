//! What a turn may use: requests, tokens, time.

use std::future::pending;
use std::time::Duration;

use transom_agent::message::{Message, Role};
use transom_agent::turn::EndReason;

use super::Turn;
use super::progress::Progress;
use super::run::{Flow, fail};
use crate::SessionOrchestrator;
use crate::edges::Edges;
use crate::step::{Failure, between};

/// What makes the next request the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Steps,
    Tokens,
}

impl Limit {
    /// The limit that allows for one further request only, in which the model is to come to an end. A turn's first request
    /// is never that: nobody knows yet whether it would ask for more.
    pub(super) fn reached(settings: &SessionOrchestrator, progress: &Progress) -> Option<Self> {
        let (steps, used) = (progress.steps, progress.usage);
        if steps > 0 && settings.max_steps > 0 && steps + 1 >= settings.max_steps {
            return Some(Self::Steps);
        }
        let used = used.input_tokens.saturating_add(used.output_tokens);
        (steps > 0 && settings.turn_token_budget > 0 && used >= settings.turn_token_budget)
            .then_some(Self::Tokens)
    }

    /// What the model is told behind everything else.
    pub(super) fn line(self) -> Message {
        let what = match self {
            Self::Steps => "steps",
            Self::Tokens => "tokens",
        };
        let line = format!(
            "You have used up the {what} of this turn. No tool can be called any more: answer now, with what you know, \
             and say what is left to do."
        );
        Message::text("limit", Role::System, line)
    }

    /// Ends the turn because of it.
    pub(super) fn end(self, progress: &mut Progress) -> Flow {
        match self {
            Self::Steps => Flow::End(EndReason::MaxSteps),
            Self::Tokens => {
                let message =
                    "the turn has used up its tokens; allow for more with the setting `turn_token_budget`";
                fail(progress, Failure::new("budget", message))
            }
        }
    }
}

impl SessionOrchestrator {
    /// Why a turn ends whose time is over.
    pub(super) fn timeout_failure(&self) -> Failure {
        let message = format!(
            "the turn took longer than {} s; allow for more with the setting `turn_timeout_s`",
            self.turn_timeout_s
        );
        Failure::new("timeout", message)
    }
}

impl<E: Edges> Turn<E> {
    /// Waits until the time of a turn is over that works since `began_at`.
    pub(super) fn out_of_time(&self, began_at: i64) -> impl Future<Output = ()> + Send + use<E> {
        let worked = Duration::from_millis(between(began_at, self.edges.now_ms()));
        let limit = Duration::from_secs(self.settings.turn_timeout_s);
        let edges = std::sync::Arc::clone(&self.edges);
        async move {
            if limit.is_zero() {
                pending::<()>().await;
            }
            edges.sleep(limit.saturating_sub(worked)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use transom_agent::provider::Usage;
    use transom_plugin_api::Settings;

    use super::*;

    fn reached(settings: &str, steps: u32, tokens: u64) -> Option<Limit> {
        let settings = SessionOrchestrator::from_json(settings).unwrap();
        let usage = Usage { input_tokens: tokens, ..Usage::default() };
        Limit::reached(&settings, &Progress { steps, usage, ..Progress::default() })
    }

    #[test]
    fn the_last_allowed_request_is_known_before_it_is_made_and_is_never_the_first() {
        let three = r#"{"max_steps":3}"#;
        assert_eq!(
            [0, 1, 2, 3].map(|steps| reached(three, steps, 0)),
            [None, None, Some(Limit::Steps), Some(Limit::Steps)]
        );
        assert_eq!(reached(r#"{"max_steps":1}"#, 0, 0), None);
        assert_eq!(reached(r#"{"max_steps":0}"#, u32::MAX, u64::MAX), None);
    }

    #[test]
    fn one_request_more_is_made_when_the_tokens_are_used_up() {
        let hundred = r#"{"turn_token_budget":100}"#;
        assert_eq!(reached(hundred, 1, 99), None);
        assert_eq!(reached(hundred, 1, 100), Some(Limit::Tokens));
        assert_eq!(reached(hundred, 0, 100), None);
    }
}
