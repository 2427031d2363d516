//! Calling and serving streaming services.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::task::{Context, Poll};

use super::event::drop_closure;
use super::{AboutNames, Provided, Seated};
use crate::abi::host_table::{FailurePlace, Handler, StreamHandler};
use crate::abi::payload::PayloadType;
use crate::abi::plugin_table::no_failure;
use crate::abi::task::{AbiWaker, Over, RawStream, Slot, stream};
use crate::abi::{ENDED, FAILED, PENDING, READY, RStr, Step};
use crate::contract::Contract;
use crate::point::{Sole, StreamService};
use crate::runtime::Runtime;
use crate::{CallContext, CallError, Host, StartError};

/// Opens streams of a streaming service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StreamCaller<Req, Item, About = Sole> {
    at: Seated,
    of: PhantomData<fn(Req) -> (Item, About)>,
}

fn resolve<Req: Contract, Item: Contract, About: AboutNames>(
    host: &Host,
    point: &StreamService<Req, Item, About>,
    port: u32,
) -> Result<Seated, StartError> {
    Seated::resolve(
        host,
        port,
        point.spec(),
        PayloadType::of::<Req>(),
        PayloadType::of::<Item>(),
        About::TYPE,
    )
}

impl<Req: Contract, Item: Contract, About: AboutNames> StreamCaller<Req, Item, About> {
    /// For `#[derive(Ports)]`.
    #[doc(hidden)]
    pub fn connect(
        host: &Host,
        point: &StreamService<Req, Item, About>,
        port: u32,
    ) -> Result<Self, StartError> {
        Ok(Self { at: resolve(host, point, port)?, of: PhantomData })
    }

    fn cross(&self, name: &str, request: Req) -> Result<ItemStream<Item>, CallError> {
        let mut request = MaybeUninit::new(request);
        let mut opened = MaybeUninit::uninit();
        let mut failure = no_failure();
        let raw = self.at.host.raw();
        // SAFETY: the seat is held; the request moves over, whatever the answer; the places are free.
        let step = unsafe {
            (raw.table.open())(
                raw.seat,
                self.at.point,
                RStr::from_str(name),
                request.as_mut_ptr().cast(),
                &raw mut opened,
                &raw mut failure,
            )
        };
        // SAFETY: the step says which of the two was written.
        unsafe {
            if step == READY {
                Ok(ItemStream { raw: Some(opened.assume_init()), of: PhantomData })
            } else {
                Err(failure.assume_init())
            }
        }
    }
}

impl<Req: Contract, Item: Contract> StreamCaller<Req, Item> {
    /// Opens a stream. The provider starts to work when the stream is first polled.
    ///
    /// # Errors
    /// When there is no provider, or its handler panicked at once.
    pub fn open(&self, request: Req) -> Result<ItemStream<Item>, CallError> {
        self.cross("", request)
    }
}

