//! `transom check`: everything that can be known to be wrong without running a plugin.

use clap::Args;
use transom_kernel::PlannedLane;

use super::{lanes, refuse};
use crate::assembly::{Assembly, Overrides};
use crate::lock::Lock;
use crate::manifest::Manifest;
use crate::program::{Common, DONE};
use crate::running::{Refused, resident_descriptors};
use crate::terminal::{print, shown};

/// Find everything that can be known to be wrong without running a plugin
#[derive(Args, Default)]
#[command(after_help = "Example:\n  transom check --manifest team.toml --locked")]
pub(crate) struct Arguments {
    /// Compare plugins with the lock file beside the manifest
    #[arg(long)]
    locked: bool,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> u8 {
    let assembly = assembled(common).await.and_then(|assembly| {
        if arguments.locked {
            Lock::check(&assembly.manifest, &assembly.plugins)?;
        }
        Ok(assembly)
    });
    match assembly {
        Ok(assembly) => {
            report(&assembly, common.json);
            DONE
        }
        Err(refused) => refuse(&refused, common.json),
    }
}

/// The manifest. When something is wrong with it, what is wrong with its plugins is told as well.
pub(crate) async fn sound_manifest(common: &Common) -> Result<Manifest, Refused> {
    let manifest = common.manifest()?;
    if manifest.faults().is_empty() {
        return Ok(manifest);
    }
    assembled(common).await.map(|assembly| assembly.manifest)
}

pub(crate) async fn assembled(common: &Common) -> Result<Assembly, Refused> {
    let manifest = common.manifest()?;
    let residents = resident_descriptors().await?;
    Ok(Assembly::of(manifest, &residents, &Overrides::default())?)
}

fn report(assembly: &Assembly, json: bool) {
    let order: Vec<&str> = assembly.plugins.iter().map(|plugin| plugin.entry.id.as_str()).collect();
    if json {
        let lanes: Vec<_> = assembly.plan.lanes.iter().map(lane_document).collect();
        print(&format!("{}\n", serde_json::json!({ "ok": true, "order": order, "lanes": lanes })));
    } else {
        print(&format!(
            "{}: no faults; its plugins start in this order: {}\n",
            assembly.manifest.file(),
            order.join(", ")
        ));
        print(&shown(&lanes::described(&assembly.plan.lanes)));
    }
}

fn lane_document(lane: &PlannedLane) -> serde_json::Value {
    serde_json::json!({
        "point": lane.point,
        "from": lane.from,
        "to": lane.to,
        "lane": if lane.is_refused { "refused" } else { "bridged" },
        "leftBehind": lane.left_behind,
    })
}
