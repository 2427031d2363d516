//! Calling and serving services.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::time::Duration;

use super::event::drop_closure;
use super::{AboutNames, Seated};
use crate::abi::host_table::{AsyncHandler, FailurePlace, Handler, NameVisitor};
use crate::abi::payload::PayloadType;
use crate::abi::task::{AbiWaker, Begin, RawTask, Surroundings, crossing, start};
use crate::abi::{RStr, Step};
use crate::contract::Contract;
use crate::point::{Service, Sole};
use crate::runtime::Runtime;
use crate::{CallContext, CallError, Host, StartError, Text};

/// Asks a service. The provider is looked up at each call, so it may start later or be replaced. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller<Req, Reply, About = Sole> {
    at: Seated,
    of: PhantomData<fn(Req) -> (Reply, About)>,
}

/// A name at a named point.
#[derive(Clone, Debug, PartialEq)]
pub struct Provided<About> {
    /// The name.
    pub name: Text,
    /// The plugin that answers under it.
    pub plugin: Text,
    /// What it says of itself.
    pub about: About,
}

impl<Req: Contract, Reply: Contract, About: AboutNames> Caller<Req, Reply, About> {
    /// For `#[derive(Ports)]`.
    #[doc(hidden)]
    pub fn connect(host: &Host, point: &Service<Req, Reply, About>, port: u32) -> Result<Self, StartError> {
        let at = Seated::resolve(
            host,
            port,
            point.spec(),
            PayloadType::of::<Req>(),
            PayloadType::of::<Reply>(),
            About::TYPE,
        )?;
        Ok(Self { at, of: PhantomData })
    }

    fn cross<'a>(
        &'a self,
        name: &'a str,
        budget: Duration,
        request: Req,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + use<'a, Req, Reply, About> {
        let at = &self.at;
        let budget_ns = u64::try_from(budget.as_nanos()).unwrap_or(u64::MAX);
        // SAFETY: the host keeps the contract of `Step`; what it answers is of the point's type.
        unsafe { crossing::<Reply, _>(Asking { at, name, budget_ns, request: Some(request) }) }
    }
}

/// A call that has not begun.
struct Asking<'a, Req> {
    at: &'a Seated,
    name: &'a str,
    budget_ns: u64,
    /// `None` once it went over.
    request: Option<Req>,
}

impl<Req> Begin for Asking<'_, Req> {
    #[inline]
    fn begin(
        &mut self,
        reply: *mut (),
        failure: FailurePlace,
        waker: *const AbiWaker,
        pending: *mut MaybeUninit<RawTask>,
    ) -> Step {
        let Self { at, name, budget_ns, request } = self;
        let Some(place) = request else { unreachable!("a call begins once") };
        let place = std::ptr::from_mut(place).cast();
        let (raw, name) = (at.host.raw(), RStr::from_str(name));
        // SAFETY: the seat is held; the places are free; the host takes the request over, whatever it answers.
        let step = unsafe {
            (raw.table.call())(raw.seat, at.point, name, *budget_ns, place, reply, failure, waker, pending)
        };
        // SAFETY: what stood there went over, so it is neither dropped nor looked at again.
        unsafe { std::ptr::write(request, None) };
        step
    }
}

impl<Req: Contract, Reply: Contract> Caller<Req, Reply> {
    /// Asks. Dropping the future cancels the call, down to the provider.
    ///
    /// # Errors
    /// What the provider answered, or why it could not: see [`CallErrorKind`](crate::CallErrorKind).
    pub fn call(
        &self,
        request: Req,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + use<'_, Req, Reply> {
        self.cross("", Duration::ZERO, request)
    }

    /// Asks, with a deadline of the caller's own in place of the point's.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_within(
        &self,
        budget: Duration,
        request: Req,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + use<'_, Req, Reply> {
        self.cross("", budget.max(Duration::from_nanos(1)), request)
    }
}

impl<Req: Contract, Reply: Contract, About: Contract> Caller<Req, Reply, About> {
    /// Asks the provider of `name`. Dropping the future cancels the call, down to the provider.
    ///
    /// # Errors
    /// [`NoProvider`](crate::CallErrorKind::NoProvider) when nobody answers under it; else as [`Caller::call`].
    pub fn call_named<'a>(
        &'a self,
        name: &'a str,
        request: Req,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + use<'a, Req, Reply, About> {
        self.cross(name, Duration::ZERO, request)
    }

    /// Asks the provider of `name`, with a deadline of the caller's own in place of the point's.
    ///
    /// # Errors
    /// As [`call_named`](Self::call_named).
    pub fn call_named_within<'a>(
        &'a self,
        name: &'a str,
        budget: Duration,
        request: Req,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + use<'a, Req, Reply, About> {
        self.cross(name, budget.max(Duration::from_nanos(1)), request)
    }

    /// The names that can be asked now, in byte order.
    #[must_use]
    pub fn names(&self) -> Vec<Provided<About>> {
        self.at.names::<About>()
    }

    /// A number that changes whenever any route of the host does: remember it beside what was made from
    /// [`names`](Self::names).
    #[must_use]
    pub fn version(&self) -> u64 {
        self.at.version()
    }
}

impl Seated {
    pub(super) fn names<About: Contract>(&self) -> Vec<Provided<About>> {
        unsafe extern "C" fn visit<About: Contract>(
            found: *mut (),
            name: RStr<'_>,
            plugin: RStr<'_>,
            about: *const (),
        ) {
            // SAFETY: `found` is the vector below; `about` is borrowed for the call and its type was compared.
            unsafe {
                (*found.cast::<Vec<Provided<About>>>()).push(Provided {
                    name: name.as_str().into(),
                    plugin: plugin.as_str().into(),
                    about: (*about.cast::<About>()).clone(),
                });
            }
        }
        let mut found = Vec::<Provided<About>>::new();
        let raw = self.host.raw();
        let visitor = NameVisitor { visit: visit::<About> };
        // SAFETY: the seat is held; the visitor only runs during the call.
        unsafe { (raw.table.names())(raw.seat, self.point, (&raw mut found).cast(), visitor) };
        found
    }

