//! Listening sockets for the plugins of a stand, as a host lends them.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use transom_kernel::Sockets;

/// What is lent, by plugin and the address it asked for.
#[derive(Default)]
pub(crate) struct StandSockets(Mutex<HashMap<(String, String), Lent>>);

struct Lent {
    socket: TcpListener,
    /// The generations that have a handle.
    to: BTreeSet<u32>,
}

impl Sockets for StandSockets {
    fn lend(&self, plugin: &str, generation: u32, address: &str) -> io::Result<OwnedFd> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (plugin.to_owned(), address.to_owned());
        if !all.contains_key(&key) {
            let socket = TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            all.insert(key.clone(), Lent { socket, to: BTreeSet::new() });
        }
        let lent = all.get_mut(&key).ok_or(io::ErrorKind::NotFound)?;
        lent.to.insert(generation);
        Ok(lent.socket.try_clone()?.into())
    }

    fn take_back(&self, plugin: &str, generation: u32) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(owner, _), lent| owner != plugin || !lent.to.remove(&generation) || !lent.to.is_empty());
    }
}
