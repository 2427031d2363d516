//! Where the contributions of an activation are: held back, on the bus, or refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use transom_plugin_api::CallError;

use super::{Seat, lock};
use crate::table::Contribution;

/// Where contributions go.
pub(super) enum Stage {
    /// Held back until `start` returns.
    Staged(Vec<Arc<Contribution>>),
    /// On the bus at once.
    Live,
    /// Off the bus until the plugin is released.
    Held(Vec<Arc<Contribution>>),
    /// Refused.
    Closed,
}

impl Seat {
    /// Takes a contribution in: holds it back, puts it on the bus, or refuses it.
    pub(crate) fn contribute(&self, contribution: Arc<Contribution>) -> Result<(), CallError> {
        let mut stage = lock(&self.stage);
        match &mut *stage {
            Stage::Staged(kept) | Stage::Held(kept) => {
                self.shared.check_free(&contribution, kept, &lock(&self.succeeds))?;
                kept.push(contribution);
                Ok(())
            }
            Stage::Live => {
                drop(stage);
                self.shared.publish(vec![contribution])
            }
            Stage::Closed => Err(self.retired()),
        }
    }

    /// Makes everything of `seats` visible in one step, in the places of the generations that they succeed. Answers what
    /// those had there.
    ///
    /// # Errors
    /// When one of them is closed, or a name is another plugin's.
    pub(crate) fn commit(seats: &[Arc<Self>]) -> Result<Vec<Arc<Contribution>>, CallError> {
        // The stages stay locked, so that nothing that is contributed meanwhile comes before what is staged.
        let mut stages: Vec<_> = seats.iter().map(|seat| lock(&seat.stage)).collect();
        let (mut new, mut gone) = (Vec::new(), Vec::new());
        for (seat, stage) in seats.iter().zip(&mut stages) {
            match &mut **stage {
                Stage::Staged(staged) => new.append(staged),
                Stage::Live | Stage::Held(_) => {}
                Stage::Closed => return Err(seat.retired()),
            }
            gone.append(&mut lock(&seat.succeeds));
        }
        let Some(first) = seats.first() else { return Ok(Vec::new()) };
        // Known when the table is made, which tells of those that are there to stay.
        seats.iter().for_each(|seat| seat.standing.settle());
        gone.iter().for_each(|seat| seat.standing.leave());
        let replaced = first.shared.exchange(&gone, new).inspect_err(|_| {
            seats.iter().for_each(|seat| seat.standing.start());
            gone.iter().for_each(|seat| seat.standing.settle());
        })?;
        for stage in stages.iter_mut().filter(|stage| matches!(***stage, Stage::Staged(_))) {
            **stage = Stage::Live;
        }
        Ok(replaced)
    }

    /// Takes everything off the bus in one step and keeps it; whether there was anything to take.
    pub(crate) fn hold(&self) -> bool {
        if !self.pause() {
            return false;
        }
        let taken = self.shared.suspend(self);
        if let Stage::Held(held) = &mut *lock(&self.stage) {
            held.extend(taken);
        }
        true
    }

    /// Puts everything that is held back on the bus in one step; whether anything was held.
    ///
    /// # Errors
    /// When another plugin has taken a name meanwhile; then everything stays held.
    pub(crate) fn release(&self) -> Result<bool, CallError> {
        let held = match &mut *lock(&self.stage) {
            Stage::Held(held) => std::mem::take(held),
            _ => return Ok(false),
        };
        let back = self.shared.readmit(held);
        let mut stage = lock(&self.stage);
        match back {
            Ok(()) => {
                self.faults.forgive();
                self.is_over_budget.store(false, Ordering::Relaxed);
                *stage = Stage::Live;
                Ok(true)
            }
            Err((held, error)) => {
                *stage = Stage::Held(held);
                Err(error)
            }
        }
    }

    /// Takes back what it contributed under a name, on the bus or held back.
    pub(crate) fn withdraw(&self, point: u32, name: &str) {
        let held = match &mut *lock(&self.stage) {
            Stage::Staged(kept) | Stage::Held(kept) => {
                kept.extract_if(.., |held| held.point == point && held.name == name).collect()
            }
            Stage::Live | Stage::Closed => Vec::new(),
        };
        self.shared.let_go(held);
        self.shared.withdraw(self, Some((point, name)));
    }

    /// Takes everything off the bus in one step and refuses what comes later.
    pub(crate) fn withdraw_all(&self) {
        let staged = std::mem::replace(&mut *lock(&self.stage), Stage::Closed);
        match staged {
            Stage::Staged(staged) => self.shared.reaper.take(staged),
            Stage::Held(held) => self.shared.let_go(held),
            Stage::Live | Stage::Closed => {}
        }
        self.shared.withdraw(self, None);
        *lock(&self.running) = None;
    }

    /// Keeps what it contributes from now on off the bus; whether it was on it.
    pub(crate) fn pause(&self) -> bool {
        let mut stage = lock(&self.stage);
        let was_live = matches!(*stage, Stage::Live);
        if was_live {
            *stage = Stage::Held(Vec::new());
        }
        was_live
    }

    /// Puts `back` in the places of `gone`, in one step, with what it contributed since [`pause`](Self::pause).
    pub(crate) fn resume(
        &self,
        gone: &[Arc<Self>],
        mut back: Vec<Arc<Contribution>>,
    ) -> Result<(), CallError> {
        let mut stage = lock(&self.stage);
        if let Stage::Held(held) = &mut *stage {
            back.append(held);
            self.shared.exchange(gone, back)?;
            *stage = Stage::Live;
        }
        Ok(())
    }
}
