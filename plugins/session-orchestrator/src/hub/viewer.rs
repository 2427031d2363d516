//! A viewer: it reads what it missed in the log, then in the hub's memory, and then waits, in one order for all.
//!
//! Nothing is queued for it. It knows the spot up to which it has seen everything and finds what follows by that, so that
//! whatever happens in the meantime, nothing is left out and nothing told twice. One that is slow finds joined frames, one that
//! is slower still goes back to the log; nobody waits for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use transom_agent::event::{AgentEvent, AgentEventKind, Cursor};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Text};

use super::attached::{Doubt, End, Waits};
use super::beginning::{self, Begins};
use super::channel::{Channel, State};
use super::frame::Frame;
use super::line::Follows;
use super::pages::{self, Ahead, Page};
use super::spot::Spot;

/// Somebody who watches a conversation. Dropping it is all it takes to go away.
#[derive(Debug)]
pub(crate) struct Viewer {
    channel: Arc<Channel>,
    number: u64,
    /// The turn whose seal ends it.
    only: Option<Text>,
    view: Mutex<View>,
}

#[derive(Debug)]
struct View {
    stage: Stage,
    /// Everything up to here was given, or is about to be.
    spot: Spot,
    generation: u32,
    /// Chunks of the next page.
    page: u32,
    ahead: Option<Ahead>,
    /// Read, and about to be given.
    ready: VecDeque<Arc<Frame>>,
    /// The number of the next print.
    print: u64,
    /// Prints that were let go of before it came to them.
    lost_prints: u64,
}

#[derive(Clone, Debug)]
enum Stage {
    /// It is to be found out where it begins.
    Begins(Begins),
    /// What follows is in the log, which goes up to this position at least.
    Reads { logged: i64 },
    /// What follows is in memory, or yet to come.
    Follows,
    /// The last was given, but for what is ready.
    Over,
}

/// What to do next.
enum Next {
    Give(Option<Result<Arc<Frame>, CallError>>),
    Find(Begins),
    Read { spot: Spot, generation: u32, logged: i64 },
    Wait,
}

impl Viewer {
    /// Attaches to a channel whose state is locked.
    pub(super) fn attach(
        channel: &Arc<Channel>,
        state: &mut State,
        turn_id: Option<&Text>,
        after: Option<Cursor>,
        parked: Option<&Text>,
    ) -> Self {
        let (begins, waits) = beginning::choose(state, turn_id, after, parked);
        let (stage, spot) = match begins {
            Begins::At(spot) => (Stage::Follows, Some(spot)),
            Begins::Nowhere => (Stage::Over, None),
            other => (Stage::Begins(other), None),
        };
        let spot = spot.filter(|_| waits == Waits::No);
        let number = state.viewers.attach(waits, spot);
        let view = View {
            stage,
            spot: spot.unwrap_or(Spot::behind(0)),
            generation: state.line.as_ref().map_or(0, |line| line.generation()),
            page: pages::FIRST,
            ahead: None,
            ready: VecDeque::new(),
            print: state.first_print(),
            lost_prints: 0,
        };
        Self { channel: Arc::clone(channel), number, only: turn_id.cloned(), view: Mutex::new(view) }
    }

    /// Finds out where it begins, so that a request for what is not there is refused before anything is given.
    ///
    /// # Errors
    /// `NotFound` when there is no such turn; those of the store.
    pub(crate) async fn begin(&self) -> Result<(), CallError> {
        let Stage::Begins(begins) = self.lock().stage.clone() else { return Ok(()) };
        self.find(begins).await
    }

    /// The next frame; `None` at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// Followed by the end: `NotFound` when there is no such turn, `Retired` when the plugin is being replaced, and those of
    /// the store.
    pub(crate) async fn next(&self) -> Option<Result<Arc<Frame>, CallError>> {
        loop {
            let changed = self.channel.changed();
            let worked = match self.look() {
                Next::Give(next) => return next,
                Next::Find(begins) => self.find(begins).await,
                Next::Read { spot, generation, logged } => self.read(spot, generation, logged).await,
                Next::Wait => {
                    changed.await;
                    Ok(())
                }
            };
            if let Err(error) = worked {
                return Some(Err(error));
            }
        }
    }

