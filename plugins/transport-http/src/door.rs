//! [`Door`]: what opens when start-up is over.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use transom_entrance::{Guard, Origins, Server, address};
use transom_plugin_api::hosting::{Listening, Ready};
use transom_plugin_api::{CallErrorKind, Caller, Emitter, Host, Secret, StartError};

use crate::app::{self, Desk, Limits};
use crate::bus::Bus;

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
}

/// Whether start-up is over by now; does not wait for it.
pub(crate) async fn is_over(started_up: &Caller<(), Ready>) -> bool {
    let mut asked = pin!(started_up.call(()));
    poll_fn(|context| Poll::Ready(matches!(asked.as_mut().poll(context), Poll::Ready(Ok(_))))).await
}

impl Door {
    /// Opens when start-up is over: until then a client finds the port closed instead of half the routes.
    pub(crate) async fn open_after(self, started_up: Caller<(), Ready>) {
        match started_up.call(()).await {
            Ok(_) => {
                if let Err(error) = self.open() {
                    tracing::error!("the port stays closed: {error}");
                }
            }
            // It ends before it was up, and whoever ended it says why.
            Err(error) if error.kind == CallErrorKind::Unavailable => {
                tracing::debug!("the port stays closed: {error}");
            }
            Err(error) => tracing::error!("the port stays closed: {error}"),
        }
    }

    /// Lets clients in, and says so. Needs a runtime around it.
    ///
    /// # Errors
    /// When nobody can listen at the address.
    pub(crate) fn open(self) -> Result<(), StartError> {
        let socket = address::lent(&self.host, self.address)?;
        let bound = socket.local_addr()?;
        let needs_token = self.token.is_some();
        let guard = Guard::new(bound, self.token).with_origins(self.origins);
        let desk = Arc::new(Desk::new(self.bus, guard, self.limits));
        // First, so that nobody who gets in is told to wait.
        desk.set_ready(true);
        if self.server.open(socket, app::app(desk))? {
            let address = format!("http://{bound}").into();
            self.listening.emit(&Listening { protocol: "http".into(), address, needs_token });
        }
        Ok(())
    }
}
