//! Surfaces of the bundled plugins, drawn and used by a client that knows the kinds of fields and no plugin.

mod surfaces {
    mod client;
    mod every;
    mod flood;
    mod world;
}
