//! The test's own ports: the same handles that a plugin has, made from a point.

use transom_kernel::descriptor::types_of;
use transom_plugin_api::point::PointSpec;
use transom_plugin_api::port::{AboutNames, HandleFor, PortDecl, Role, role};
use transom_plugin_api::{
    Applier, CallContext, CallError, Caller, Contract, Emitter, Event, Filter, Items, Link, Listener,
    Refusal, Server, Service, StreamCaller, StreamServer, StreamService,
};

use crate::{Recorded, Stand};

/// The id under which the test is on the bus: what a plugin sees as its caller.
pub(crate) const TEST: &str = "test";

/// What a test does at points. All of it can be done before [`start`](Self::start) and after it, but for the services that
/// a plugin under test calls and cannot do without: those must be there before.
///
/// # Panics
/// Where a plugin would not start: the point is known with another kind, or somebody provides the service already.
impl Stand {
    #[track_caller]
    fn port<R, H: HandleFor<R>>(&self, role: Role, spec: PointSpec, point: &H::Point) -> H {
        let mut port = PortDecl::of::<R, H>(role, spec);
        port.dynamic_names = role == Role::Serves && spec.kind.is_named();
        let host = self.kernel().seat(TEST, vec![(&port).into()], types_of(&[port]));
        match H::connect(&host, point, 0) {
            Ok(handle) => handle,
            Err(error) => panic!("the test cannot be at `{}`: {error}", spec.name),
        }
    }

    /// Says an event.
    #[track_caller]
    pub fn emitter<T: Contract, D>(&self, point: Event<T, D>) -> Emitter<T, D> {
        self.port::<role::Says, _>(Role::Says, point.spec(), &point)
    }

    /// Hears an event; [`record`](Self::record) does that too, and remembers.
    #[track_caller]
    pub fn listener<T: Contract, D>(&self, point: Event<T, D>) -> Listener<T, D> {
        self.port::<role::Hears, _>(Role::Hears, point.spec(), &point)
    }

    /// Remembers every event that is said there from now on.
    #[track_caller]
    pub fn record<T: Contract + std::fmt::Debug, D>(&self, point: Event<T, D>) -> Recorded<T> {
        let recorded = Recorded::new(point.spec().name);
        let heard = recorded.heard();
        let listening = self.listener(point).inline(move |event, _| heard.keep(event.clone()));
        settle(listening, recorded.point());
        recorded
    }

    /// Runs values through a filter.
    #[track_caller]
    pub fn applier<T: Contract>(&self, point: Filter<T>) -> Applier<T> {
        self.port::<role::Applies, _>(Role::Applies, point.spec(), &point)
    }

    /// Puts a link into a filter that the plugin applies.
    #[track_caller]
    pub fn link<T, F, Fut>(&self, point: Filter<T>, handler: F)
    where
        T: Contract,
        F: Fn(T, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        let name = point.spec().name;
        let link: Link<T> = self.port::<role::Links, _>(Role::Links, point.spec(), &point);
        settle(link.link(handler), name);
    }

    /// Calls a service.
    #[track_caller]
    pub fn caller<Q: Contract, A: Contract, N: AboutNames>(
        &self,
        point: Service<Q, A, N>,
    ) -> Caller<Q, A, N> {
        self.port::<role::Calls, _>(Role::Calls, point.spec(), &point)
    }

    /// Opens streams of a streaming service.
    #[track_caller]
    pub fn stream_caller<Q: Contract, I: Contract, N: AboutNames>(
        &self,
        point: StreamService<Q, I, N>,
    ) -> StreamCaller<Q, I, N> {
        self.port::<role::Calls, _>(Role::Calls, point.spec(), &point)
    }

    /// Provides a service by hand, where [`serve`](Self::serve) and [`serve_named`](Self::serve_named) are too little: it
    /// can take a name back.
    #[track_caller]
    pub fn server<Q: Contract, A: Contract, N: AboutNames>(
        &self,
        point: Service<Q, A, N>,
    ) -> Server<Q, A, N> {
        self.port::<role::Serves, _>(Role::Serves, point.spec(), &point)
    }

    /// As [`server`](Self::server), for a streaming service.
    #[track_caller]
    pub fn stream_server<Q: Contract, I: Contract, N: AboutNames>(
        &self,
        point: StreamService<Q, I, N>,
    ) -> StreamServer<Q, I, N> {
        self.port::<role::Serves, _>(Role::Serves, point.spec(), &point)
    }

    /// Provides a service that the plugin calls.
    #[track_caller]
    pub fn serve<Q, A, F, Fut>(&self, point: Service<Q, A>, handler: F)
    where
        Q: Contract,
        A: Contract,
        F: Fn(Q, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, CallError>> + Send + 'static,
    {
        let name = point.spec().name;
        settle(self.server(point).serve(handler), name);
    }

    /// Provides a service under a name.
    #[track_caller]
    pub fn serve_named<Q, A, N, F, Fut>(&self, point: Service<Q, A, N>, name: &str, about: N, handler: F)
    where
        Q: Contract,
        A: Contract,
        N: Contract,
        F: Fn(Q, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, CallError>> + Send + 'static,
    {
        settle(self.server(point).serve_named(name, about, handler), name);
    }

    /// Provides a streaming service that the plugin calls.
    #[track_caller]
    pub fn serve_stream<Q, I, F, Fut>(&self, point: StreamService<Q, I>, handler: F)
    where
        Q: Contract,
        I: Contract,
        F: Fn(Q, Items<I>, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        let name = point.spec().name;
        settle(self.stream_server(point).serve(handler), name);
    }

    /// Provides a streaming service under a name.
    #[track_caller]
    pub fn serve_stream_named<Q, I, N, F, Fut>(
        &self,
        point: StreamService<Q, I, N>,
        name: &str,
        about: N,
        handler: F,
    ) where
        Q: Contract,
        I: Contract,
        N: Contract,
        F: Fn(Q, Items<I>, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        settle(self.stream_server(point).serve_named(name, about, handler), name);
    }
}

#[track_caller]
fn settle(outcome: Result<(), transom_plugin_api::StartError>, name: &str) {
    if let Err(error) = outcome {
        panic!("the test cannot take part at `{name}`: {error}");
    }
}
