//! [`Door`]: what opens when start-up is over.

use std::net::SocketAddr;
use std::sync::Arc;

use transom_entrance::{Guard, Origins, Server, address};
use transom_plugin_api::hosting::Listening;
use transom_plugin_api::{Emitter, Host, Secret, StartError};

use crate::app::{self, Desk, Limits};
use crate::bus::Bus;
use crate::viewings::Viewings;

/// Everything it takes to let clients in.
pub(crate) struct Door {
    pub(crate) host: Host,
    pub(crate) server: Arc<Server>,
    pub(crate) bus: Bus,
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<Secret>,
    pub(crate) origins: Origins,
    pub(crate) limits: Limits,
    pub(crate) listening: Emitter<Listening>,
    pub(crate) viewings: Arc<Viewings>,
}

impl Door {
    /// Lets clients in, and says so. Needs a runtime around it.
    ///
    /// # Errors
    /// When nobody can listen at the address.
    pub(crate) fn open(self) -> Result<(), StartError> {
        let socket = address::lent(&self.host, self.address)?;
        let bound = socket.local_addr()?;
        let needs_token = self.token.is_some();
        let guard = Guard::new(bound, self.token).with_origins(self.origins);
        let desk = Arc::new(Desk::new(self.bus, guard, self.limits, self.viewings));
        // First, so that nobody who gets in is told to wait.
        desk.set_ready(true);
        desk.look_around();
        if self.server.open(socket, app::app(desk))? {
            let address = format!("http://{bound}").into();
            self.listening.emit(&Listening { protocol: "http".into(), address, needs_token });
        }
        Ok(())
    }
}
