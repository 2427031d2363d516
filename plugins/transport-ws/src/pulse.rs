//! [`Pulse`]: whether the other end of a connection lives, and takes what it is sent.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

/// What is known of the other end. One task writes all of it.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    unanswered: AtomicU32,
    is_deaf: AtomicBool,
    written: AtomicU64,
    is_full: AtomicBool,
}

/// Nothing was taken for as long as that is put up with.
#[derive(Debug)]
pub(crate) struct Stalled;

impl Pulse {
    /// Something came from the other end.
    pub(crate) fn beat(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
    }

    /// While nothing is read from the socket, no answer can be expected either.
    pub(crate) fn set_deaf(&self, is_deaf: bool) {
        self.is_deaf.store(is_deaf, Ordering::Relaxed);
    }

    /// It was asked for a sign of life.
    pub(crate) fn asked(&self) {
        if !self.is_deaf.load(Ordering::Relaxed) {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often it was asked in vain.
    pub(crate) fn unanswered(&self) -> u32 {
        self.unanswered.load(Ordering::Relaxed)
    }

    fn wrote(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        // There was no room in the system's buffer and now there is: somebody took something out at the other end.
        if self.is_full.swap(false, Ordering::Relaxed) {
            self.beat();
        }
    }

    /// Waits for something to be written, however long that takes, as long as some of it is taken within each `limit`.
    pub(crate) async fn within<F: Future>(&self, limit: Duration, writing: F) -> Result<F::Output, Stalled> {
        let mut writing = pin!(writing);
        loop {
            let before = self.written.load(Ordering::Relaxed);
            match timeout(limit, writing.as_mut()).await {
                Ok(output) => return Ok(output),
                Err(_) if self.written.load(Ordering::Relaxed) == before => return Err(Stalled),
                Err(_) => {}
            }
        }
    }
}

/// A socket that tells what it takes.
pub(crate) struct Metered<S> {
    inner: S,
    pulse: Arc<Pulse>,
}

impl<S> Metered<S> {
    pub(crate) fn new(inner: S, pulse: Arc<Pulse>) -> Self {
        Self { inner, pulse }
    }

    fn note(&self, wrote: &Poll<io::Result<usize>>) {
        match wrote {
            Poll::Ready(Ok(bytes)) => self.pulse.wrote(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.pulse.is_full.store(true, Ordering::Relaxed),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.pulse.beat();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.note(&wrote);
        wrote
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
