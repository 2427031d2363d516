//! Plugins' spans and events in the host's log, and traces that reach across the bus.
//!
//! What a dylib logs is dispatched here as if the host had logged it, with one more field, `plugin`, and under the spans
//! that are entered on its thread, whoever entered them. All of this belongs to the process rather than to one
//! [`Kernel`](crate::Kernel), because `tracing` does.
//!
//! | function | what a host does with it |
//! |---|---|
//! | [`plugin_of`] | tells whose callsite it looks at, to give each plugin a level of its own |
//! | [`levels_changed`] | makes a change of levels known to the dylibs |
//! | [`set_limiter`] | decides about each event of a dylib before it is formatted |
//! | [`follow`] | has traces follow events through mailboxes and into `CallContext`s |

pub(crate) mod callsite;
pub(crate) mod forward;
pub(crate) mod images;
pub(crate) mod origin;

pub use callsite::plugin_of;
pub use forward::{Limiter, set_limiter};
pub use images::levels_changed;
pub use origin::{CurrentTrace, follow};

pub(crate) use origin::{Origin, Teller, note_trace, noted, stamped};
