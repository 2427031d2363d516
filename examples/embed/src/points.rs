//! The points of the shop, and what crosses them. A crate of its own, where plugins are in crates of theirs.

use transom_plugin_api::prelude::*;

/// What somebody wants.
#[contract]
pub(crate) struct Order {
    /// One of the things the shop knows the price of.
    pub(crate) what: Text,
    /// How many.
    pub(crate) count: u64,
    /// How much of the price is to be paid, in percent.
    pub(crate) percent: u64,
}

/// What somebody got.
#[contract]
pub(crate) struct Receipt {
    /// What it was.
    pub(crate) what: Text,
    /// What was paid, in cents.
    pub(crate) cents: u64,
}

/// The price of one, in cents.
pub(crate) const PRICE: Service<Text, u64> = Service::new("shop/price");
/// Sells what is ordered.
pub(crate) const CHECKOUT: Service<Order, Receipt> = Service::new("shop/checkout");
/// Every order goes through here before it is sold. Who fails changes nothing.
pub(crate) const ORDERED: Filter<Order> = Filter::fail_open("shop/ordered");
/// Something was sold.
pub(crate) const SOLD: Event<Receipt> = Event::new("shop/sold");
