//! [`Bus`]: routes as the plugins of this host registered them.

use std::task::{Context, Poll};

use transom_agent::reach::{HttpFrame, HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::hosting::PluginList;
use transom_plugin_api::{CallError, Caller, ItemStream, Provided, StreamCaller};

use crate::routes::{Frames, Offer, Routes, Way};

/// The two points for routes, and the host's list of plugins.
pub(crate) struct Bus {
    plugins: Caller<(), PluginList>,
    route: Caller<HttpRequest, HttpReply, HttpRoute>,
    stream: StreamCaller<HttpRequest, HttpFrame, HttpRoute>,
}

impl Bus {
    pub(crate) fn new(
        plugins: Caller<(), PluginList>,
        route: Caller<HttpRequest, HttpReply, HttpRoute>,
        stream: StreamCaller<HttpRequest, HttpFrame, HttpRoute>,
    ) -> Self {
        Self { plugins, route, stream }
    }
}

impl Routes for Bus {
    type Frames = ItemStream<HttpFrame>;

    fn version(&self) -> u64 {
        // It counts the changes of all points of the host, those of the streaming one too.
        self.route.version()
    }

    fn offers(&self) -> Vec<Offer> {
        let whole = self.route.names().into_iter().map(|found| offer(found, Way::Whole));
        let streamed = self.stream.names().into_iter().map(|found| offer(found, Way::Streamed));
        whole.chain(streamed).collect()
    }

    async fn call(&self, name: &str, request: HttpRequest) -> Result<HttpReply, CallError> {
        self.route.call_named(name, request).await
    }

    fn open(&self, name: &str, request: HttpRequest) -> Result<ItemStream<HttpFrame>, CallError> {
        self.stream.open_named(name, request)
    }

    async fn plugins(&self) -> Result<PluginList, CallError> {
        self.plugins.call(()).await
    }
}

impl Frames for ItemStream<HttpFrame> {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<HttpFrame, CallError>>> {
        ItemStream::poll_next(self, context)
    }
}

fn offer(found: Provided<HttpRoute>, way: Way) -> Offer {
    Offer { name: found.name.into(), plugin: found.plugin.into(), way, about: found.about }
}
