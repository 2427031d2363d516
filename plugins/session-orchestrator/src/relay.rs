//! What a provider says that this copy of the vocabulary has no word for: it goes on to viewers and into the log as it is.
//!
//! Providers, viewers and the log have words of their own. What one of them knows by the same name is something else
//! there, so that is left out: a provider must not be able to seal a turn.

use serde::de::DeserializeOwned;
use transom_agent::event::AgentEventKind;
use transom_agent::message::Chunk;
use transom_plugin_api::Opaque;

/// The fields of a frame that its turn writes.
const ADDRESSES: [&str; 2] = ["conversationId", "turnId"];

/// The frame for viewers.
pub(crate) fn frame(unknown: &Opaque) -> Option<AgentEventKind> {
    let content = unknown.content().value();
    let is_addressed = ADDRESSES.iter().any(|field| content.get(field).is_some());
    let frame = read(unknown).filter(|frame| matches!(frame, AgentEventKind::Unknown(_)) && !is_addressed);
    if frame.is_none() {
        tracing::warn!("`{}` of a model's answer is not shown: it means something else there", unknown.tag());
    }
    frame
}

/// The chunk for the log.
pub(crate) fn chunk(unknown: &Opaque) -> Option<Chunk> {
    let chunk = read(unknown).filter(|chunk| matches!(chunk, Chunk::Unknown(_)));
    if chunk.is_none() {
        tracing::warn!("`{}` of a model's answer is not kept: it means something else there", unknown.tag());
    }
    chunk
}

fn read<T: DeserializeOwned>(unknown: &Opaque) -> Option<T> {
    unknown.content().read().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use transom_agent::provider::ProviderEvent;

    use super::*;

    fn unknown(document: Value) -> Opaque {
        match serde_json::from_value(document).unwrap() {
            ProviderEvent::Unknown(unknown) => unknown,
            known => panic!("{known:?}"),
        }
    }

    #[test]
    fn what_nobody_knows_is_passed_on_unchanged() {
        let document = json!({ "type": "citation", "b": [1, null], "a": { "url": "x" } });
        let citation = unknown(document.clone());
        assert_eq!(serde_json::to_value(frame(&citation).unwrap()).unwrap(), document);
        assert_eq!(serde_json::to_value(chunk(&citation).unwrap()).unwrap(), document);
    }

    #[test]
    fn what_viewers_or_the_log_know_by_that_name_is_left_out() {
        assert_eq!(frame(&unknown(json!({ "type": "turn-sealed" }))), None);
        assert_eq!(frame(&unknown(json!({ "type": "done", "reason": 7 }))), None);
        assert_eq!(chunk(&unknown(json!({ "type": "tool-result" }))), None);
        assert_eq!(chunk(&unknown(json!({ "type": "text", "text": "psst" }))), None);
    }

    #[test]
    fn what_would_stand_in_for_the_address_of_a_frame_is_left_out() {
        for field in ADDRESSES {
            let elsewhere = unknown(json!({ "type": "citation", field: "other" }));
            assert_eq!(frame(&elsewhere), None);
            assert!(chunk(&elsewhere).is_some());
        }
    }
}
