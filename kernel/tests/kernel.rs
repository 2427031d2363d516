//! The kernel with real plugins on it, linked into this binary.

mod kernel {
    mod events;
    mod faults;
    mod filters;
    mod lanes;
    mod lifecycle;
    mod reload;
    mod services;
    mod streams;
    pub(crate) mod support;
}
