//! [`LentSockets`]: the listening sockets of this host, which outlive the generations of the plugins that use them.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use transom_kernel::Sockets;
use transom_plugin_api::sabotage::sabotaged;

/// Every socket that a plugin was lent, by plugin and the address it asked for.
#[derive(Default)]
pub(crate) struct LentSockets(Mutex<HashMap<(String, String), Lent>>);

struct Lent {
    socket: TcpListener,
    /// The generations that have a handle.
    to: BTreeSet<u32>,
}

impl LentSockets {
    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Lent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sockets for LentSockets {
    fn lend(&self, plugin: &str, generation: u32, address: &str) -> io::Result<OwnedFd> {
        let key = (plugin.to_owned(), address.to_owned());
        let mut lent = self.lock();
        if let Some(lent) = lent.get_mut(&key)
            && !sabotaged("open-another-socket")
        {
            let handle = lent.socket.try_clone()?;
            lent.to.insert(generation);
            return Ok(handle.into());
        }
        let wanted: SocketAddr = address
            .parse()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "it is no IP address and port"))?;
        let socket = TcpListener::bind(wanted)?;
        socket.set_nonblocking(true)?;
        let handle = socket.try_clone()?;
        lent.insert(key, Lent { socket, to: BTreeSet::from([generation]) });
        Ok(handle.into())
    }

    fn take_back(&self, plugin: &str, generation: u32) {
        self.lock().retain(|(owner, _), lent| {
            owner != plugin || !lent.to.remove(&generation) || !lent.to.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn address_of(handle: OwnedFd) -> SocketAddr {
        TcpListener::from(handle).local_addr().expect("it is bound")
    }

    #[test]
    fn the_next_generation_is_lent_the_same_socket() {
        let sockets = LentSockets::default();
        let first = address_of(sockets.lend("web", 1, "127.0.0.1:0").expect("a port is free"));
        let second = address_of(sockets.lend("web", 2, "127.0.0.1:0").expect("it is there"));
        assert_eq!(first, second);
        sockets.take_back("web", 1);
        TcpStream::connect(first).expect("it still listens, whoever has a handle");
        sockets.take_back("web", 2);
        TcpStream::connect(first).expect_err("nobody is lent it any more");
    }

    #[test]
    fn plugins_do_not_share_a_socket() {
        let sockets = LentSockets::default();
        let first = address_of(sockets.lend("web", 1, "127.0.0.1:0").expect("a port is free"));
        let taken = sockets.lend("other", 1, &first.to_string()).expect_err("it is another plugin's");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let error = LentSockets::default().lend("web", 1, "example").expect_err("it is none");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
