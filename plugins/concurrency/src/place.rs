//! [`Place`]: a request's place in the line, and then its slot, as long as its stream is there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use transom_agent::provider::{SlotRequest, SlotState};
use transom_plugin_api::{CallError, Host, Items};

use crate::line::{Standing, TELL_AGAIN_MS, Ticket};
use crate::slots::{Slots, replaced};

/// Left when it is dropped: by its request's end, by who gave up, by a panic.
pub(crate) struct Place {
    slots: Arc<Slots>,
    provider: String,
    since: i64,
    ticket: Ticket,
    told: watch::Receiver<Standing>,
}

impl Place {
    pub(crate) const fn new(
        slots: Arc<Slots>,
        provider: String,
        since: i64,
        ticket: Ticket,
        told: watch::Receiver<Standing>,
    ) -> Self {
        Self { slots, provider, since, ticket, told }
    }

    fn standing(&mut self) -> Standing {
        *self.told.borrow_and_update()
    }

    /// Waits for another standing, for `limit` at most where there is one.
    async fn changes(&mut self, host: &Host, limit: Option<Duration>) {
        // The sender is gone only when the place is, or has been told the last there is to tell.
        match limit {
            Some(limit) => {
                let _ = host.within(limit, self.told.changed()).await;
            }
            None => {
                let _ = self.told.changed().await;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.slots.leave(&self.provider, self.since, self.ticket);
    }
}

/// Answers a request for a slot: tells how it stands until it may be made, and holds the slot until the stream is dropped.
pub(crate) async fn serve(
    slots: Arc<Slots>,
    host: Host,
    request: SlotRequest,
    mut items: Items<SlotState>,
) -> Result<(), CallError> {
    let place = match slots.enter(request)? {
        Some(place) => wait(place, &host, &mut items).await?.into(),
        None => None,
    };
    items.send(SlotState::Granted {}).await;
    std::future::pending::<()>().await;
    drop::<Option<Place>>(place);
    Ok(())
}

/// Tells how it stands, until it is granted.
async fn wait(mut place: Place, host: &Host, items: &mut Items<SlotState>) -> Result<Place, CallError> {
    let mut last: Option<(Standing, i64)> = None;
    loop {
        let standing = place.standing();
        let (ahead, paused_until) = match standing {
            Standing::Granted => return Ok(place),
            Standing::Replaced => return Err(replaced()),
            Standing::Queued { ahead, paused_until } => (ahead, paused_until),
        };
        let now = host.now_ms();
        let is_news = last.is_none_or(|(told, _)| told != standing);
        let wait_ms = last.map_or(0, |(_, at)| at.saturating_add(TELL_AGAIN_MS).saturating_sub(now));
        if is_news && wait_ms <= 0 {
            items.send(SlotState::Queued { ahead, paused_until: paused_until.into() }).await;
            last = Some((standing, now));
        } else {
            let limit = Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
            place.changes(host, is_news.then_some(limit)).await;
        }
    }
}
