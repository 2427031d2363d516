//! A bridge: two plugins whose copies of a contract differ, joined by an encoding that both can read.
//!
//! Where the copies are equal, a pointer is passed and nothing here is asked. Where they differ, a value is encoded in
//! the shape of who wrote it and decoded in the shape of who reads it, with names and defaults. Whether that can work
//! is judged from the two shapes alone, before any code runs; what cannot work is refused, and the refusal explained.
//!
//! | file | subject |
//! |---|---|
//! | `shape` | the shape of a contract, as its encoding shows it |
//! | `judge` | whether every value of one shape can be read in another |
//! | `fit` | whether two dialects of a point fit together |
//! | `explain` | what a person is told when not |
//! | `lane` | the way from one dialect to a handler of another |
//! | `emission`, `event`, `link`, `call`, `stream` | values on that way, by the kind of point |
//! | `delivery` | what a link or a provider answers, on its way back |
//! | `change`, `tree` | what a link changed, applied to a value of which it does not know everything |
//! | `place`, `room` | memory for a value whose type is known by its functions alone: an allocation, or room in something else |

pub(crate) mod emission;
pub(crate) mod explain;
pub(crate) mod fit;
pub(crate) mod lane;
pub(crate) mod place;
pub(crate) mod room;

mod call;
mod change;
mod delivery;
mod event;
mod judge;
mod link;
mod shape;
mod stream;
mod tree;

/// What a plugin provides at a point and is reached there by encoding, and what that has cost so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeStatus {
    /// The point.
    pub point: String,
    /// The plugin that is reached.
    pub plugin: String,
    /// The name it answers under, at a named point.
    pub name: String,
    /// Values that were carried over: to each of its handlers, and back from it.
    pub values: u64,
    /// Nanoseconds spent on that, judged by those that were timed.
    pub nanos: u64,
    /// Bytes of these values' documents. An event that several of its handlers hear counts for each.
    pub bytes: u64,
}

impl BridgeStatus {
    /// Adds what went over another lane to the same.
    pub(crate) fn add(&mut self, other: &Self) {
        self.values += other.values;
        self.nanos = self.nanos.saturating_add(other.nanos);
        self.bytes += other.bytes;
    }
}
