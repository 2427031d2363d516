//! How the table of routes changes: each change is one step, made under the draft's lock.
//!
//! What leaves the table is dropped where no lock is held, since that runs a plugin's code.

use std::sync::{Arc, MutexGuard, PoisonError};

use transom_plugin_api::CallError;
use transom_plugin_api::abi::host_table::PortRequest;
use transom_plugin_api::sabotage::sabotaged;

use crate::bus::mailbox::{Mailbox, attend};
use crate::descriptor::Descriptor;
use crate::draft::{Draft, taken};
use crate::kernel::Shared;
use crate::seat::Seat;
use crate::table::{Contribution, Point, RouteTable, Routes};
use crate::whereabouts::PointNames;

impl Shared {
    pub(crate) fn draft(&self) -> MutexGuard<'_, Draft> {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn swap(&self, draft: &mut Draft) {
        self.table.replace(draft.table());
    }

    /// Makes the points that `descriptor` touches, as far as they are not there.
    pub(crate) fn admit(&self, descriptor: &Descriptor) {
        let mut draft = self.draft();
        draft.admit(descriptor);
        self.swap(&mut draft);
    }

    /// Finds a declared point. The index is good for the life of the kernel.
    pub(crate) fn resolve(&self, seat: &Seat, request: &PortRequest) -> Result<u32, CallError> {
        let mut draft = self.draft();
        let (index, is_new) = draft.resolve(seat, request)?;
        if is_new {
            // Handlers of other dialects can be reached from here now, and those of this one from there.
            self.swap(&mut draft);
        }
        Ok(index)
    }

    pub(crate) fn point_names(&self) -> PointNames {
        self.draft().names()
    }

    pub(crate) fn point(&self, index: u32) -> Option<Arc<Point>> {
        self.draft().point(index)
    }

    /// Whether `new` may stand beside what is on the bus, but for what is of `gone`, and what is staged with it.
    pub(crate) fn check_free(
        &self,
        new: &Contribution,
        staged: &[Arc<Contribution>],
        gone: &[Arc<Seat>],
    ) -> Result<(), CallError> {
        let holder = taken(new, staged.iter()).or_else(|| self.draft().holder(new, gone));
        holder.map_or(Ok(()), |holder| Err(conflict(new, holder)))
    }

    /// Puts contributions on the bus in one step.
    pub(crate) fn publish(&self, new: Vec<Arc<Contribution>>) -> Result<(), CallError> {
        self.exchange(&[], new).map(drop)
    }

    /// Puts `new` on the bus and takes everything of `gone` off it, in one step. A queued listener takes over the mailbox
    /// of the one in whose place it comes. Answers what was taken off; mailboxes without a successor are still open.
    ///
    /// # Errors
    /// When a plugin that stays provides what one of `new` is to provide; then nothing has changed, and `new` is dropped.
    pub(crate) fn exchange(
        &self,
        gone: &[Arc<Seat>],
        new: Vec<Arc<Contribution>>,
    ) -> Result<Vec<Arc<Contribution>>, CallError> {
        self.exchange_some(gone, |_| true, new)
    }

    /// As [`exchange`](Self::exchange), for what `which` names of `gone`; the rest of it stays.
    ///
    /// # Errors
    /// As `exchange`.
    pub(crate) fn exchange_some(
        &self,
        gone: &[Arc<Seat>],
        which: impl Fn(&Contribution) -> bool,
        new: Vec<Arc<Contribution>>,
    ) -> Result<Vec<Arc<Contribution>>, CallError> {
        let (mut replaced, predecessors) = {
            let mut draft = self.draft();
            let refused = new.iter().find_map(|new| Some((new, draft.holder(new, gone)?)));
            if let Some((refused, holder)) = refused {
                let error = conflict(refused, holder);
                drop(draft);
                self.reaper.take(new);
                return Err(error);
            }
            let leaves = |contribution: &Arc<Contribution>| {
                gone.iter().any(|seat| Arc::ptr_eq(seat, &contribution.seat)) && which(contribution)
            };
            let replaced = draft.take(leaves);
            let predecessors = hand_mailboxes_over(&draft, &replaced, &new);
            draft.add(&new);
            self.swap(&mut draft);
            (replaced, predecessors)
        };
        for (contribution, predecessor) in new.iter().zip(predecessors) {
            attend(contribution, predecessor);
        }
        // Lanes are made anew where they are needed.
        let lanes: Vec<_> = replaced.extract_if(.., |contribution| contribution.is_lane).collect();
        self.reaper.take(lanes);
        Ok(replaced)
    }

    /// Takes everything of a seat off the bus in one step, mailboxes open.
    pub(crate) fn suspend(&self, seat: &Seat) -> Vec<Arc<Contribution>> {
        let taken = {
            let mut draft = self.draft();
            let taken = draft.take(|contribution| std::ptr::eq(&*contribution.seat, seat));
            self.swap(&mut draft);
            taken
        };
        // Lanes to them are made anew when they come back; they are dropped here, where no lock is held.
        taken.into_iter().filter(|contribution| !contribution.is_lane).collect()
    }

    /// Puts back what [`suspend`](Self::suspend) took, in one step.
    pub(crate) fn readmit(
        &self,
        held: Vec<Arc<Contribution>>,
    ) -> Result<(), (Vec<Arc<Contribution>>, CallError)> {
        let mut draft = self.draft();
        let refused = held.iter().find_map(|held| Some((held, draft.holder(held, &[])?)));
        if let Some((refused, holder)) = refused {
            let error = conflict(refused, holder);
            drop(draft);
            return Err((held, error));
        }
        draft.add(&held);
        self.swap(&mut draft);
        Ok(())
    }

    /// Closes the mailboxes of what left the bus, and drops it where no lock is held.
    pub(crate) fn let_go(&self, gone: Vec<Arc<Contribution>>) {
        for contribution in &gone {
            if let Some(mailbox) = &contribution.mailbox {
                mailbox.close();
            }
        }
        self.reaper.take(gone);
    }

    /// Takes contributions off the bus in one step: all of a seat, or those it has under a name at a point.
    pub(crate) fn withdraw(&self, seat: &Seat, only: Option<(u32, &str)>) {
        let goes = |contribution: &Arc<Contribution>| {
            std::ptr::eq(&*contribution.seat, seat)
                && only.is_none_or(|(point, name)| contribution.point == point && contribution.name == name)
        };
        let gone: Vec<Arc<Contribution>> = {
            let mut draft = self.draft();
            let gone = draft.take(goes);
            if !gone.is_empty() {
                self.swap(&mut draft);
            }
            gone
        };
        self.let_go(gone);
    }

    /// How many handlers a seat has on the bus.
    pub(crate) fn contributions_of(&self, seat: &Seat) -> u64 {
        self.draft().count_of(seat)
    }

    /// Runs `look` on the routes of a point, if there is such a point.
    #[inline]
    pub(crate) fn on_routes<R>(&self, point: u32, look: impl FnOnce(&RouteTable, &Routes) -> R) -> Option<R> {
        let table = self.table.load();
        table.points.get(point as usize).map(|routes| look(&table, routes))
    }
}

