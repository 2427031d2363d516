//! The viewers of a conversation, as its channel knows them.

use std::collections::HashMap;

use transom_plugin_api::Text;

use super::spot::Spot;

/// The viewers that are attached now.
#[derive(Debug, Default)]
pub(super) struct Viewers {
    next: u64,
    by_number: HashMap<u64, Attached>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) waits: Waits,
    /// What it has seen.
    pub(super) spot: Option<Spot>,
    /// Whether it is to find in memory what follows.
    pub(super) holds: bool,
    /// What it has to know before it sees more.
    pub(super) doubt: Option<Doubt>,
    pub(super) end: Option<End>,
}

/// What a viewer waits for before it sees anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    No,
    /// For that turn, which holds the conversation and has shown nothing.
    ForTurn(Text),
    /// For whatever is shown next.
    ForAny,
}

/// What may not stand any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// What is behind this spot was taken back.
    TakenBack(Spot),
    /// What it has seen is not known to this channel.
    Unknown,
}

/// Why nothing comes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// There is nothing more.
    Over,
    /// The next generation of the plugin goes on with it.
    Retired,
}

impl Viewers {
    /// A viewer that has seen everything up to `spot`, if that is known.
    pub(super) fn attach(&mut self, waits: Waits, spot: Option<Spot>) -> u64 {
        self.next += 1;
        let attached = Attached { waits, spot, holds: spot.is_some(), doubt: None, end: None };
        self.by_number.insert(self.next, attached);
        self.next
    }

    pub(super) fn detach(&mut self, number: u64) {
        self.by_number.remove(&number);
    }

    pub(super) fn get(&mut self, number: u64) -> Option<&mut Attached> {
        self.by_number.get_mut(&number)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// What everybody has seen who is to find in memory what follows.
    pub(super) fn seen(&self) -> Spot {
        let holding = self.by_number.values().filter(|viewer| viewer.holds);
        holding.filter_map(|viewer| viewer.spot).min().unwrap_or(Spot::behind(i64::MAX))
    }

    /// A turn begins behind `base`: who waits for it sees what follows, and who has seen more is told.
    pub(super) fn begin(&mut self, turn_id: &str, base: Spot, doubt: Option<Doubt>) {
        for viewer in self.by_number.values_mut() {
            if viewer.spot.is_some_and(|spot| spot > base) {
                viewer.doubt = doubt.or(viewer.doubt);
            }
            let begins = match &viewer.waits {
                Waits::No => false,
                Waits::ForTurn(turn) => turn == turn_id,
                Waits::ForAny => true,
            };
            if begins {
                (viewer.waits, viewer.spot, viewer.holds) = (Waits::No, Some(base), true);
            }
        }
    }

    /// The turn never began.
    pub(super) fn abandon(&mut self, turn_id: &Text) {
        for viewer in self.by_number.values_mut() {
            if viewer.waits == Waits::ForTurn(turn_id.clone()) {
                viewer.end.get_or_insert(End::Over);
            }
        }
    }

    pub(super) fn end(&mut self, end: End) {
        self.by_number.values_mut().for_each(|viewer| {
            viewer.end.get_or_insert(end);
        });
    }
}
