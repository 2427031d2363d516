//! [`Lines`]: what a server writes to its standard output, held to what a connection can bear.
//!
//! One message is one line. Lines that are no JSON object are no messages: they are kept for people and left out, as many servers
//! print a greeting. A line that is too long, too much that is no message, or too much at once ends the connection, with a reason.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, ReadBuf};
use transom_plugin_api::sabotage::sabotaged;

use crate::tail::Tail;

/// Bytes of a line. More than an answer may have, so that one that is too long for a model can still be cut.
pub(crate) const LONGEST_LINE: usize = 8 << 20;
/// Bytes of a connection that are no messages.
const NOISE: usize = 64 << 10;
/// Bytes within a [`WINDOW`].
const FLOOD: usize = 64 << 20;
/// For so long bytes are counted together.
const WINDOW: Duration = Duration::from_secs(10);

/// Why a connection was ended from here.
pub(crate) type Reason = Arc<OnceLock<String>>;

/// Reads lines that may be messages.
pub(crate) struct Lines<R> {
    inner: R,
    tail: Arc<Tail>,
    reason: Reason,
    /// Bytes of this line so far.
    line: usize,
    kind: Kind,
    noise: usize,
    since: Instant,
    counted: usize,
}

/// What a line is, by its first byte that is no blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unknown,
    Message,
    Noise,
}

impl<R> Lines<R> {
    pub(crate) fn of(inner: R, tail: Arc<Tail>, reason: Reason) -> Self {
        let (line, noise, counted) = (0, 0, 0);
        Self { inner, tail, reason, line, kind: Kind::Unknown, noise, since: Instant::now(), counted }
    }

    /// Leaves out what is no message; answers how many bytes are left.
    fn sift(&mut self, bytes: &mut [u8]) -> Result<usize, String> {
        self.count(bytes.len())?;
        let (mut kept, mut from) = (0, 0);
        while from < bytes.len() {
            let end = bytes[from..].iter().position(|byte| *byte == b'\n');
            let to = end.map_or(bytes.len(), |at| from + at + 1);
            self.begin_with(&bytes[from..to]);
            if self.kind == Kind::Noise {
                self.noise += to - from;
                self.tail.push(&bytes[from..to]);
            } else {
                bytes.copy_within(from..to, kept);
                kept += to - from;
            }
            self.line += to - from;
            self.check()?;
            if end.is_some() {
                (self.line, self.kind) = (0, Kind::Unknown);
            }
            from = to;
        }
        Ok(kept)
    }

    fn begin_with(&mut self, piece: &[u8]) {
        if self.kind == Kind::Unknown {
            self.kind = match piece.iter().find(|byte| !byte.is_ascii_whitespace()) {
                None => Kind::Unknown,
                Some(b'{') => Kind::Message,
                Some(_) => Kind::Noise,
            };
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.line > LONGEST_LINE && !sabotaged("read-lines-of-any-length") {
            return Err(format!("it wrote a line of more than {LONGEST_LINE} bytes"));
        }
        if self.noise > NOISE {
            return Err(format!(
                "it wrote more than {NOISE} bytes that are no messages to its standard output"
            ));
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), String> {
        if self.since.elapsed() > WINDOW {
            (self.since, self.counted) = (Instant::now(), 0);
        }
        self.counted += bytes;
        if self.counted > FLOOD {
            return Err(format!("it wrote more than {FLOOD} bytes within {} s", WINDOW.as_secs()));
        }
        Ok(())
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
            if buffer.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            match this.sift(&mut buffer.filled_mut()[before..]) {
                // Nothing would say that there is nothing more.
                Ok(0) => buffer.set_filled(before),
                Ok(kept) => {
                    buffer.set_filled(before + kept);
                    return Poll::Ready(Ok(()));
                }
                Err(reason) => {
                    let _ = this.reason.set(reason.clone());
                    return Poll::Ready(Err(io::Error::other(reason)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// What comes through, and why it ended where it did.
    async fn read(written: impl AsyncRead + Unpin) -> (usize, Vec<u8>, Option<String>, String) {
        let (tail, reason) = (Arc::<Tail>::default(), Reason::default());
        let mut lines = Lines::of(written, Arc::clone(&tail), Arc::clone(&reason));
        let (mut head, mut piece, mut total) = (Vec::new(), vec![0; 64 << 10], 0);
        while total < 2 * FLOOD
            && let Ok(bytes @ 1..) = lines.read(&mut piece).await
        {
            total += bytes;
            head.extend_from_slice(&piece[..bytes.min(1_000 - head.len().min(1_000))]);
        }
        (total, head, reason.get().cloned(), tail.text())
    }

    #[tokio::test]
    async fn lines_that_are_no_messages_are_kept_for_people_and_left_out() {
        for size in [1, 3, 1_000] {
            let written = b"Hello!\n{\"a\":1}\n\n [1]\n  {\"b\":2}\nlast".as_slice();
            let (_, head, reason, tail) = read(tokio::io::BufReader::with_capacity(size, written)).await;
            assert_eq!(String::from_utf8(head).expect("text"), "{\"a\":1}\n\n  {\"b\":2}\n");
            // A blank at the beginning of a line may have come before it was known what the line is.
            assert_eq!(tail.replace(' ', ""), "Hello!\n[1]\nlast");
            assert_eq!(reason, None);
        }
    }

    #[tokio::test]
    async fn a_line_without_an_end_ends_the_connection() {
        let (read_in_all, _, reason, _) = read(b"{".as_slice().chain(tokio::io::repeat(b'x'))).await;
        assert_eq!(reason.expect("told"), "it wrote a line of more than 8388608 bytes");
        assert!(read_in_all <= LONGEST_LINE + 1);
    }

    #[tokio::test]
    async fn a_flood_of_anything_ends_the_connection() {
        let (_, _, reason, tail) = read(tokio::io::repeat(b'y')).await;
        let told = "it wrote more than 65536 bytes that are no messages to its standard output";
        assert_eq!((reason.expect("told").as_str(), tail.as_str()), (told, ""));
        let line = format!("{{{}}}\n", "x".repeat(4_000));
        let (_, _, reason, _) = read(Repeated(line.into_bytes())).await;
        assert_eq!(reason.expect("told"), "it wrote more than 67108864 bytes within 10 s");
    }

    /// The same line again and again.
    struct Repeated(Vec<u8>);

    impl AsyncRead for Repeated {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let times = buffer.remaining() / self.0.len();
            buffer.put_slice(&self.0.repeat(times));
            Poll::Ready(Ok(()))
        }
    }
}
