//! The dylibs that log, and what they are told.

use std::sync::{Mutex, PoisonError};

use transom_plugin_api::abi::trace::LevelsChanged;
use transom_plugin_api::sabotage::sabotaged;

/// What each image wants to be called when levels change. Images are never unloaded, so neither are these.
static IMAGES: Mutex<Vec<LevelsChanged>> = Mutex::new(Vec::new());

pub(crate) fn attach(changed: LevelsChanged) {
    IMAGES.lock().unwrap_or_else(PoisonError::into_inner).push(changed);
}

/// Makes a change of what the host's subscriber is interested in known, here and in every dylib: what is off now costs its
/// callsites one load from now on, and what is on arrives. To be called after each such change, and after a
/// subscriber is installed later than the first plugin was started.
pub fn levels_changed() {
    tracing::callsite::rebuild_interest_cache();
    // Called without the lock: an image asks the host about each of its callsites.
    let images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for changed in images.into_iter().skip_while(|_| sabotaged("keep-changes-of-levels-secret")) {
        (changed.tell)();
    }
}
