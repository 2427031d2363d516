//! [`Routes`]: the far side, as the server sees it.

use std::future::Future;
use std::task::{Context, Poll};

use transom_agent::reach::{HttpFrame, HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::CallError;
use transom_plugin_api::hosting::PluginList;

/// Whoever answers requests.
pub(crate) trait Routes: Send + Sync + 'static {
    /// The pieces of a streamed answer.
    type Frames: Frames;

    /// A number that changes whenever [`offers`](Self::offers) does.
    fn version(&self) -> u64;

    /// All routes that can be asked now.
    fn offers(&self) -> Vec<Offer>;

    /// Asks the route of that name.
    fn call(
        &self,
        name: &str,
        request: HttpRequest,
    ) -> impl Future<Output = Result<HttpReply, CallError>> + Send;

    /// Opens the streaming route of that name.
    fn open(&self, name: &str, request: HttpRequest) -> Result<Self::Frames, CallError>;

    /// The plugins of the host.
    fn plugins(&self) -> impl Future<Output = Result<PluginList, CallError>> + Send;
}

/// A stream of frames. Dropping it tells its provider that nobody listens any more.
pub(crate) trait Frames: Send + Unpin + 'static {
    /// The next frame; `None` at the end. After an error or the end it is not polled again.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<HttpFrame, CallError>>>;
}

/// A route that is registered.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// `METHOD /path/:parameter`.
    pub(crate) name: String,
    /// The plugin that answers.
    pub(crate) plugin: String,
    /// How it answers.
    pub(crate) way: Way,
    /// What it says of itself.
    pub(crate) about: HttpRoute,
}

/// The ways to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// In one document.
    Whole,
    /// In a stream of documents.
    Streamed,
}
