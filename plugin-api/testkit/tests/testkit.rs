//! The kit itself: what it shows of a plugin, and that it notices what is wrong with one.

mod testkit {
    mod attachment;
    mod clock;
    mod contract;
    mod failed_start;
    mod parrot;
    mod stubs;
    mod traces;
}
