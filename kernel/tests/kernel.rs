//! The kernel with real plugins on it, linked into this binary.

mod kernel {
    mod allocations;
    mod background;
    mod changed_minds;
    mod events;
    mod faults;
    mod figures;
    mod filters;
    mod grants;
    mod held_streams;
    mod lanes;
    mod lifecycle;
    mod refused_links;
    mod reload;
    mod services;
    mod streams;
    pub(crate) mod support;
    mod there_and_back;
    mod written_once;
}
