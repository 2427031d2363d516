//! What a host does under load, measured in a process of its own.

mod load {
    mod burden;
    mod ledger;
    mod reload;
    mod stage;
}
