//! What one generation tells the next: which slots it holds, and when one of them is given back.
//!
//! A stream stays in the generation in which it was opened, and so does its slot. So the next one counts it, from the
//! moment it decides until the stream is dropped. The generation before tells:
//!
//! 1. when it is asked what it hands over, that there will be more to say;
//! 2. when the next one answers, everything: slots, pauses, what was set. From then on it grants nothing, and sends those who wait
//!    there;
//! 3. then each slot that is given back.
//!
//! The next one grants nothing where there is a limit before it has heard the second. A slot whose stream was cut off with its
//! generation is given back when its request is [answered](transom_agent::provider::ANSWERED), at the latest after
//! [`LONGEST_MS`].

use std::sync::Arc;
use std::time::Duration;

use transom_agent::provider::SlotRequest;
use transom_plugin_api::{
    CallError, CallErrorKind, Caller, Event, Host, List, Maybe, Service, Text, contract,
};

use crate::keep::Keeper;
use crate::line::{Held, Line};
use crate::slots::Slots;
use crate::terms::{KeptLimit, Terms};

/// How long a slot is counted that an earlier generation has granted.
const LONGEST_MS: i64 = 3_600_000;
/// How often the generation before looks whether the next one answers, and for how long.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const LOOKS: u32 = 6_000;

/// What is handed over: that the rest is told when the next generation answers.
#[contract]
pub(crate) struct Succession {
    /// The number of this generation; the first one is 1.
    pub(crate) generation: u64,
}

/// A slot that is held.
#[contract]
pub(crate) struct SlotLeft {
    ticket: u64,
    request: SlotRequest,
    granted_at: i64,
}

/// What is known of a provider.
#[contract]
pub(crate) struct LineLeft {
    provider: Text,
    limit: Maybe<u32>,
    is_reduced: bool,
    cooldown_ms: Maybe<u64>,
    paused_since: i64,
    paused_until: Maybe<i64>,
    resting: List<i64>,
    held: List<SlotLeft>,
}

/// Everything that the next generation has to know.
#[contract]
pub(crate) struct Left {
    lines: List<LineLeft>,
}

/// A slot that the generation before has granted was given back.
#[contract]
pub(crate) struct Released {
    /// Which provider's.
    pub(crate) provider: Text,
    /// Which.
    pub(crate) ticket: u64,
}

/// Tells the generation that answers what the one before holds; answers its number. Without anything it only answers.
pub(crate) const SUCCEED: Service<Maybe<Left>, u64> = Service::new("concurrency/succeed");

/// Said for each slot of a generation that has been replaced.
pub(crate) const RELEASED: Event<Released> = Event::new("concurrency/slot.released");

/// Everything a generation knows.
fn left(slots: &Slots) -> Left {
    let lines = slots.each(|provider, line| LineLeft {
        provider: provider.into(),
        limit: line.terms.kept.map(|kept| kept.limit).into(),
        is_reduced: line.terms.is_reduced(),
        cooldown_ms: line.terms.kept_cooldown_ms.into(),
        paused_since: line.paused_since,
        paused_until: line.paused_until.into(),
        resting: line.resting.iter().copied().collect(),
        held: line.held.iter().map(slot_left).collect(),
    });
    Left { lines: lines.into() }
}

fn slot_left((ticket, held): (&u64, &Held)) -> SlotLeft {
    SlotLeft { ticket: *ticket, request: held.request.clone(), granted_at: held.granted_at }
}

/// The same as lines, for the generation that reads it.
pub(crate) fn inherited(left: Left, now: i64) -> impl Iterator<Item = (String, Line)> {
    left.lines.into_iter().map(move |line| {
        let reduced = line.is_reduced;
        let kept = line.limit.into_option().map(|limit| KeptLimit { limit, reduced });
        let terms = Terms { kept, kept_cooldown_ms: line.cooldown_ms.into_option(), ..Terms::default() };
        let held = line.held.into_iter().map(|slot| (slot.ticket, held_since(slot, now)));
        let mut inherited = Line::with(terms);
        inherited.paused_since = line.paused_since;
        inherited.paused_until = line.paused_until.into_option();
        inherited.held = held.collect();
        inherited.resting = line.resting.into_iter().collect();
        (line.provider.into(), inherited)
    })
}

fn held_since(slot: SlotLeft, now: i64) -> Held {
    let until = now.saturating_add(LONGEST_MS);
    Held { request: slot.request, granted_at: slot.granted_at, inherited_until: Some(until) }
}

/// One who may be replaced.
#[derive(Clone)]
pub(crate) struct Predecessor {
    pub(crate) generation: u64,
    pub(crate) slots: Arc<Slots>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) next: Caller<Maybe<Left>, u64>,
    pub(crate) host: Host,
}

impl Predecessor {
    /// Looks, in the background, whether the next generation answers, and tells it everything as soon as it does.
    pub(crate) fn watch(&self) {
        let this = self.clone();
        self.host.spawn(async move {
            for _ in 0..LOOKS {
                if this.next.call(Maybe::None).await.is_ok_and(|answers| answers > this.generation) {
                    return this.stand_back().await;
                }
                this.host.sleep(LOOK_AGAIN).await;
            }
        });
    }

    /// Tells the next generation everything, once.
    pub(crate) async fn stand_back(&self) {
        // So that nothing is set here any more that the next one would not know.
        let _closed = self.keeper.close().await;
        if !self.slots.stand_back() {
            return;
        }
        if let Err(error) = self.next.call(Maybe::Some(left(&self.slots))).await {
            tracing::warn!("the next generation does not know which slots are held: {error}");
        }
    }
}

/// Answers one who has been replaced.
pub(crate) fn succeed(slots: &Slots, left: Maybe<Left>, caller: &str, host: &Host) -> Result<(), CallError> {
    if caller != host.id() {
        return Err(CallError::new(CallErrorKind::Refused, "only this plugin itself tells what it leaves"));
    }
    if let Maybe::Some(left) = left {
        slots.succeed(inherited(left, slots.now()));
    }
    Ok(())
}
