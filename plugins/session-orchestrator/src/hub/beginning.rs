//! Where a viewer begins.

use transom_agent::event::Cursor;
use transom_plugin_api::{CallError, CallErrorKind, Text};

use super::attached::Waits;
use super::channel::{Channel, State};
use super::line::Stands;
use super::pages;
use super::spot::Spot;

/// Where it begins, as far as that is known at once.
#[derive(Clone, Debug)]
pub(super) enum Begins {
    /// There.
    At(Spot),
    /// Behind a cursor that somebody names.
    Behind(Cursor),
    /// With a turn that is not known here, or behind a cursor, but not when that stands behind the turn.
    WithTurn { turn_id: Text, after: Option<Cursor> },
    /// Nowhere: it has seen everything.
    Nowhere,
}

/// What was found out.
pub(super) enum Found {
    /// It begins there, and is told so when something that it has seen was taken back.
    At { spot: Spot, generation: u32, rewinds: bool },
    /// It has seen everything.
    Over,
    /// Nothing can be shown to somebody who has this cursor.
    Gone(Cursor),
}

/// The beginning for somebody who attaches now, and what he waits for until then. `parked` is the turn that waits for a person.
pub(super) fn choose(
    state: &State,
    turn_id: Option<&Text>,
    after: Option<Cursor>,
    parked: Option<&Text>,
) -> (Begins, Waits) {
    match (turn_id, after) {
        (None, Some(cursor)) => (Begins::Behind(cursor), Waits::No),
        (Some(turn_id), after) => of_turn(state, turn_id, after),
        (None, None) => match (&state.running, &state.line) {
            (Some(running), _) if running.has_begun => of_turn(state, &running.turn_id, None),
            (None, _) if let Some(parked) = parked => of_turn(state, parked, None),
            (_, Some(line)) => (Begins::At(line.end()), Waits::No),
            (_, None) => (Begins::At(Spot::behind(0)), Waits::ForAny),
        },
    }
}

fn of_turn(state: &State, turn_id: &Text, after: Option<Cursor>) -> (Begins, Waits) {
    let is_to_begin =
        state.running.as_ref().is_some_and(|running| running.turn_id == *turn_id && !running.has_begun);
    let line = state.line.as_ref();
    let begins = match after {
        None if is_to_begin => {
            return (Begins::At(Spot::behind(0)), Waits::ForTurn(turn_id.clone()));
        }
        None => line.and_then(|line| line.beginning_of(turn_id)).map(Begins::At),
        Some(cursor) if is_to_begin => Some(Begins::Behind(cursor)),
        Some(cursor) => {
            let ended = |sealed: Option<Spot>| sealed.is_some_and(|spot| spot.position <= cursor.position);
            let end = line.filter(|line| line.generation() == cursor.generation);
            end.and_then(|line| line.end_of(turn_id)).map(|sealed| match ended(sealed) {
                true => Begins::Nowhere,
                false => Begins::Behind(cursor),
            })
        }
    };
    (begins.unwrap_or_else(|| Begins::WithTurn { turn_id: turn_id.clone(), after }), Waits::No)
}

/// Finds out the rest.
///
/// # Errors
/// `NotFound` when there is no such turn; those of the store.
pub(super) async fn find(channel: &Channel, begins: Begins) -> Result<Found, CallError> {
    match begins {
        Begins::Nowhere => Ok(Found::Over),
        Begins::At(spot) => Ok(Found::At { spot, generation: generation(channel).await?, rewinds: false }),
        Begins::Behind(cursor) => behind(channel, cursor).await,
        Begins::WithTurn { turn_id, after: None } => {
            let turn = pages::turn(channel, &turn_id).await?;
            let (spot, generation) = (Spot::behind(turn.first - 1), generation(channel).await?);
            Ok(Found::At { spot, generation, rewinds: false })
        }
        Begins::WithTurn { turn_id, after: Some(cursor) } => {
            let turn = pages::turn(channel, &turn_id).await?;
            Ok(match behind(channel, cursor).await? {
                Found::At { spot, .. } if turn.sealed.is_some_and(|sealed| sealed <= spot.position) => {
                    Found::Over
                }
                found => found,
            })
        }
    }
}

/// The generation of a conversation; that of one that is not there is 0.
async fn generation(channel: &Channel) -> Result<u32, CallError> {
    if let Some(line) = &channel.lock().line {
        return Ok(line.generation());
    }
    match channel.logs.0.find(&channel.conversation_id).await {
        Ok(conversation) => Ok(conversation.generation),
        Err(error) if error.kind == CallErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

async fn behind(channel: &Channel, cursor: Cursor) -> Result<Found, CallError> {
    let now = generation(channel).await?;
    let at = |spot, rewinds| Found::At { spot, generation: now, rewinds };
    if cursor.position == 0 {
        return Ok(at(Spot::behind(0), false));
    }
    if cursor.generation > now {
        return Ok(Found::Gone(cursor));
    }
    let seen = Spot::within(cursor.position, cursor.offset);
    let Some(named) = pages::standing_since(channel, seen, cursor.generation, now).await? else {
        return Ok(Found::Gone(cursor));
    };
    let rewinds = cursor.generation < now;
    Ok(match stands(channel, named, now).await? {
        Stands::At(spot) => at(spot, rewinds),
        Stands::Beyond(spot) => at(spot, true),
        Stands::AskLog | Stands::Gone => Found::Gone(cursor),
    })
}

async fn stands(channel: &Channel, named: Spot, generation: u32) -> Result<Stands, CallError> {
    if named.position == 0 {
        return Ok(Stands::At(Spot::behind(0)));
    }
    let shown = || match &channel.lock().line {
        Some(line) => line.stands(named.cursor(generation)),
        None => Stands::AskLog,
    };
    match shown() {
        Stands::AskLog => {}
        known => return Ok(known),
    }
    let logged = pages::stands(channel, named).await?;
    // A turn may have begun to show meanwhile what the log does not have.
    Ok(match (logged, shown()) {
        (Stands::Beyond(_), known @ (Stands::At(_) | Stands::Beyond(_))) => known,
        (logged, _) => logged,
    })
}
