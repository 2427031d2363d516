//! Why a host gave no answer, or not all of one, in our words: what happened, where, and what to do.

use std::error::Error;
use std::io;

use super::PATIENCE;

/// What happened on the way to an address, on one line.
pub(super) fn of_request(error: &reqwest::Error, address: &str) -> String {
    if error.is_timeout() && !error.is_connect() {
        return of_silence(address);
    }
    if error.is_builder() {
        return format!("`{address}` is no address of a host");
    }
    let why = why(error).map(|why| format!(" ({why})")).unwrap_or_default();
    if error.is_connect() {
        return format!("nobody answers at `{address}`{why}");
    }
    format!("the host at `{address}` broke off its answer{why}")
}

/// Nothing has come in time.
pub(super) fn of_silence(address: &str) -> String {
    format!("the host at `{address}` gave no answer within {} s", PATIENCE.as_secs())
}

/// What happened to a stream that had begun.
pub(super) fn of_stream(error: &reqwest::Error) -> String {
    match why(error) {
        Some(why) => format!("the connection was cut ({why})"),
        None => "the connection was cut".to_owned(),
    }
}

/// What the system says, without its numbers; `None` when it was not the system.
fn why(error: &dyn Error) -> Option<&'static str> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            // Some wrap the error of the system in one of their own.
            return named(error.kind()).or_else(|| why(inner));
        }
        cause = inner.source();
    }
    None
}

const fn named(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::ConnectionAborted => "connection aborted",
        io::ErrorKind::BrokenPipe => "connection closed",
        io::ErrorKind::TimedOut => "no answer in time",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "no way there",
        io::ErrorKind::AddrNotAvailable => "no free port of this machine",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use crate::client::{Client, Problem};

    /// The problem of a client to which this is answered.
    async fn problem(answer: &'static str) -> (String, Problem) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.expect("a client");
            let read = connection.read(&mut [0; 4096]).await.expect("a request");
            assert!(read > 0, "it asks");
            connection.write_all(answer.as_bytes()).await.expect("it is taken");
        });
        let asked = Client::new(&address).get("/models").await;
        serving.await.expect("it does not panic");
        (address, asked.expect_err("no answer"))
    }

    #[tokio::test]
    async fn what_happened_is_told_with_the_address_and_without_the_library_s_words() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let refused = Client::new(&address).get("/models").await.expect_err("nobody is there");
        assert_eq!(refused.message, format!("nobody answers at `{address}` (connection refused)"));
        assert!(refused.nobody_there);
        let (address, cut) = problem("").await;
        assert_eq!(cut.message, format!("the host at `{address}` broke off its answer"));
        let (address, cut) = problem("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{").await;
        assert_eq!(cut.message, format!("the host at `{address}` broke off its answer"));
        let (address, other) = problem("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
        assert_eq!(other.message, format!("what answers at `{address}` is no host: it gave no JSON"));
    }
}
