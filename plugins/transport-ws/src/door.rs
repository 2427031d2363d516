//! [`Door`]: what opens when start-up is over.

use std::net::SocketAddr;
use std::sync::Arc;

use transom_entrance::{Guard, Origins, Server, address};
use transom_plugin_api::hosting::Listening;
use transom_plugin_api::{Emitter, Host, Secret, StartError};

use crate::app::{self, Desk};
use crate::bus::Bus;
use crate::connection::Shared;
use crate::connections::Connections;

/// Everything it takes to let clients in.
pub(crate) struct Door {
    pub(crate) host: Host,
    pub(crate) server: Arc<Server>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) shared: Arc<Shared<Bus>>,
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<Secret>,
    pub(crate) origins: Origins,
    pub(crate) listening: Emitter<Listening>,
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
        let desk = Arc::new(Desk::new(guard, self.connections, self.shared));
        if self.server.open(socket, app::app(desk))? {
            tracing::info!("WebSockets are served at ws://{bound}");
            let address = format!("ws://{bound}").into();
            self.listening.emit(&Listening { protocol: "ws".into(), address, needs_token });
        }
        Ok(())
    }
}
