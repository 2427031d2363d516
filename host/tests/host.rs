//! The promises of a running host, tested from outside: over HTTP, signals, files and exit codes.

mod host {
    mod attach;
    mod bad_input;
    mod chat;
    mod control;
    mod conversation;
    mod crash;
    mod faults;
    mod guards;
    mod lock;
    mod provider;
    mod reload;
    mod reloading;
    mod starting;
    pub(crate) mod support;
}
