//! The operator's word on what lies in a working folder, as the test gives it.

use std::future::ready;
use std::sync::{Arc, Mutex};

use transom_agent::trust::{Found, TRUST, Trust};
use transom_plugin_api::CallError;
use transom_testkit::Stand;

/// What is said of whatever is asked, and what was asked.
#[derive(Clone)]
pub(crate) struct Word(Arc<Mutex<(Option<Trust>, Vec<Found>)>>);

impl Word {
    /// Says this; fails where it is nothing.
    pub(crate) fn new(said: Option<Trust>) -> Self {
        Self(Arc::new(Mutex::new((said, Vec::new()))))
    }

    pub(crate) fn says(&self, said: Option<Trust>) {
        self.0.lock().expect("nobody panics in here").0 = said;
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Found> {
        std::mem::take(&mut self.0.lock().expect("nobody panics in here").1)
    }

    pub(crate) fn put_on(&self, stand: &Stand) {
        let word = self.clone();
        stand.serve(TRUST, move |found, _| {
            let mut state = word.0.lock().expect("nobody panics in here");
            state.1.push(found);
            ready(state.0.clone().ok_or_else(|| CallError::unavailable("the book is lost")))
        });
    }
}
