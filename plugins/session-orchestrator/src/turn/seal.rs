//! The end of a turn, which is the same whatever the turn came to.

use std::sync::atomic::Ordering;
use std::time::Duration;

use transom_agent::event::{AgentEventKind, Place};
use transom_agent::log::{Append, Appended, Entry};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::notice::{Notice, kind};
use transom_agent::turn::{EndReason, TurnRecord, TurnSettled};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallErrorKind, List, Maybe, Text};

use super::Turn;
use super::progress::Progress;
use crate::edges::Edges;
use crate::sheet::Part;
use crate::shown::frame;
use crate::step::{Answer, Failure, Step, between};

/// How long to wait before an end that could not be stored is stored again: twice as long each time, up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LAST_PAUSE: Duration = Duration::from_secs(60);

impl<E: Edges> Turn<E> {
    /// Stores what is left together with the turn's record, then tells: what was not shown yet, `done`, `turn-sealed`, and
    /// the event. The conversation is idle before the seal is seen, so that who sees it can go on.
    ///
    /// Nothing is told before it is stored. While the store does not take it, the turn holds its conversation; a host that
    /// stops meanwhile leaves it to the next one to end the turn.
    pub(super) async fn seal(mut self, mut progress: Progress, reason: EndReason) {
        let error_class = if reason == EndReason::Error { progress.failure_class() } else { None };
        let complaint = progress.complaint();
        let mut step = progress.step.take();
        if let Some(step) = &mut step {
            self.close_step(step);
            progress.count(step);
        }
        let mut entries = step.as_ref().map(Step::entries).unwrap_or_default();
        let failure = progress.failure.take().map(|failure| self.failed(&failure));
        let told = failure.as_ref().map(|(at, frame, _)| (*at, frame.clone()));
        entries.extend(failure.map(|(.., entry)| entry));
        let record = self.record(&progress, reason, error_class);
        let at = self.fresh();
        entries.push(self.fact("end", at.position, Chunk::TurnEnd { record: record.clone() }));
        let Some(appended) = self.store_end(self.append_of(entries)).await else { return };
        if let Some(step) = &mut step {
            step.sheet().keep_all();
            self.show(step);
        }
        if let Some((at, frame)) = told {
            self.claim.show_at(at, frame);
        }
        self.claim.show_at(at, frame::done(&record));
        self.claim.logged(at.position + 1);
        self.keep_past(&mut progress, &record, &appended);
        if sabotaged("seal-twice") {
            self.claim.show_at(self.fresh(), frame::done(&record));
        }
        self.claim.seal(self.edges.now_ms());
        self.common.ended.fetch_add(1, Ordering::Relaxed);
        self.common.questions.close_all(self.claim.conversation_id(), self.claim.turn_id());
        let conversation_id = self.claim.conversation_id().clone();
        if let Some(text) = complaint.filter(|_| record.reason == EndReason::Error) {
            self.edges.say_notice(&Notice {
                kind: kind::TURN_FAILED.into(),
                conversation_id: Maybe::Some(conversation_id.clone()),
                title: "a turn has failed".into(),
                text,
            });
        }
        self.edges.say_settled(&TurnSettled { conversation_id, answer: progress.answer(), record });
    }

    /// Ends the step under way: no call of it is without an answer.
    fn close_step(&self, step: &mut Step) {
        step.close(self.edges.now_ms());
        step.sheet().forget(Part::Questions);
        step.answer_rest(stopped);
        step.sheet().place(&mut self.claim.places());
    }

    fn failed(&self, failure: &Failure) -> (Place, AgentEventKind, Entry) {
        let at = self.fresh();
        let id = format!("{}/e", self.claim.turn_id()).into();
        let message = Message { id, role: Role::Assistant, chunks: List::from([failure.chunk()]) };
        (at, failure.frame(), self.entry(message, List::from([at.position])))
    }

    fn record(&self, progress: &Progress, reason: EndReason, error_class: Option<Text>) -> TurnRecord {
        TurnRecord {
            turn_id: self.claim.turn_id().clone(),
            model: self.terms.model.clone(),
            reason,
            usage: progress.usage,
            steps: progress.steps,
            error_class: error_class.into(),
            context_size: progress.context_size().into(),
            started_at: self.terms.accepted_at,
            duration_ms: between(self.terms.accepted_at, self.edges.now_ms()),
        }
    }

    /// Stores the end, however long that takes; `None` when the host stops before, or no such turn runs by the log.
    pub(super) async fn store_end(&self, append: Append) -> Option<Appended> {
        let appended = self.store_until_stored(append).await;
        self.common.suspended.can(self.claim.turn_id());
        appended
    }

    async fn store_until_stored(&self, append: Append) -> Option<Appended> {
        let turn_id = self.claim.turn_id();
        let mut pause = FIRST_PAUSE;
        let mut told = false;
        loop {
            let error = match self.append(append.clone()).await {
                Ok(appended) => return Some(appended),
                Err(error) => error,
            };
            if error.kind == CallErrorKind::Conflict && self.is_over_elsewhere().await {
                tracing::error!("turn `{turn_id}` does not run by the log: {error}");
                self.claim.dismiss();
                return None;
            }
            tracing::error!("the end of turn `{turn_id}` is not stored yet: {error}");
            if !std::mem::replace(&mut told, true) {
                let message = format!("the end of the turn could not be stored yet: {error}");
                self.claim.tell(Failure::new("storage", message).frame());
            }
            self.common.suspended.cannot(turn_id);
            tokio::select! {
                biased;
                () = self.claim.stop().closed() => return self.edges.append(append).await.ok(),
                () = self.edges.sleep(pause) => pause = LAST_PAUSE.min(pause * 2),
            }
        }
    }

    /// Whether the log says that the turn neither runs nor waits any more.
    pub(super) async fn is_over_elsewhere(&self) -> bool {
        match self.edges.find(self.claim.conversation_id()).await {
            Ok(known) => known.turn.as_ref().is_none_or(|turn| turn.turn_id != *self.claim.turn_id()),
            Err(error) => error.kind == CallErrorKind::NotFound,
        }
    }

    /// What was said goes to the next turn as it is, where that is what the store would say, too.
    fn keep_past(&self, progress: &mut Progress, record: &TurnRecord, appended: &Appended) {
        // Where somebody else has written into the log, the next turn reads it.
        let Some(past) = progress.past.take().filter(|_| !self.log_end.is_outdated()) else { return };
        let histories = &self.common.histories;
        let now_ms = self.edges.now_ms();
        match record.reason {
            EndReason::Stop | EndReason::Length | EndReason::MaxSteps => {
                histories.keep(&appended.conversation, past, appended.last_seq, now_ms);
            }
            _ => {
                let past = past.before_the_turn();
                let settled_seq = past.settled_seq;
                if settled_seq > 0 {
                    histories.keep(&appended.conversation, past, settled_seq, now_ms);
                }
            }
        }
    }
}

/// What is read of a call without an answer when its turn has ended.
fn stopped(begun: bool) -> Answer {
    Answer::instead(if begun {
        "the turn ended before this had answered; it may have had effects"
    } else {
        "the turn ended before this could run"
    })
}
