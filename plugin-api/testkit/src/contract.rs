//! [`contract_check`]: what every plugin owes its host, whatever else it does.

mod alone;
mod census;
mod course;

use std::marker::PhantomData;
use std::panic::Location;
use std::time::Duration;

use crate::way::Way;
use serde_json::Value;
use transom_plugin_api::plugin::Exported;

use crate::Stand;

/// Checks that the plugin with these settings keeps what every plugin owes its host, linked and from its file:
///
/// 1. Its descriptor says the same each time it is read, the same in the file as in the program, and reading it starts no
///    thread and makes no file.
/// 2. It starts, stops in its time, and starts again on what it left behind.
/// 3. A start that is cut off at its deadline leaves nothing on the bus and ends soon, and the plugin starts after it.
/// 4. Stopped, it leaves no task, no thread and no open file. What it makes once for the whole process may stay.
///
/// The services that it cannot do without are declared, and answer nobody; where `start` calls one, see
/// [`ContractCheck::around`]. Threads and files are those of the whole process, so the check runs in a process of its own:
/// the test program, started again for this one test.
///
/// # Panics
/// With everything that was found; or when it is not called on the thread of a test.
#[track_caller]
pub fn contract_check<P: Exported>(settings: Value) {
    ContractCheck::<P>::with_settings(settings).run();
}

/// [`contract_check`], for plugins that need more than settings.
pub struct ContractCheck<P> {
    settings: Value,
    around: Box<dyn Fn(&Stand)>,
    ways: Vec<Way>,
    patience: Duration,
    of: PhantomData<fn() -> P>,
}

impl<P: Exported> ContractCheck<P> {
    /// The check of the plugin with these settings.
    #[must_use]
    pub fn with_settings(settings: Value) -> Self {
        let ways = vec![Way::Linked, Way::Dylib];
        Self { settings, around: Box::new(|_| {}), ways, patience: Duration::from_secs(5), of: PhantomData }
    }

    /// Puts something on every stand before the plugin starts, such as a service that its `start` calls.
    #[must_use]
    pub fn around(mut self, put: impl Fn(&Stand) + 'static) -> Self {
        self.around = Box::new(put);
        self
    }

    /// How long what is about to end may take to be gone; 5 s unless this says otherwise.
    #[must_use]
    pub fn patience(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// Does without the file: for a plugin that is written in the test itself.
    #[must_use]
    pub fn linked_only(mut self) -> Self {
        self.ways = vec![Way::Linked];
        self
    }

    /// Checks.
    ///
    /// # Panics
    /// As [`contract_check`].
    #[track_caller]
    pub fn run(self) {
        let place = Location::caller();
        let outcome = alone::run(place, || {
            let found = self.ways.iter().filter_map(|way| course::run::<P>(&self, *way).err());
            found.collect::<Vec<_>>().join("\n")
        });
        if let Err(told) = outcome {
            panic!("{told}");
        }
    }
}
