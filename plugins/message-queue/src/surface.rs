//! What waits, as a surface.

use std::sync::Arc;

use transom_agent::queue::{Delivery, Queue, QueuedMessage, Requeue};
use transom_agent::surface::{Field, SurfaceAbout, SurfaceAct, SurfaceActed, SurfaceOf, SurfaceSpec};
use transom_plugin_api::{CallError, List, Maybe, Server, StartError, Text};

use crate::edges::Edges;
use crate::queues::Queues;

/// The surface's id.
pub(crate) const ID: &str = "message-queue";

/// Messages that are shown, the first ones: with two fields for each a surface holds them.
const MOST_SHOWN: usize = 150;
/// Characters of a message that are shown.
const MOST_CHARACTERS: usize = 200;
/// In front of the id of the message that is to be taken out.
const CANCEL: &str = "cancel.";

/// Puts the surface on the bus.
pub(crate) fn register<E: Edges>(
    queues: &Arc<Queues<E>>,
    surfaces: &Server<SurfaceOf, SurfaceSpec, SurfaceAbout>,
    actions: &Server<SurfaceAct, SurfaceActed, SurfaceAbout>,
) -> Result<(), StartError> {
    surfaces.serve_named_with(ID, about(), queues, async |queues, of, _| {
        let queue = queues.list(of.conversation()?.clone()).await?;
        Ok(about().showing(ID, drawn(&queue)))
    })?;
    actions.serve_named_with(ID, about(), queues, async |queues, act, _| cancel(&queues, &act).await)
}

fn about() -> SurfaceAbout {
    SurfaceAbout::of_conversations("side", "Messages that wait")
}

async fn cancel<E: Edges>(queues: &Queues<E>, act: &SurfaceAct) -> Result<SurfaceActed, CallError> {
    let message_id: Text = act.action.strip_prefix(CANCEL).ok_or_else(|| act.unknown())?.into();
    let conversation_id = act.conversation()?.clone();
    let change = Requeue { conversation_id, message_id: message_id.clone(), text: Maybe::None };
    if queues.change(change).await?.found {
        return Ok(SurfaceActed::default());
    }
    Err(CallError::not_found(format!("message `{message_id}` does not wait, or is on its way already")))
}

fn drawn(queue: &Queue) -> List<Field> {
    let count = queue.queue.len();
    let value =
        if queue.held && count > 0 { format!("{count}, until somebody speaks") } else { count.to_string() };
    let mut fields = List::from([Field::Stat { label: "Waiting".into(), value: value.into() }]);
    for (place, message) in queue.queue.iter().take(MOST_SHOWN).enumerate() {
        fields.extend(drawn_message(place + 1, message));
    }
    if count > MOST_SHOWN {
        let value = format!("{} more", count - MOST_SHOWN).into();
        fields.push(Field::Stat { label: "And".into(), value });
    }
    fields
}

fn drawn_message(place: usize, message: &QueuedMessage) -> [Field; 2] {
    let when = if message.delivery == Delivery::Steer { "into the turn" } else { "behind the turn" };
    let label = format!("{place}, {when}").into();
    let action = format!("{CANCEL}{}", message.id).into();
    [
        Field::Stat { label, value: cut(&message.text) },
        Field::Button { label: format!("Take out {place}").into(), action },
    ]
}

fn cut(text: &str) -> Text {
    let mut cut: String = text.chars().take(MOST_CHARACTERS).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut.into()
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::Json;

    use super::*;
    use crate::line::MOST_MESSAGES;

    #[test]
    fn the_longest_queue_there_may_be_fits_a_surface() {
        let message = |number: usize| QueuedMessage {
            id: format!("queued-{number:016}").into(),
            text: "\u{1}".repeat(1_000).into(),
            delivery: Delivery::Queue,
            queued_at: 0,
        };
        let queue = (0..MOST_MESSAGES).map(message).collect();
        let fields = drawn(&Queue { conversation_id: "c".into(), queue, held: true });
        let more = Field::Stat { label: "And".into(), value: "850 more".into() };
        assert_eq!((fields.len(), fields.last()), (302, Some(&more)));
        let spec = Json::of(&about().showing(ID, fields)).unwrap();
        assert!(spec.as_str().len() <= 256 * 1024, "{}", spec.as_str().len());
    }
}
