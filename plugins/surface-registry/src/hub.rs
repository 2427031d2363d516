//! [`Hub`]: who looks at what, and what changed for him meanwhile. However often something changes, it is noted once until it was
//! looked at; so whoever says that something changed waits for nobody, and nothing piles up for who is slow.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use transom_agent::surface::SurfaceChanged;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Text};

use crate::wanted::{Wanted, Which};

/// Who may look at the same time.
const MOST_EARS: usize = 1_024;
/// Surfaces that are noted for somebody who wants all of them.
const MOST_MARKS: usize = 1_024;

/// Everybody who looks.
#[derive(Default)]
pub(crate) struct Hub(Mutex<Ears>);

#[derive(Default)]
struct Ears {
    last: u64,
    open: HashMap<u64, Arc<Ear>>,
}

/// One who looks.
struct Ear {
    wanted: Wanted,
    marks: Mutex<Marks>,
    came: Notify,
}

/// What changed for somebody since he looked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Whether there may be other surfaces.
    pub(crate) catalogue: bool,
    /// Surfaces that show something else.
    pub(crate) surfaces: BTreeSet<Text>,
    /// Whether somebody else shows them now.
    pub(crate) is_over: bool,
}

/// The place of one who looks; who drops it looks no longer.
pub(crate) struct Seat {
    hub: Arc<Hub>,
    number: u64,
    ear: Arc<Ear>,
}

impl Hub {
    fn ears(&self) -> MutexGuard<'_, Ears> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes somebody in.
    ///
    /// # Errors
    /// `Unavailable` when there are too many.
    pub(crate) fn open(self: &Arc<Self>, wanted: Wanted) -> Result<Seat, CallError> {
        let mut ears = self.ears();
        if ears.open.len() >= MOST_EARS {
            let message =
                format!("{MOST_EARS} look at surfaces already; try again when one of them has gone");
            return Err(CallError::new(CallErrorKind::Unavailable, message));
        }
        ears.last += 1;
        let (number, ear) = (ears.last, Arc::new(Ear::new(wanted)));
        ears.open.insert(number, Arc::clone(&ear));
        Ok(Seat { hub: Arc::clone(self), number, ear })
    }

    /// A surface shows something else.
    pub(crate) fn changed(&self, changed: &SurfaceChanged) {
        let ears = self.ears();
        let concerned = ears.open.values().filter(|ear| ear.wants(changed));
        concerned.for_each(|ear| ear.note(|marks| marks.note(&changed.surface_id)));
    }

    /// There may be other surfaces.
    pub(crate) fn catalogue_changed(&self) {
        self.ears().open.values().for_each(|ear| ear.note(|marks| marks.catalogue = true));
    }

    /// Has everybody look elsewhere.
    pub(crate) fn send_away(&self) {
        self.ears().open.values().for_each(|ear| ear.note(|marks| marks.is_over = true));
    }

    /// How many look.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.ears().open.len()
    }
}

impl Ear {
    fn new(wanted: Wanted) -> Self {
        Self { wanted, marks: Mutex::default(), came: Notify::new() }
    }

    fn wants(&self, changed: &SurfaceChanged) -> bool {
        let is_shown = match &self.wanted.which {
            Which::Catalogue => false,
            Which::These(ids) => ids.contains(&changed.surface_id),
            Which::All => true,
        };
        let concerns = match changed.conversation_id.as_deref() {
            Some(changed) => self.wanted.conversation_id.as_deref() == Some(changed),
            None => true,
        };
        is_shown && (concerns || sabotaged("surface-hear-of-every-conversation"))
    }

    fn note(&self, note: impl FnOnce(&mut Marks)) {
        note(&mut self.marks.lock().unwrap_or_else(PoisonError::into_inner));
        self.came.notify_one();
    }

    fn take(&self) -> Option<Marks> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = marks.is_over;
        let taken = Some(std::mem::take(&mut *marks)).filter(|taken| *taken != Marks::default());
        marks.is_over = is_over;
        taken
    }
}

impl Marks {
    fn note(&mut self, surface_id: &Text) {
        if self.surfaces.len() < MOST_MARKS && !self.surfaces.contains(surface_id) {
            self.surfaces.insert(surface_id.clone());
        }
    }
}

impl Seat {
    /// What is wanted.
    pub(crate) fn wanted(&self) -> &Wanted {
        &self.ear.wanted
    }

    /// What changed since this was asked last; waits until something has.
    pub(crate) async fn marks(&self) -> Marks {
        loop {
            if let Some(marks) = self.ear.take() {
                return marks;
            }
            self.ear.came.notified().await;
        }
    }

    /// Whether somebody else shows it now.
    pub(crate) fn is_over(&self) -> bool {
        self.ear.marks.lock().unwrap_or_else(PoisonError::into_inner).is_over
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !sabotaged("surface-keep-who-has-gone") {
            self.hub.ears().open.remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(ids: &[&str], conversation: Option<&str>) -> Wanted {
        let which = Which::These(ids.iter().map(|id| Text::from(*id)).collect());
        Wanted { which, conversation_id: conversation.map(Text::from) }
    }

    fn surfaces(seat: &Seat) -> Vec<String> {
        let marks = seat.ear.take().unwrap_or_default();
        marks.surfaces.into_iter().map(Text::into_string).collect()
    }

    #[test]
    fn a_change_is_noted_once_for_those_whom_it_concerns() {
        let hub = Arc::new(Hub::default());
        let a = hub.open(wanted(&["s"], Some("a"))).unwrap();
        let b = hub.open(wanted(&["s", "t"], Some("b"))).unwrap();
        for _ in 0..1_000 {
            hub.changed(&SurfaceChanged::of("s", &"a".into()));
        }
        assert_eq!((surfaces(&a), surfaces(&a), surfaces(&b)), (vec!["s".to_owned()], vec![], vec![]));
        hub.changed(&SurfaceChanged::of_all("t"));
        assert_eq!((surfaces(&a), surfaces(&b)), (vec![], vec!["t".to_owned()]));
    }

    #[test]
    fn who_has_gone_is_forgotten_and_one_too_many_is_refused() {
        let hub = Arc::new(Hub::default());
        let mut seats: Vec<_> = (0..MOST_EARS).map(|_| hub.open(wanted(&[], None)).unwrap()).collect();
        let refused = hub.open(wanted(&[], None)).err().expect("it is one too many");
        assert_eq!(refused.kind, CallErrorKind::Unavailable);
        seats.pop();
        drop(hub.open(wanted(&[], None)).unwrap());
        seats.clear();
        assert_eq!(hub.count(), 0);
    }

    #[test]
    fn names_that_nobody_has_do_not_pile_up() {
        let hub = Arc::new(Hub::default());
        let seat = hub.open(Wanted { which: Which::All, conversation_id: None }).unwrap();
        (0..2 * MOST_MARKS).for_each(|number| hub.changed(&SurfaceChanged::of_all(&number.to_string())));
        assert_eq!(surfaces(&seat).len(), MOST_MARKS);
    }
}
