//! What a generation does when it is to be replaced, made in the plugin each time the host asks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::document::Encoded;
use super::guard::swallow_panic;
use super::host_table::TaskMaker;
use super::task::{RawTask, task};
use crate::contract::Contract;
use crate::runtime::Runtime;
use crate::{CallError, codec};

/// Makes tasks that write what `state` says as [`Encoded`].
pub(crate) fn state_maker<S, T, F>(runtime: Runtime, state: S) -> TaskMaker
where
    S: Fn() -> F + Send + Sync + 'static,
    T: Contract,
    F: Future<Output = Result<T, CallError>> + Send + 'static,
{
    let state = Arc::new(state);
    maker(move |_| {
        let state = Arc::clone(&state);
        // The closure is called by the first poll, which is guarded.
        task::<Encoded, _, _>(runtime.clone(), async move {
            let state = state().await?;
            codec::encode(&state).map(Encoded::from)
        })
    })
}

/// Makes tasks that do what `work` does in the time that it is told, and write nothing.
pub(crate) fn work_maker<W, F>(runtime: Runtime, work: W) -> TaskMaker
where
    W: Fn(Duration) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let work = Arc::new(work);
    maker(move |patience| {
        let work = Arc::clone(&work);
        task::<(), _, _>(runtime.clone(), async move {
            work(patience).await;
            Ok(())
        })
    })
}

fn maker<M: Fn(Duration) -> RawTask + Send + Sync + 'static>(make: M) -> TaskMaker {
    TaskMaker { state: Box::into_raw(Box::new(make)).cast(), make: call::<M>, drop: drop_maker::<M> }
}

unsafe extern "C" fn call<M: Fn(Duration) -> RawTask>(make: *const (), nanos: u64) -> RawTask {
    // SAFETY: made by `maker`, and not dropped yet.
    let make = unsafe { &*make.cast::<M>() };
    // It clones two handles, which does not panic.
    make(Duration::from_nanos(nanos))
}

unsafe extern "C" fn drop_maker<M>(make: *mut ()) {
    // SAFETY: made by `maker`, dropped once.
    let make = unsafe { Box::from_raw(make.cast::<M>()) };
    swallow_panic(|| drop(make));
}
