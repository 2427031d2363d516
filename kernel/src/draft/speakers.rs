//! [`Speakers`]: who emits, applies or calls in a dialect of a point.
//!
//! Lanes lead from a dialect only while somebody speaks it. What a generation that is over was built with concerns
//! nobody, and of one that is still to take its places, or has lost them, nobody is told.

use transom_plugin_api::port::Role;
use transom_plugin_api::sabotage::sabotaged;

use crate::descriptor::PortDescriptor;
use crate::seat::{Seat, Standing};

/// Those of one dialect.
#[derive(Default)]
pub(super) struct Speakers(Vec<Speaker>);

/// One of them, and what it was built with.
#[derive(Clone)]
pub(super) struct Speaker {
    pub(super) plugin: &'static str,
    pub(super) version: String,
    pub(super) port: PortDescriptor,
    standing: Standing,
}

impl Speakers {
    /// Takes in who resolves a port, where that is one to speak through; whether it is the first that is there.
    pub(super) fn add(&mut self, seat: &Seat, port: &PortDescriptor) -> bool {
        if !speaks(port.role) {
            return false;
        }
        self.0.retain(|speaker| !speaker.standing.is_closed() || sabotaged("listen-to-the-dead"));
        let (version, standing) = (seat.descriptor.version.clone(), seat.standing.clone());
        self.0.push(Speaker { plugin: seat.id, version, port: port.clone(), standing });
        self.0.len() == 1
    }

    /// Whether somebody is there, be it for a while.
    pub(super) fn are_there(&self) -> bool {
        self.0.iter().any(|speaker| !speaker.standing.is_closed()) || sabotaged("listen-to-the-dead")
    }

    /// One that is there to stay.
    pub(super) fn settled(&self) -> Option<&Speaker> {
        self.0.iter().find(|speaker| speaker.standing.is_settled() || sabotaged("listen-to-the-dead"))
    }
}

/// Whether values begin their way there.
pub(super) const fn speaks(role: Role) -> bool {
    matches!(role, Role::Says | Role::Applies | Role::Calls)
}
