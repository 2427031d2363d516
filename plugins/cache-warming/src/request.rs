//! One request that keeps a prompt warm: the one that the next turn would make, with a probe behind it.

use std::time::Duration;

use transom_agent::message::{Message, Role};
use transom_agent::provider::{ProviderEvent, Usage};
use transom_agent::refusal::shown;
use transom_agent::turn::AskBeside;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Host, ItemStream, List, Maybe, Text};

use crate::CacheWarmingPorts;

/// What such a request is for, as others are told.
pub(crate) const PURPOSE: &str = "warming";
/// What stands behind the conversation: it has to end with words of a person.
const PROBE: &str = ".";
/// Events that an answer of one token may have; a provider that says more is not listened to.
const MOST_EVENTS: usize = 10_000;
/// Characters that are kept of what a provider complains of.
const SHOWN_OF_COMPLAINT: usize = 500;
/// How long the end of a stream is awaited behind the end of its answer: then it is known which model was asked.
const LINGER: Duration = Duration::from_secs(1);

/// Asks the prompt of a conversation again; answers the tokens of the request, where they were told. Dropping it closes the
/// connection.
///
/// # Errors
/// What the orchestrator refuses, and `Unavailable` when the model fails.
pub(crate) async fn ask(
    ports: &CacheWarmingPorts,
    host: &Host,
    conversation_id: &Text,
) -> Result<Option<Usage>, CallError> {
    let ask = AskBeside {
        conversation_id: conversation_id.clone(),
        purpose: PURPOSE.into(),
        behind: List::from([Message::text("probe", Role::User, PROBE)]),
        before_seq: Maybe::None,
        max_tokens: Maybe::Some(1),
        only_when_idle: !sabotaged("leave-timers-alone-in-turns"),
    };
    let mut events = ports.beside.open(ask)?;
    let usage = answer(&mut events).await?;
    host.within(LINGER, async { while events.next().await.is_some() {} }).await;
    Ok(usage)
}

async fn answer(events: &mut ItemStream<ProviderEvent>) -> Result<Option<Usage>, CallError> {
    let mut told = None;
    for _ in 0..MOST_EVENTS {
        match events.next().await.transpose()? {
            None => return Err(CallError::unavailable("the model's answer ended in the middle")),
            Some(ProviderEvent::Usage { usage }) => told = Some(usage),
            Some(ProviderEvent::Finish { .. }) => return Ok(told),
            Some(ProviderEvent::Error { message, .. }) => {
                let message = shown(&message, SHOWN_OF_COMPLAINT);
                return Err(CallError::unavailable(format!("the model failed: {message}")));
            }
            // Whatever it says, nobody wants to hear it.
            Some(_) => {}
        }
    }
    Err(CallError::unavailable(format!("the model said {MOST_EVENTS} things and did not come to an end")))
}
