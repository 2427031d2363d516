//! Where it may listen, and whether that can be taken.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use tokio::net::TcpSocket;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{Host, Secret, StartError};

/// Reads the setting `listen`: an IP address and a port, or `localhost` and a port.
///
/// # Errors
/// When it is neither.
pub fn parse(listen: &str) -> Result<SocketAddr, StartError> {
    if let Some(port) = listen.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    listen.parse().map_err(|_| {
        StartError::new(format!("setting `listen` is `{listen}`, expected an IP address and a port"))
            .help("write it as `127.0.0.1:24203` or `[::1]:24203`; port 0 picks a free one")
    })
}

/// Whether requests never leave the machine on their way to `address`.
#[must_use]
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Refuses what would let strangers in: an address others can reach without a token, or a token nobody can send.
///
/// # Errors
/// With what to set instead. The token is never shown.
pub fn permit(address: SocketAddr, token: Option<&Secret>) -> Result<(), StartError> {
    let Some(token) = token else {
        if is_loopback(address) || sabotaged("listen-openly") {
            return Ok(());
        }
        return Err(StartError::new(format!(
            "setting `listen` is `{address}`, which others can reach, but there is no `token`"
        ))
        .help("set `token`, for example to \"env:TRANSOM_TOKEN\", or listen on 127.0.0.1"));
    };
    let token = token.expose();
    if token.is_empty() {
        return Err(StartError::new("setting `token` is empty")
            .help("give it a value, or leave it out on a loopback address"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(StartError::new("setting `token` has characters that cannot stand in a header")
            .help("use printable ASCII without spaces"));
    }
    Ok(())
}

/// The host's socket at `address`, which listens. The host keeps it over a reload of this plugin.
///
/// # Errors
/// When nobody can listen there; with what to do about it, where that is known.
pub fn lent(host: &Host, address: SocketAddr) -> Result<TcpListener, StartError> {
    if sabotaged("close-the-port-between-generations") {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        return Ok(socket);
    }
    // The reason is told with a remedy if it shows here as well.
    host.listen(&address.to_string()).map_err(|error| probe(address).err().unwrap_or(error))
}

/// Tries whether the port can be taken, and leaves it closed: who comes before start-up is over is refused by the system.
///
/// # Errors
/// When it is taken already, or cannot be; with what to do about it.
pub fn probe(address: SocketAddr) -> Result<(), StartError> {
    try_bind(address).map_err(|error| {
        StartError::new(format!("address `{address}` cannot be taken: {error}")).help(remedy(&error))
    })
}

fn try_bind(address: SocketAddr) -> io::Result<()> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart does not wait for old connections to time out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "another program has it: stop that one, or set `listen` to another port (0 picks a free one)"
        }
        ErrorKind::AddrNotAvailable => "this machine has no such address: set `listen` to one it has",
        ErrorKind::PermissionDenied => "ports below 1024 need a privilege: set `listen` to a higher one",
        _ => "set `listen` to another address",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(listen: &str, token: Option<&str>) -> Result<(), String> {
        let address = parse(listen).map_err(|error| error.to_string())?;
        permit(address, token.map(Secret::new).as_ref()).map_err(|error| error.to_string())
    }

    #[test]
    fn loopback_needs_no_token() {
        for listen in
            ["127.0.0.1:24203", "127.8.9.10:1", "[::1]:24203", "localhost:0", "[::ffff:127.0.0.1]:80"]
        {
            assert_eq!(judge(listen, None), Ok(()), "{listen}");
        }
    }

    #[test]
    fn any_other_address_needs_a_token() {
        for listen in ["0.0.0.0:24203", "[::]:24203", "192.168.1.7:80", "8.8.8.8:80"] {
            let refused = judge(listen, None).expect_err(listen);
            assert!(refused.contains(listen) && refused.contains("help: set `token`"), "{refused}");
            assert_eq!(judge(listen, Some("s3cret")), Ok(()), "{listen}");
        }
    }

    #[test]
    fn a_token_nobody_can_send_is_refused() {
        assert!(judge("127.0.0.1:0", Some("")).is_err());
        for token in ["two words", "naïve", "line\nbreak"] {
            let refused = judge("127.0.0.1:0", Some(token)).expect_err(token);
            assert!(!refused.contains(token), "the token is not repeated: {refused}");
        }
    }

    #[test]
    fn what_is_no_address_is_named() {
        for listen in ["", "24203", "127.0.0.1", "example.org:80", "localhost:99999", "127.0.0.1:24203/x"] {
            let refused = judge(listen, None).expect_err(listen);
            assert!(refused.contains(&format!("`{listen}`")), "{refused}");
        }
    }

    #[test]
    fn a_taken_port_is_refused_with_a_remedy() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listener.local_addr().unwrap();
        let refused = probe(taken).expect_err("the port is taken").to_string();
        assert!(
            refused.contains(&taken.to_string()) && refused.contains("help: another program"),
            "{refused}"
        );
        drop(listener);
        probe(taken).unwrap();
    }
}
