//! Sockets that the host lends to its plugins, so that they outlive a generation.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use transom_plugin_api::CallError;

use crate::kernel::Shared;
use crate::seat::Seat;

/// Where a kernel gets listening sockets from. It opens none itself.
pub trait Sockets: Send + Sync {
    /// A handle of its own for the socket that listens at `address` for a plugin: the one that another generation of it
    /// was lent, else a new one.
    ///
    /// # Errors
    /// When nobody can listen there.
    fn lend(&self, plugin: &str, generation: u32, address: &str) -> io::Result<OwnedFd>;

    /// That generation has ended. What no other was lent is closed.
    fn take_back(&self, plugin: &str, generation: u32);
}

/// The sockets of a [`KernelConfig`](crate::KernelConfig); none unless the host gives some.
#[derive(Clone, Default)]
pub struct Lender(Option<Arc<dyn Sockets>>);

impl Lender {
    /// Lends what `sockets` has.
    #[must_use]
    pub fn of(sockets: Arc<dyn Sockets>) -> Self {
        Self(Some(sockets))
    }
}

impl fmt::Debug for Lender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lender").field(&self.0.is_some()).finish()
    }
}

impl Shared {
    pub(crate) fn lend(&self, seat: &Seat, address: &str) -> Result<OwnedFd, CallError> {
        let Some(sockets) = &self.lender.0 else {
            return Err(CallError::unavailable("this host lends no sockets"));
        };
        if seat.is_closed() {
            return Err(seat.retired());
        }
        sockets
            .lend(seat.id, seat.generation, address)
            .map_err(|error| CallError::failed(format!("cannot listen at `{address}`: {error}")))
    }

    pub(crate) fn take_back(&self, seat: &Seat) {
        if let Some(sockets) = &self.lender.0 {
            sockets.take_back(seat.id, seat.generation);
        }
    }
}
