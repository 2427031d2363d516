//! Applying filters and being a link of one.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use super::Seated;
use super::event::drop_closure;
use crate::abi::Step;
use crate::abi::host_table::{AsyncHandler, FailurePlace, Handler};
use crate::abi::payload::PayloadType;
use crate::abi::task::{AbiWaker, RawTask, Surroundings, crossing, start};
use crate::contract::Contract;
use crate::point::Filter;
use crate::runtime::Runtime;
use crate::{CallContext, CallError, Host, Refusal, StartError};

/// Runs a value through a filter. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Applier<T> {
    at: Seated,
    of: PhantomData<fn(T) -> T>,
}

fn resolve<T: Contract>(host: &Host, point: &Filter<T>, port: u32) -> Result<Seated, StartError> {
    let none = PayloadType::of::<()>();
    Seated::resolve(host, port, point.spec(), PayloadType::of::<T>(), none, none)
}

impl<T: Contract> Applier<T> {
    /// For `#[derive(Ports)]`.
    #[doc(hidden)]
    pub fn connect(host: &Host, point: &Filter<T>, port: u32) -> Result<Self, StartError> {
        Ok(Self { at: resolve(host, point, port)?, of: PhantomData })
    }

    /// Whether anybody may change or refuse a value now: there is a link, or one that cannot be reached.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        let raw = self.at.host.raw();
        // SAFETY: the seat is held.
        unsafe { (raw.table.is_linked())(raw.seat, self.at.point) }
    }

    /// Hands `value` to every link in turn and gives what comes out; without links, the value itself.
    ///
    /// # Errors
    /// At a fail-open point never by a link's doing. At a fail-closed point the first failure, with the plugin
    /// it happened at; [`Refused`](crate::CallErrorKind::Refused) when a link said no.
    pub fn apply(&self, value: T) -> impl Future<Output = Result<T, CallError>> + Send + use<'_, T> {
        let at = &self.at;
        // SAFETY: the host keeps the contract of `Step`: it consumes the value and leaves one in its place, or
        // a failure, or a task.
        unsafe {
            crossing::<T, _>(Some(
                move |place: *mut (), failure: FailurePlace, waker: *const AbiWaker, pending: *mut _| {
                    place.cast::<T>().write(value);
                    let raw = at.host.raw();
                    (raw.table.apply())(raw.seat, at.point, place, failure, waker, pending)
                },
            ))
        }
    }
}

/// One link of a filter. Its place in the order stands in the port's attribute.
#[derive(Clone, Debug)]
pub struct Link<T> {
    at: Seated,
    of: PhantomData<fn(T) -> T>,
}

impl<T: Contract> Link<T> {
    /// For `#[derive(Ports)]`.
    #[doc(hidden)]
    pub fn connect(host: &Host, point: &Filter<T>, port: u32) -> Result<Self, StartError> {
        Ok(Self { at: resolve(host, point, port)?, of: PhantomData })
    }

    /// Runs `handler` whenever the filter is applied. It takes the value and returns it, changed or not; past the
    /// point's deadline it is dropped. One that never waits gives [`std::future::ready`] and costs no allocation.
    ///
    /// # Errors
    /// When the plugin has been stopped meanwhile.
    pub fn link<F, Fut>(&self, handler: F) -> Result<(), StartError>
    where
        F: Fn(T, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        let handler = link::<T, F, Fut>(self.at.host.runtime(), handler);
        self.at.contribute("", std::ptr::null_mut(), Handler::Link(handler))
    }
}

impl<T: Contract> Link<T> {
    /// As [`link`](Self::link), with a clone of `state` for every call.
    ///
    /// # Errors
    /// As `link`.
    pub fn link_with<S, F, Fut>(&self, state: &S, handler: F) -> Result<(), StartError>
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(S, T, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        let state = state.clone();
        self.link(move |value, context| handler(state.clone(), value, context))
    }
}

struct LinkState<F> {
    handler: F,
    runtime: Runtime,
}

fn link<T, F, Fut>(runtime: Runtime, handler: F) -> AsyncHandler
where
    T: Contract,
    F: Fn(T, CallContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, Refusal>> + Send + 'static,
{
    unsafe extern "C" fn start_link<T, F, Fut, const ENTERS: bool>(
        state: *const (),
        value: *mut (),
        context: *const CallContext,
        out: *mut (),
        failure: FailurePlace,
        waker: *const AbiWaker,
        pending: *mut MaybeUninit<RawTask>,
    ) -> Step
    where
        T: Contract,
        F: Fn(T, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        // SAFETY: the state is the one below.
        let state = unsafe { &*state.cast::<LinkState<F>>() };
        // SAFETY: the value is moved out of its place; the context is borrowed for the call.
        let handler = || unsafe { (state.handler)(value.cast::<T>().read(), *context) };
        // SAFETY: the places are the kernel's, as `AsyncHandler` asks.
        unsafe { start::<T, _, _, ENTERS>(&state.runtime, handler, out, failure, waker, pending) }
    }
    let start =
        if runtime.is_entered() { start_link::<T, F, Fut, true> } else { start_link::<T, F, Fut, false> };
    AsyncHandler {
        state: Box::into_raw(Box::new(LinkState { handler, runtime })).cast(),
        start,
        drop: drop_closure::<LinkState<F>>,
    }
}
