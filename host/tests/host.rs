//! The promises of a running host, tested from outside: over HTTP, signals, files and exit codes.

mod host {
    mod asking;
    mod attach;
    mod bad_input;
    mod chat;
    mod control;
    mod conversation;
    mod conversations;
    mod crash;
    mod dev;
    mod disk;
    mod faults;
    mod folder;
    mod grants;
    mod guards;
    mod hostile;
    mod keeping;
    mod killed;
    mod lock;
    mod log;
    mod misdeeds;
    mod native;
    mod new;
    mod prompting;
    mod provider;
    mod reload;
    mod reloading;
    mod secrets;
    mod signatures;
    mod starting;
    pub(crate) mod support;
}
