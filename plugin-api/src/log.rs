//! The log of a dylib, handed to the host.
//!
//! A dylib has a `tracing` of its own, so what it logs would vanish. The bridge is that image's subscriber: it forwards
//! spans and events with their fields to the host, where they are dispatched with the plugin's id beside them. What the
//! host does not want is switched off here, at its callsite.

mod bridge;
mod fields;
#[cfg(feature = "log")]
mod records;

use tracing::Level;

use crate::Host;
use crate::abi::guard::swallow_panic;
use crate::abi::trace::Sink;
use bridge::Bridge;

/// Makes the bridge this image's subscriber. A plugin that installed one before keeps its own.
pub(crate) fn install(host: Host) {
    #[cfg(feature = "log")]
    records::install(Sink::of(host.clone()));
    let sink = Sink::of(host);
    sink.attach(levels_changed);
    let _ = tracing::subscriber::set_global_default(Bridge::over(sink));
}

/// Tells of a panic that nobody catches, also where the plugin has a subscriber of its own.
pub(crate) fn report_panic(host: &Host, message: &str) {
    host.log(level_number(Level::ERROR), "panic", message);
}

extern "C" fn levels_changed() {
    swallow_panic(|| {
        tracing::callsite::rebuild_interest_cache();
        #[cfg(feature = "log")]
        records::levels_changed();
    });
}

/// The level as a number: 1 error … 5 trace.
pub(crate) const fn level_number(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}