    /// Where it stands, when it has given all that it has read; `None` until it is known where it begins.
    pub(crate) fn cursor(&self) -> Option<Cursor> {
        let view = self.lock();
        let waits =
            self.channel.lock().viewers.get(self.number).is_some_and(|attached| attached.waits != Waits::No);
        let is_known = !waits && !matches!(view.stage, Stage::Begins(_)) && view.spot.position > 0;
        is_known.then(|| view.spot.cursor(view.generation))
    }

    fn look(&self) -> Next {
        let mut view = self.lock();
        if let Some(frame) = view.ready.pop_front() {
            return self.give(&mut view, frame);
        }
        match view.stage.clone() {
            Stage::Over => Next::Give(None),
            Stage::Begins(begins) => Next::Find(begins),
            Stage::Reads { logged } => {
                let end = self.channel.lock().viewers.get(self.number).and_then(|attached| attached.end);
                let retired = end.filter(|end| *end == End::Retired);
                let read = Next::Read { spot: view.spot, generation: view.generation, logged };
                ended(&mut view, retired).unwrap_or(read)
            }
            Stage::Follows => self.follow(&mut view),
        }
    }

    fn give(&self, view: &mut View, frame: Arc<Frame>) -> Next {
        if frame.is_seal() && self.only.as_ref() == Some(&frame.event().turn_id) {
            view.stage = Stage::Over;
            view.ready.clear();
        }
        Next::Give(Some(Ok(frame)))
    }

    /// Looks for what follows in memory.
    fn follow(&self, view: &mut View) -> Next {
        let mut state = self.channel.lock();
        let State { viewers, line, printed, .. } = &mut *state;
        let Some(attached) = viewers.get(self.number) else { return Next::Give(None) };
        if attached.waits != Waits::No {
            return ended(view, attached.end).unwrap_or(Next::Wait);
        }
        // Who waited for a turn that has begun sees it from its beginning.
        view.spot = view.spot.max(attached.spot.unwrap_or(view.spot));
        (attached.spot, attached.holds) = (Some(view.spot), true);
        let end = attached.end;
        let doubt = attached.doubt.take();
        let generation = line.as_ref().map_or(view.generation, |line| line.generation());
        if let Some(doubt) = doubt {
            attached.spot = None;
            attached.holds = false;
            return self.doubt(view, doubt, generation);
        }
        let follows = line.as_ref().map_or(Follows::Nothing, |line| line.behind(view.spot));
        if let Follows::Frame(_) | Follows::Nothing = follows
            && let Some(print) = printed.next(&mut view.print, &mut view.lost_prints, view.spot)
        {
            return Next::Give(Some(Ok(print)));
        }
        match follows {
            Follows::Frame(frame) => {
                view.spot = frame.end();
                self.give(view, frame)
            }
            Follows::Nothing => {
                state.let_go();
                ended(view, end).unwrap_or(Next::Wait)
            }
            Follows::InLog { .. } if end == Some(End::Retired) => ended(view, end).unwrap_or(Next::Wait),
            Follows::InLog { logged, generation } => {
                attached.holds = false;
                (view.stage, view.generation) = (Stage::Reads { logged }, generation);
                Next::Read { spot: view.spot, generation, logged }
            }
            Follows::Gone => {
                self.require_snapshot(view);
                Next::Give(view.ready.pop_front().map(Ok))
            }
        }
    }

    /// What was seen may not stand any more.
    fn doubt(&self, view: &mut View, doubt: Doubt, generation: u32) -> Next {
        let seen = match doubt {
            Doubt::Unknown => view.spot.cursor(view.generation),
            Doubt::TakenBack(spot) => {
                self.rewind(view, spot, generation);
                spot.cursor(generation)
            }
        };
        view.stage = Stage::Begins(Begins::Behind(seen));
        match view.ready.pop_front() {
            Some(frame) => Next::Give(Some(Ok(frame))),
            None => Next::Find(Begins::Behind(seen)),
        }
    }

