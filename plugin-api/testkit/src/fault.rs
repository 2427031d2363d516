//! Handlers that go wrong, for [`serve`](crate::Stand::serve), [`link`](crate::Stand::link) and the ports of a test: how does
//! a plugin take it when another one fails?
//!
//! ```
//! use transom_plugin_api::prelude::*;
//! use transom_testkit::{Stand, fault};
//!
//! const STORE: Service<Text, u64> = Service::new("shelf/store");
//! const WORDING: Filter<Text> = Filter::fail_open("shelf/wording");
//!
//! fn nothing_works(stand: &Stand) {
//!     stand.serve(STORE, fault::fails(CallError::unavailable("the shelf is full")));
//!     stand.link(WORDING, fault::panics("lost the pen"));
//! }
//! # let _ = nothing_works;
//! ```

use std::future::{Pending, Ready, ready};

use transom_plugin_api::{CallContext, CallError, Items};

/// A service's handler, a link or a queued listener that panics each time with these words.
pub fn panics<In, Out>(
    words: &'static str,
) -> impl Fn(In, CallContext) -> Ready<Out> + Send + Sync + Clone + 'static {
    move |_, _| panic!("{words}")
}

/// An inline listener that panics each time with these words.
pub fn panics_inline<T>(words: &'static str) -> impl Fn(&T, &CallContext) + Send + Sync + Clone + 'static {
    move |_, _| panic!("{words}")
}

/// A service's handler that answers each time with this error; a link that refuses, given a
/// [`Refusal`](transom_plugin_api::Refusal).
pub fn fails<In, Out, E>(
    error: E,
) -> impl Fn(In, CallContext) -> Ready<Result<Out, E>> + Send + Sync + Clone + 'static
where
    E: Clone + Send + Sync + 'static,
{
    move |_, _| ready(Err(error.clone()))
}

/// A service's handler, a link or a queued listener that never comes to an end: who waits for it does so to its deadline.
pub fn never_answers<In, Out>() -> impl Fn(In, CallContext) -> Pending<Out> + Send + Sync + Clone + 'static {
    |_, _| std::future::pending()
}

/// A streaming service that sends these items and then breaks off with this error.
pub fn breaks_off<In, Item>(
    items: impl Into<Vec<Item>>,
    error: CallError,
) -> impl Fn(In, Items<Item>, CallContext) -> Streaming + Send + Sync + 'static
where
    Item: Clone + Send + Sync + 'static,
{
    let items = items.into();
    move |_, mut out, _| {
        let (items, error) = (items.clone(), error.clone());
        Box::pin(async move {
            for item in items {
                out.send(item).await;
            }
            Err(error)
        })
    }
}

/// A streaming service that sends these items and then nothing more, without coming to an end.
pub fn goes_silent<In, Item>(
    items: impl Into<Vec<Item>>,
) -> impl Fn(In, Items<Item>, CallContext) -> Streaming + Send + Sync + 'static
where
    Item: Clone + Send + Sync + 'static,
{
    let items = items.into();
    move |_, mut out, _| {
        let items = items.clone();
        Box::pin(async move {
            for item in items {
                out.send(item).await;
            }
            std::future::pending().await
        })
    }
}

/// What a streaming handler of this module runs.
pub type Streaming = std::pin::Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>>;
