//! The kernel: a typed bus and the life of plugins on it.
//!
//! It is mechanism only. It opens no file and no socket, names no plugin, and knows no word of the agent runtime;
//! the host gives it plugins that are loaded already.
//!
//! | file | subject |
//! |---|---|
//! | [`kernel`] | [`Kernel`], what a host holds |
//! | [`descriptor`] | what a plugin says of itself |
//! | [`plan`](mod@plan) | who needs whom; faults that show before any code runs |
//! | [`graph`](mod@graph) | who does what at each point, and why in that order |
//! | [`order`] | topological order, of plugins and of links |
//! | [`grants`] | what the operator lets a plugin have |
//! | [`operator`] | the order in which the operator wants plugins to stand |
//! | `faults` | what went wrong in a plugin, and its budget |
//! | `lend` | sockets that outlive a generation |
//! | `lives` | all plugins, and what state they are in |
//! | `lifecycle` | start with a deadline, stop in reverse order |
//! | `quiet` | when the last that runs of an activation is gone |
//! | `reload` | one generation in the place of another |
//! | `linked` | plugins that are compiled into an embedder's program |
//! | `seat` | the record of one activation, and its contributions |
//! | `snapshot` | one pointer to it, read without a locked instruction |
//! | `table` | the one immutable table of routes |
//! | `routes` | its changes, each in one step |
//! | `bus` | emitting, filtering, calling, streaming on a snapshot of it |
//! | `door` | the C functions behind which all of that stands |
//! | `draft` | what the next table is made of |
//! | `bridge` | values between plugins that were built with different copies of a contract |
//! | `watch` | handlers that do not come back |
//! | [`trace`] | plugins' spans and events in the host's log; traces across the bus |
//! | `whereabouts` | which plugin a thread is in, for those who may not wait |
//! | `roll` | a list that only grows, read without a lock |
//! | `clock` | what time it is |
//! | `breadcrumb` | who is running on each thread; counts and sampled times |

pub mod descriptor;
pub mod grants;
pub mod graph;
pub mod kernel;
pub mod operator;
pub mod order;
pub mod plan;
pub mod trace;

mod breadcrumb;
mod bridge;
mod bus;
mod clock;
mod door;
mod draft;
mod faults;
mod lend;
mod lifecycle;
mod linked;
mod lives;
mod quiet;
mod reaper;
mod reload;
mod roll;
mod routes;
mod seat;
mod snapshot;
mod sync;
mod table;
mod watch;
mod whereabouts;

pub use breadcrumb::{PointMetrics, is_dispatching, running_plugin};
pub use bridge::BridgeStatus;
pub use clock::Clock;
pub use descriptor::Descriptor;
pub use faults::FaultBudget;
pub use grants::{Grants, PointPattern};
pub use graph::{PointGraph, PointUse, graph};
pub use kernel::{Kernel, KernelConfig};
pub use lend::{Lender, Sockets};
pub use lifecycle::{PluginToStart, StartReport, StopReport};
pub use operator::{OperatorOrder, OrderFault};
pub use plan::{LaneRefusal, Plan, PlanFault, PlannedLane, plan};
pub use reload::{ReloadError, ReloadReport, ReloadTerms, Reloaded};
pub use roll::Roll;
pub use watch::{LongRunning, Watch};
pub use whereabouts::{Doing, Whereabouts, whereabouts, while_loading};
