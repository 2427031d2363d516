//! What is not logged: by level, and by how much of it there was.
//!
//! Levels are answered at a callsite's registration and kept there, so what is off costs one load.

use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use transom_kernel::trace;

use super::Log;

/// The outermost layer of the log.
pub(super) struct Filter(pub(super) Arc<Log>);

impl Filter {
    fn allows(&self, metadata: &Metadata<'_>) -> bool {
        let plugin = self.0.plugin_of(metadata);
        self.0.levels().allow(plugin, metadata.target(), *metadata.level())
    }
}

impl<S: Subscriber> Layer<S> for Filter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.allows(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.allows(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.levels().most())
    }

    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        // What comes from a dylib has passed the limiter.
        if trace::plugin_of(metadata).is_some() {
            return true;
        }
        self.0.plugin_at(metadata).is_none_or(|plugin| self.0.floods.admit(plugin, *metadata.level()))
    }
}

/// Stands before the events of dylibs, which it stops before they are formatted.
pub(super) struct FloodLimiter(pub(super) Arc<Log>);

impl trace::Limiter for FloodLimiter {
    fn admits(&self, plugin: &'static str, level: Level) -> bool {
        self.0.floods.admit(plugin, level)
    }
}