    pub(super) fn version(&self) -> u64 {
        let raw = self.host.raw();
        // SAFETY: the seat is held.
        unsafe { (raw.table.routes_version())(raw.seat) }
    }

    pub(super) fn withdraw(&self, name: &str) {
        let raw = self.host.raw();
        // SAFETY: the seat is held; the name is borrowed for the call.
        unsafe { (raw.table.withdraw())(raw.seat, self.point, RStr::from_str(name)) }
    }
}

/// Answers a service.
#[derive(Clone, Debug)]
pub struct Server<Req, Reply, About = Sole> {
    at: Seated,
    of: PhantomData<fn(Req) -> (Reply, About)>,
}

impl<Req: Contract, Reply: Contract, About: AboutNames> Server<Req, Reply, About> {
    /// For `#[derive(Ports)]`.
    #[doc(hidden)]
    pub fn connect(host: &Host, point: &Service<Req, Reply, About>, port: u32) -> Result<Self, StartError> {
        let at = Seated::resolve(
            host,
            port,
            point.spec(),
            PayloadType::of::<Req>(),
            PayloadType::of::<Reply>(),
            About::TYPE,
        )?;
        Ok(Self { at, of: PhantomData })
    }
}

impl<Req: Contract, Reply: Contract> Server<Req, Reply> {
    /// Answers every call with `handler`. Calls run side by side, each on its caller's task. A handler that never waits
    /// gives [`std::future::ready`] and costs no allocation.
    ///
    /// # Errors
    /// When another plugin provides the service already, or this one has been stopped.
    pub fn serve<F, Fut>(&self, handler: F) -> Result<(), StartError>
    where
        F: Fn(Req, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, CallError>> + Send + 'static,
    {
        let handler = serve::<Req, Reply, F, Fut>(self.at.host.runtime(), handler);
        self.at.contribute("", std::ptr::null_mut(), Handler::Serve(handler))
    }

    /// As [`serve`](Self::serve), with a clone of `state` for every call, so that the handler can be an `async`
    /// closure or a method: `port.serve_with(&store, Store::append)`.
    ///
    /// # Errors
    /// As `serve`.
    pub fn serve_with<S, F, Fut>(&self, state: &S, handler: F) -> Result<(), StartError>
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(S, Req, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, CallError>> + Send + 'static,
    {
        let state = state.clone();
        self.serve(move |request, context| handler(state.clone(), request, context))
    }
}

impl<Req: Contract, Reply: Contract, About: Contract> Server<Req, Reply, About> {
    /// Answers calls to `name` with `handler`, and shows `about` to those who look for names.
    ///
    /// # Errors
    /// When the name is taken (the message names by whom), was not declared in the port's `names`, or the plugin
    /// has been stopped.
    pub fn serve_named<F, Fut>(&self, name: &str, about: About, handler: F) -> Result<(), StartError>
    where
        F: Fn(Req, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, CallError>> + Send + 'static,
    {
        let handler = serve::<Req, Reply, F, Fut>(self.at.host.runtime(), handler);
        let mut about = ManuallyDrop::new(about);
        self.at.contribute(name, (&raw mut about).cast(), Handler::Serve(handler))
    }

    /// As [`serve_named`](Self::serve_named), with a clone of `state` for every call.
    ///
    /// # Errors
    /// As `serve_named`.
    pub fn serve_named_with<S, F, Fut>(
        &self,
        name: &str,
        about: About,
        state: &S,
        handler: F,
    ) -> Result<(), StartError>
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(S, Req, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, CallError>> + Send + 'static,
    {
        let state = state.clone();
        self.serve_named(name, about, move |request, context| handler(state.clone(), request, context))
    }

    /// Stops answering to `name`. Calls under way finish.
    pub fn withdraw(&self, name: &str) {
        self.at.withdraw(name);
    }
}

struct ServeState<F> {
    handler: F,
    runtime: Runtime,
}

fn serve<Req, Reply, F, Fut>(runtime: Runtime, handler: F) -> AsyncHandler
where
    Req: Contract,
    Reply: Contract,
    F: Fn(Req, CallContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, CallError>> + Send + 'static,
{
    unsafe extern "C" fn start_call<Req, Reply, F, Fut, const ENTERS: bool>(
        state: *const (),
        request: *mut (),
        context: *const CallContext,
        out: *mut (),
        failure: FailurePlace,
        waker: *const AbiWaker,
        pending: *mut MaybeUninit<RawTask>,
    ) -> Step
    where
        Req: Contract,
        Reply: Contract,
        F: Fn(Req, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, CallError>> + Send + 'static,
    {
        // SAFETY: the state is the one below.
        let state = unsafe { &*state.cast::<ServeState<F>>() };
        // SAFETY: the request is moved over; the context is borrowed for the call.
        let handler = || unsafe { (state.handler)(request.cast::<Req>().read(), *context) };
        // SAFETY: the places are the kernel's, as `AsyncHandler` asks.
        unsafe { start::<Reply, _, _, ENTERS>(&state.runtime, handler, out, failure, waker, pending) }
    }
    let start = if runtime.is_entered() {
        start_call::<Req, Reply, F, Fut, true>
    } else {
        start_call::<Req, Reply, F, Fut, false>
    };
    AsyncHandler {
        state: Box::into_raw(Box::new(ServeState { handler, runtime })).cast(),
        start,
        drop: drop_closure::<ServeState<F>>,
    }
}