/// Moves the events that nobody has read yet to the mailboxes of the successors, in the order in which both were
/// contributed. Answers, for each of `new`, the mailbox that it took over.
fn hand_mailboxes_over(
    draft: &Draft,
    replaced: &[Arc<Contribution>],
    new: &[Arc<Contribution>],
) -> Vec<Option<Arc<Mailbox>>> {
    if sabotaged("leave-unread-events-behind") {
        return vec![None; new.len()];
    }
    let mut left: Vec<&Arc<Contribution>> =
        replaced.iter().filter(|old| old.mailbox.is_some() && !old.is_lane).collect();
    let predecessor = |new: &Arc<Contribution>| {
        let mailbox = new.mailbox.as_ref()?;
        let is_same = |old: &&&Arc<Contribution>| {
            old.seat.id == new.seat.id && draft.family(old.point) == draft.family(new.point)
        };
        let found = left.iter().position(|old| is_same(&old))?;
        let old = left.remove(found).mailbox.clone()?;
        old.hand_over(mailbox);
        Some(old)
    };
    new.iter().map(predecessor).collect()
}

#[cold]
fn conflict(refused: &Contribution, holder: &str) -> CallError {
    let point = &refused.info.name;
    let what = match refused.name.as_str() {
        "" => format!("service `{point}`"),
        name => format!("name `{name}` at `{point}`"),
    };
    let id = refused.seat.id;
    CallError::conflict(format!("plugin `{id}` cannot provide the {what}: plugin `{holder}` does"))
}
