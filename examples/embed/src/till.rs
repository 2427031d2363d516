//! Sells: serves [`CHECKOUT`], asks for the [`PRICE`], has orders changed by [`ORDERED`], tells what was [`SOLD`].

use transom_plugin_api::prelude::*;

use crate::points::{CHECKOUT, ORDERED, Order, PRICE, Receipt, SOLD};

/// Nothing can be set.
#[derive(Settings)]
struct Till;

#[derive(Ports)]
struct TillPorts {
    #[serves(CHECKOUT)]
    checkout: Server<Order, Receipt>,
    #[calls(PRICE)]
    price: Caller<Text, u64>,
    #[applies(ORDERED)]
    ordered: Applier<Order>,
    #[says(SOLD)]
    sold: Emitter<Receipt>,
}

impl Plugin for Till {
    type Ports = TillPorts;

    async fn start(self, ports: TillPorts, _host: Host) -> Result<(), StartError> {
        let TillPorts { checkout, price, ordered, sold } = ports;
        checkout.serve_with(&(price, ordered, sold), async |(price, ordered, sold), order, _| {
            let order = ordered.apply(order).await?;
            let cents = price.call(order.what.clone()).await? * order.count * order.percent / 100;
            let receipt = Receipt { what: order.what, cents };
            sold.emit(&receipt);
            Ok(receipt)
        })
    }
}

export_plugin!(Till, id = "till");
