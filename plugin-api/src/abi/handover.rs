//! What a generation hands over, made in the plugin each time the host asks.

use std::future::Future;
use std::sync::Arc;

use super::host_table::TaskMaker;
use super::payload::Encoded;
use super::task::{RawTask, task};
use crate::contract::Contract;
use crate::runtime::Runtime;
use crate::{CallError, codec};

/// The closure, and what its future is polled in.
struct Maker<S> {
    state: Arc<S>,
    runtime: Runtime,
}

/// Makes tasks that write what `state` says as [`Encoded`].
pub(crate) fn maker<S, T, F>(runtime: Runtime, state: S) -> TaskMaker
where
    S: Fn() -> F + Send + Sync + 'static,
    T: Contract,
    F: Future<Output = Result<T, CallError>> + Send + 'static,
{
    let maker = Box::new(Maker { state: Arc::new(state), runtime });
    TaskMaker { state: Box::into_raw(maker).cast(), make: make::<S, T, F>, drop: drop_maker::<S> }
}

unsafe extern "C" fn make<S, T, F>(maker: *const ()) -> RawTask
where
    S: Fn() -> F + Send + Sync + 'static,
    T: Contract,
    F: Future<Output = Result<T, CallError>> + Send + 'static,
{
    // SAFETY: made by `maker`, and not dropped yet.
    let maker = unsafe { &*maker.cast::<Maker<S>>() };
    let state = Arc::clone(&maker.state);
    // The closure is called by the first poll, which is guarded.
    task::<Encoded, _, _>(maker.runtime.clone(), async move {
        let state = state().await?;
        codec::encode(&state).map(Encoded::from)
    })
}

unsafe extern "C" fn drop_maker<S>(maker: *mut ()) {
    // SAFETY: made by `maker`, dropped once.
    let maker = unsafe { Box::from_raw(maker.cast::<Maker<S>>()) };
    super::guard::swallow_panic(|| drop(maker));
}
