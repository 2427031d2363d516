//! Makes large orders cheaper: links [`ORDERED`].

use std::future::ready;

use transom_plugin_api::prelude::*;

use crate::points::{ORDERED, Order};

/// What the program may set.
#[derive(Settings)]
struct Discount {
    /// How many one must buy.
    #[setting(default = 100, min = 1)]
    from: u64,
    /// How much cheaper it gets, in percent.
    #[setting(default = 5, max = 100)]
    percent: u64,
}

#[derive(Ports)]
struct DiscountPorts {
    #[links(ORDERED)]
    ordered: Link<Order>,
}

impl Plugin for Discount {
    type Ports = DiscountPorts;

    async fn start(self, ports: DiscountPorts, _host: Host) -> Result<(), StartError> {
        ports.ordered.link(move |order, _| ready(Ok(self.granted(order))))
    }
}

export_plugin!(Discount, id = "discount");

impl Discount {
    fn granted(&self, order: Order) -> Order {
        let less = if order.count < self.from { 0 } else { self.percent };
        Order { percent: order.percent - less, ..order }
    }
}