impl<Req: Contract, Item: Contract, About: Contract> StreamCaller<Req, Item, About> {
    /// Opens a stream of the provider of `name`.
    ///
    /// # Errors
    /// [`NoProvider`](crate::CallErrorKind::NoProvider) when nobody answers under it; else as [`StreamCaller::open`].
    pub fn open_named(&self, name: &str, request: Req) -> Result<ItemStream<Item>, CallError> {
        self.cross(name, request)
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

/// The consuming end of a stream. Dropping it cancels the stream, down to the provider.
pub struct ItemStream<Item> {
    raw: Option<RawStream>,
    of: PhantomData<fn() -> Item>,
}

impl<Item: Contract> ItemStream<Item> {
    /// The next item; `None` at the end; an error ends it too.
    #[allow(clippy::should_implement_trait, reason = "it is to be awaited, as streams elsewhere are")]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<Item, CallError>>> + Send + use<'_, Item> {
        poll_fn(|context| self.poll_next(context))
    }

    /// As [`next`](Self::next), for those who poll by hand.
    #[inline(always)]
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Item, CallError>>> {
        let Some(raw) = &self.raw else { return Poll::Ready(None) };
        let waker = AbiWaker::lend(context.waker());
        let mut item = MaybeUninit::<Item>::uninit();
        let mut failure = no_failure();
        // SAFETY: the places are free, the waker is valid for the call, polls do not overlap.
        let step = unsafe {
            (raw.poll_next)(raw.state, item.as_mut_ptr().cast(), &raw mut failure, &raw const waker)
        };
        if step == READY {
            // SAFETY: the step says that an item was written.
            return Poll::Ready(Some(Ok(unsafe { item.assume_init() })));
        }
        // SAFETY: the step says whether the failure was written; it is not used again.
        let over = unsafe { self.no_item(step, &failure) };
        over.map(|failed| failed.map(|failure| Err(*failure)))
    }

    /// # Safety
    /// The provider answered `step`, and the failure is not used again.
    #[inline(never)]
    unsafe fn no_item(&mut self, step: Step, failure: &MaybeUninit<CallError>) -> Over {
        if step == PENDING {
            return Poll::Pending;
        }
        self.raw = None;
        // SAFETY: by this function's contract.
        Poll::Ready((step != ENDED).then(|| Box::new(unsafe { failure.assume_init_read() })))
    }
}

/// Answers a streaming service.
#[derive(Clone, Debug)]
pub struct StreamServer<Req, Item, About = Sole> {
    at: Seated,
    of: PhantomData<fn(Req) -> (Item, About)>,
}

impl<Req: Contract, Item: Contract, About: AboutNames> StreamServer<Req, Item, About> {
    /// For `#[derive(Ports)]`.
    #[doc(hidden)]
    pub fn connect(
        host: &Host,
        point: &StreamService<Req, Item, About>,
        port: u32,
    ) -> Result<Self, StartError> {
        Ok(Self { at: resolve(host, point, port)?, of: PhantomData })
    }
}

impl<Req: Contract, Item: Contract> StreamServer<Req, Item> {
    /// Answers every stream with `handler`, which sends into [`Items`] and returns at the end. It runs only while
    /// the consumer polls, and is dropped when the consumer drops the stream.
    ///
    /// # Errors
    /// When another plugin provides the service already, or this one has been stopped.
    pub fn serve<F, Fut>(&self, handler: F) -> Result<(), StartError>
    where
        F: Fn(Req, Items<Item>, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        let handler = serve::<Req, Item, F, Fut>(self.at.host.runtime(), handler);
        self.at.contribute("", std::ptr::null_mut(), Handler::ServeStream(handler))
    }
}

impl<Req: Contract, Item: Contract, About: Contract> StreamServer<Req, Item, About> {
    /// Answers streams opened under `name`, and shows `about` to those who look for names.
    ///
    /// # Errors
    /// When the name is taken, was not declared in the port's `names`, or the plugin has been stopped.
    pub fn serve_named<F, Fut>(&self, name: &str, about: About, handler: F) -> Result<(), StartError>
    where
        F: Fn(Req, Items<Item>, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        let handler = serve::<Req, Item, F, Fut>(self.at.host.runtime(), handler);
        let mut about = ManuallyDrop::new(about);
        self.at.contribute(name, (&raw mut about).cast(), Handler::ServeStream(handler))
    }

    /// As [`serve_named`](Self::serve_named), with a clone of `state` for every stream.
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
        F: Fn(S, Req, Items<Item>, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        let state = state.clone();
        self.serve_named(name, about, move |request, items, context| {
            handler(state.clone(), request, items, context)
        })
    }

    /// Stops answering to `name`. Streams under way go on.
    pub fn withdraw(&self, name: &str) {
        self.at.withdraw(name);
    }
}

/// The producing end of a stream.
pub struct Items<Item> {
    slot: Slot<Item>,
}

impl<Item> Items<Item> {
    /// Hands one item to the consumer; waits until it has taken the one before.
    pub fn send(&mut self, item: Item) -> impl Future<Output = ()> + Send + use<'_, Item>
    where
        Item: Send,
    {
        let mut item = Some(item);
        poll_fn(move |context| self.slot.poll_put(&mut item, context))
    }
}

struct ServeState<F> {
    handler: F,
    runtime: Runtime,
}

fn serve<Req, Item, F, Fut>(runtime: Runtime, handler: F) -> StreamHandler
where
    Req: Contract,
    Item: Contract,
    F: Fn(Req, Items<Item>, CallContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), CallError>> + Send + 'static,
{
    unsafe extern "C" fn open<Req, Item, F, Fut>(
        state: *const (),
        request: *mut (),
        context: *const CallContext,
        out: *mut MaybeUninit<RawStream>,
        failure: FailurePlace,
    ) -> Step
    where
        Req: Contract,
        Item: Contract,
        F: Fn(Req, Items<Item>, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        // SAFETY: the state is the one below; the request is moved over; the context is borrowed.
        let (state, request, context) =
            unsafe { (&*state.cast::<ServeState<F>>(), request.cast::<Req>().read(), *context) };
        let make = |slot| (state.handler)(request, Items { slot }, context);
        // SAFETY: both are free places.
        unsafe {
            match stream::<Item, _, _>(state.runtime.clone(), make) {
                Ok(opened) => {
                    (*out).write(opened);
                    READY
                }
                Err(error) => {
                    (*failure).write(error);
                    FAILED
                }
            }
        }
    }
    StreamHandler {
        state: Box::into_raw(Box::new(ServeState { handler, runtime })).cast(),
        open: open::<Req, Item, F, Fut>,
        drop: drop_closure::<ServeState<F>>,
    }
}
