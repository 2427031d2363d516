//! Bundled plugins are replaced while they are used, on a real kernel and from their files.

mod reload {
    mod orchestrator;
    mod stage;
    mod store;
    mod transport;
}