    fn rewind(&self, view: &mut View, spot: Spot, generation: u32) {
        if !sabotaged("rewind-not-told") {
            view.ready.push_back(self.of_no_turn(AgentEventKind::Rewind {}, spot, generation));
        }
    }

    /// Ends with the frame that says that nothing more can be shown.
    fn require_snapshot(&self, view: &mut View) {
        view.stage = Stage::Over;
        let kind = AgentEventKind::SnapshotRequired {};
        view.ready.push_back(self.of_no_turn(kind, view.spot, view.generation));
    }

    fn of_no_turn(&self, kind: AgentEventKind, spot: Spot, generation: u32) -> Arc<Frame> {
        let event: AgentEvent =
            kind.of(&self.channel.conversation_id, &Text::default(), spot.place(generation));
        Arc::new(Frame::new(event))
    }

    async fn find(&self, begins: Begins) -> Result<(), CallError> {
        let found = beginning::find(&self.channel, begins).await;
        let mut view = self.lock();
        let found = found.inspect_err(|_| view.stage = Stage::Over)?;
        match found {
            beginning::Found::Gone(cursor) => {
                (view.spot, view.generation) =
                    (Spot::within(cursor.position, cursor.offset), cursor.generation);
                self.require_snapshot(&mut view);
            }
            beginning::Found::Over => view.stage = Stage::Over,
            beginning::Found::At { spot, generation, rewinds } => {
                if rewinds {
                    self.rewind(&mut view, spot, generation);
                }
                (view.spot, view.generation) = (spot, generation);
                // Without a turn that was begun here the log is all there is.
                view.stage = match self.channel.lock().line {
                    Some(_) => Stage::Follows,
                    None => Stage::Reads { logged: 0 },
                };
            }
        }
        Ok(())
    }

    async fn read(&self, spot: Spot, generation: u32, logged: i64) -> Result<(), CallError> {
        let page = self.page(spot, generation).await;
        let ahead = page.as_ref().ok().and_then(|page| Ahead::of(&self.channel, page, generation));
        let mut view = self.lock();
        view.ahead = ahead;
        let Page { frames, spot: reached, is_last, next } = page.inspect_err(|_| view.stage = Stage::Over)?;
        view.ready.extend(frames);
        view.page = next;
        view.spot = reached;
        if is_last && reached.position < logged || !is_last && reached <= spot {
            // What was said to be in the log is not.
            self.require_snapshot(&mut view);
        } else if is_last {
            view.stage = Stage::Follows;
        }
        Ok(())
    }

    /// What follows in the log: what was read while the page before was given, or is read now.
    async fn page(&self, spot: Spot, generation: u32) -> Result<Page, CallError> {
        let (limit, ahead) = {
            let mut view = self.lock();
            (view.page, view.ahead.take())
        };
        if let Some(ahead) = ahead
            && let Some(page) = ahead.page(spot, generation).await
        {
            return page;
        }
        pages::read(&self.channel, spot, generation, limit).await
    }

    /// Prints of tools that it was too slow for.
    #[cfg(test)]
    pub(crate) fn lost_prints(&self) -> u64 {
        self.lock().lost_prints
    }

    fn lock(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a viewer, when it has come.
fn ended(view: &mut View, end: Option<End>) -> Option<Next> {
    view.stage = match end? {
        End::Over | End::Retired => Stage::Over,
    };
    Some(Next::Give(match end? {
        End::Over => None,
        End::Retired => {
            let message = "whoever shows turns is being replaced; watch again, after the last that was seen";
            Some(Err(CallError::new(CallErrorKind::Retired, message)))
        }
    }))
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let lost = self.lock().lost_prints;
        if lost > 0 {
            let id = &self.channel.conversation_id;
            tracing::debug!("a viewer of conversation `{id}` was too slow for {lost} prints of tools");
        }
        let mut state = self.channel.lock();
        state.viewers.detach(self.number);
        state.let_go();
        state.forget_prints();
    }
}
