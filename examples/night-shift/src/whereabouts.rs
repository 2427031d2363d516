//! [`Whereabouts`]: where the host listens, as soon as it does, for everybody who waits for it.

use std::sync::Arc;

use tokio::sync::watch;

/// Where a host listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Such as `http://127.0.0.1:24203`.
    pub(crate) http: String,
    /// Such as `127.0.0.1:24205`.
    pub(crate) ws: String,
}

/// Where it listens now; nowhere while it is away. Clones tell the same.
#[derive(Clone, Debug)]
pub(crate) struct Whereabouts(Arc<watch::Sender<Option<Address>>>);

impl Whereabouts {
    pub(crate) fn unknown() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    pub(crate) fn tell(&self, address: Option<Address>) {
        self.0.send_replace(address);
    }

    pub(crate) fn now(&self) -> Option<Address> {
        self.0.borrow().clone()
    }

    /// Waits until it is known.
    pub(crate) async fn known(&self) -> Address {
        let mut told = self.0.subscribe();
        loop {
            if let Some(address) = told.borrow_and_update().clone() {
                return address;
            }
            if told.changed().await.is_err() {
                // `self` holds the sender.
                std::future::pending::<()>().await;
            }
        }
    }
}
