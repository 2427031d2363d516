//! Asking models: every request goes this way, whatever it is for, so that each has its room and is told of.

use std::sync::Arc;
use std::task::Poll;

use transom_agent::provider::{
    AnswerEnd, FailureClass, ModelAnswered, ModelAsked, ModelRequest, OutgoingRequest, ProviderEvent,
    SlotRequest, SlotState,
};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Maybe, Text};

use crate::edges::{Edges, Items};
use crate::poll::polled_once;
use crate::step::between;

/// A request that is about to be made.
#[derive(Clone, Debug)]
pub(crate) struct Inquiry {
    pub(crate) conversation_id: Text,
    /// The model's full name.
    pub(crate) model: Text,
    /// What it is for.
    pub(crate) purpose: Text,
    pub(crate) turn_id: Option<Text>,
    pub(crate) step_id: Option<Text>,
    /// Since when somebody waits for it, in milliseconds since the epoch.
    pub(crate) since: i64,
    /// Messages at the end of the request that are not a part of the conversation.
    pub(crate) behind: u32,
}

/// Room for one request, for as long as it lives.
pub(crate) struct Room<E: Edges>(Option<E::Slot>);

/// An answer while it comes. What goes when it is dropped goes in this order, so that who grants room knows how an answer
/// has ended before the next one may be asked for.
pub(crate) struct Answering<E: Edges> {
    stream: E::Model,
    account: Account<E>,
    _room: Room<E>,
}

/// What is told of an answer, when it is dropped.
struct Account<E: Edges> {
    edges: Arc<E>,
    answered: ModelAnswered,
}

impl Inquiry {
    /// Waits for room; `told` hears how many requests are in front, and until when the provider is asked nothing.
    pub(crate) async fn until_room<E: Edges>(
        &self,
        edges: &E,
        mut told: impl FnMut(u32, Maybe<i64>),
    ) -> Room<E> {
        while let Some(mut slot) = edges.open_slot(self.slot_request()) {
            match granted(&mut slot, &mut told).await {
                Ok(()) => return Room(Some(slot)),
                // The place in the queue goes by the time, so that nothing is lost by asking again.
                Err(Some(error)) if error.kind == CallErrorKind::Retired => {}
                Err(error) => {
                    let why =
                        error.map_or_else(|| "nothing was granted".to_owned(), |error| error.to_string());
                    tracing::warn!("`{}` is asked without waiting for room: {why}", self.model);
                    break;
                }
            }
        }
        Room(None)
    }

    /// Room, where there is some without waiting.
    pub(crate) async fn room_now<E: Edges>(&self, edges: &E) -> Option<Room<E>> {
        match polled_once(self.until_room(edges, |_, _| {})).await {
            Poll::Ready(room) => Some(room),
            Poll::Pending => None,
        }
    }

    fn slot_request(&self) -> SlotRequest {
        SlotRequest {
            model: self.model.clone(),
            conversation_id: self.conversation_id.clone(),
            purpose: self.purpose.clone(),
            since: self.since,
        }
    }

    /// Makes the request, in its room.
    ///
    /// # Errors
    /// When there is nobody to ask, and when a plugin does not want it to be made.
    pub(crate) async fn ask<E: Edges>(
        self,
        edges: &Arc<E>,
        room: Room<E>,
        request: ModelRequest,
    ) -> Result<Answering<E>, CallError> {
        let request = self.filtered(&**edges, request).await?;
        let room = if sabotaged("ask-without-room") { Room(None) } else { room };
        let asked_at = edges.now_ms();
        let asked = ModelAsked {
            request_id: crate::ids::fresh("ask", asked_at),
            model: self.model,
            purpose: self.purpose,
            turn_id: self.turn_id.into(),
            step_id: self.step_id.into(),
            asked_at,
            behind: self.behind,
            request,
        };
        edges.say_asked(&asked);
        let mut account = Account::of(edges, self.conversation_id, &asked);
        match edges.open_model(&asked.model, asked.request) {
            Ok(stream) => Ok(Answering { stream, account, _room: room }),
            Err(error) => {
                account.hear(Some(&Err(error.clone())));
                Err(error)
            }
        }
    }
}

impl Inquiry {
    /// The request as plugins leave it. Whom it goes to is not theirs to change.
    async fn filtered<E: Edges>(&self, edges: &E, request: ModelRequest) -> Result<ModelRequest, CallError> {
        if !edges.are_requests_filtered() {
            return Ok(request);
        }
        let (model, conversation_id) = (request.model.clone(), request.conversation_id.clone());
        let outgoing = OutgoingRequest {
            conversation_id: self.conversation_id.clone(),
            model: self.model.clone(),
            purpose: self.purpose.clone(),
            turn_id: self.turn_id.clone().into(),
            behind: self.behind,
            request,
        };
        let filtered = edges.filter_request(outgoing).await?.request;
        Ok(ModelRequest { model, conversation_id, ..filtered })
    }
}

/// Waits until room is granted.
///
/// # Errors
/// Why there is none; nothing when that is not said.
async fn granted(
    slot: &mut impl Items<SlotState>,
    told: &mut impl FnMut(u32, Maybe<i64>),
) -> Result<(), Option<CallError>> {
    loop {
        match slot.next().await {
            Some(Ok(SlotState::Granted {})) => return Ok(()),
            Some(Ok(SlotState::Queued { ahead, paused_until })) => told(ahead, paused_until),
            Some(Ok(SlotState::Unknown(_))) => {}
            Some(Err(error)) => return Err(Some(error)),
            None => return Err(None),
        }
    }
}

impl<E: Edges> Items<ProviderEvent> for Answering<E> {
    async fn next(&mut self) -> Option<Result<ProviderEvent, CallError>> {
        let next = self.stream.next().await;
        self.account.hear(next.as_ref());
        next
    }
}

impl<E: Edges> Account<E> {
    fn of(edges: &Arc<E>, conversation_id: Text, asked: &ModelAsked) -> Self {
        let answered = ModelAnswered {
            request_id: asked.request_id.clone(),
            conversation_id,
            model: asked.model.clone(),
            purpose: asked.purpose.clone(),
            turn_id: asked.turn_id.clone(),
            asked_at: asked.asked_at,
            duration_ms: 0,
            usage: Maybe::None,
            end: AnswerEnd::BrokenOff {},
        };
        Self { edges: Arc::clone(edges), answered }
    }

    /// Takes in what came next. What follows an end does not count.
    fn hear(&mut self, next: Option<&Result<ProviderEvent, CallError>>) {
        if self.answered.end != (AnswerEnd::BrokenOff {}) {
            return;
        }
        let failed = |class, retry_after_ms| AnswerEnd::Failed { class, retry_after_ms };
        match next {
            Some(Ok(ProviderEvent::Usage { usage })) => self.answered.usage = Maybe::Some(*usage),
            Some(Ok(ProviderEvent::Finish { .. })) => self.answered.end = AnswerEnd::Finished {},
            Some(Ok(ProviderEvent::Error { class, retry_after_ms, .. })) => {
                self.answered.end = failed(class.clone(), *retry_after_ms);
            }
            Some(Ok(_)) => {}
            // The provider's plugin gave up, or left its answer in the middle.
            Some(Err(_)) | None => self.answered.end = failed(FailureClass::Protocol, Maybe::None),
        }
    }
}

impl<E: Edges> Drop for Account<E> {
    fn drop(&mut self) {
        self.answered.duration_ms = between(self.answered.asked_at, self.edges.now_ms());
        self.edges.say_answered(&self.answered);
    }
}

#[cfg(test)]
mod tests;
