//! A shop with a bus inside: the program knows the prices, and plugins do the rest.
//!
//! The points are in `points.rs`, the two plugins in files of their own. This file is all that it takes to run them.

mod discount;
mod points;
mod till;

use std::collections::BTreeMap;
use std::future::ready;
use std::process::ExitCode;
use std::time::Duration;

use transom_kernel::{Kernel, KernelConfig, PluginToStart};
use transom_plugin_api::plugin::linked_plugins;
use transom_plugin_api::prelude::*;

use points::{CHECKOUT, Order, PRICE, Receipt, SOLD};

/// What the program itself does on the bus.
#[derive(Ports)]
struct ShopPorts {
    #[serves(PRICE)]
    price: Server<Text, u64>,
    #[calls(CHECKOUT, optional)]
    checkout: Caller<Order, Receipt>,
    #[hears(SOLD)]
    sold: Listener<Receipt>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match shop().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn shop() -> Result<(), String> {
    let kernel = Kernel::new(KernelConfig::default(), tokio::runtime::Handle::current());
    let (_host, ports) = kernel.resident::<ShopPorts>("shop").map_err(|error| error.to_string())?;
    open(&ports).map_err(|error| error.to_string())?;

    let plugins = linked_plugins().map(|plugin| PluginToStart::linked(&plugin, settings(plugin.id())));
    let report = kernel.start_planned(plugins.collect::<Result<_, _>>()?).await?;
    for (plugin, reason) in &report.disabled {
        eprintln!("plugin `{plugin}` does not run: {reason}");
    }
    for (what, count) in [("tea", 2), ("cake", 12), ("whale", 1)] {
        match ports.checkout.call(Order { what: what.into(), count, percent: 100 }).await {
            Ok(receipt) => println!("{count} × {what}: {} cents", receipt.cents),
            Err(error) => println!("{count} × {what}: {error}"),
        }
    }
    kernel.stop(Duration::from_secs(5)).await;
    Ok(())
}

/// Serves the prices, and tells of each sale.
fn open(ports: &ShopPorts) -> Result<(), StartError> {
    let prices = BTreeMap::from([("tea", 250), ("cake", 400)]);
    ports.price.serve(move |what, _| {
        let price = prices.get(what.as_str()).copied();
        ready(price.ok_or_else(|| CallError::not_found(format!("there is no {what} to be had"))))
    })?;
    ports.sold.inline(|receipt, _| println!("sold: {}", receipt.what))
}

/// What the program sets for its plugins; a host with an operator reads it from a manifest.
fn settings(plugin: &str) -> &'static str {
    match plugin {
        "discount" => r#"{"from": 10, "percent": 20}"#,
        _ => "{}",
    }
}
