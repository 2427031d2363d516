//! The runtime around a plugin's polls: none, its own, or the host's.
//!
//! A dylib has thread-locals of its own, so the host's tokio is invisible in it. A plugin that asks for tokio gets
//! a runtime with one worker in its image; its futures are still polled in place, on the host's tasks, and the
//! runtime is only *entered* around each poll. A linked plugin enters the host's.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use crate::StartError;
use crate::abi::task::Surroundings;

/// Whether a plugin asked for tokio in its export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeChoice {
    /// Its futures use the host's timers and tasks only.
    None,
    /// Its futures use tokio's timers, sockets and tasks.
    Tokio,
}

/// What is entered around each poll.
#[derive(Clone, Debug, Default)]
pub struct Runtime {
    #[cfg(feature = "tokio")]
    tokio: Option<tokio::runtime::Handle>,
}

impl Runtime {
    /// The runtime for a plugin that starts now, in an image of its own (`linked` is false) or in the host's.
    pub(crate) fn for_plugin(choice: RuntimeChoice, linked: bool) -> Result<Self, StartError> {
        match choice {
            RuntimeChoice::None => Ok(Self::default()),
            #[cfg(feature = "tokio")]
            RuntimeChoice::Tokio => {
                let tokio = if linked { tokio::runtime::Handle::try_current()? } else { own::handle()? };
                Ok(Self { tokio: Some(tokio) })
            }
            #[cfg(not(feature = "tokio"))]
            RuntimeChoice::Tokio => {
                let _ = linked;
                Err(StartError::new(
                    "the plugin asks for tokio, but `transom-plugin-api` was built without it",
                )
                .help("add the feature `tokio` to `transom-plugin-api` in the plugin's Cargo.toml"))
            }
        }
    }

    /// Runs `future` on this thread until it is done.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        #[cfg(feature = "tokio")]
        if let Some(tokio) = &self.tokio {
            return tokio.block_on(future);
        }
        park_until_ready(future)
    }
}

impl Surroundings for Runtime {
    #[cfg(feature = "tokio")]
    #[inline]
    fn around<R>(&self, poll: impl FnOnce() -> R) -> R {
        match &self.tokio {
            None => poll(),
            Some(tokio) => within(tokio, poll),
        }
    }

    #[cfg(not(feature = "tokio"))]
    fn around<R>(&self, poll: impl FnOnce() -> R) -> R {
        poll()
    }

    #[cfg(feature = "tokio")]
    fn is_entered(&self) -> bool {
        self.tokio.is_some()
    }

    #[cfg(not(feature = "tokio"))]
    fn is_entered(&self) -> bool {
        false
    }
}

/// Out of line, so that plugins without a runtime do not carry it along.
#[cfg(feature = "tokio")]
#[inline(never)]
fn within<R>(tokio: &tokio::runtime::Handle, poll: impl FnOnce() -> R) -> R {
    let _entered = tokio.enter();
    poll()
}

/// Ends the runtime of this image, if it has one of its own. The next activation makes another.
pub(crate) fn end_own() {
    #[cfg(feature = "tokio")]
    own::end();
}

fn park_until_ready<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::park();
    }
}

#[cfg(feature = "tokio")]
mod own {
    use std::sync::Mutex;
    use std::time::Duration;

    use tokio::runtime::{Builder, Handle, Runtime};

    /// How long blocking work may hold its threads up; what takes longer is left behind.
    const LONGEST_END: Duration = Duration::from_secs(1);

    /// The image's runtime. Not dropped at exit: its threads may be in the middle of the plugin's code.
    static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

    pub(super) fn handle() -> std::io::Result<Handle> {
        let mut runtime = RUNTIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(runtime) = &*runtime {
            return Ok(runtime.handle().clone());
        }
        let made = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("transom-plugin")
            .enable_all()
            .build()?;
        Ok(runtime.insert(made).handle().clone())
    }
    pub(super) fn end() {
        let runtime = RUNTIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_timeout(LONGEST_END);
        }
    }
}
