//! `transom check`: everything that can be known to be wrong without running a plugin.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use transom_kernel::PlannedLane;
use transom_plugin_api::capability::secret_of;

use super::{capability, lanes, refuse};
use crate::assembly::{Assembled, Assembly, Overrides};
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
    let manifest = common.manifest_to_read()?;
    let residents = resident_descriptors().await?;
    Ok(Assembly::of(manifest, &residents, &Overrides::default())?)
}

fn report(assembly: &Assembly, json: bool) {
    let order: Vec<&str> = assembly.plugins.iter().map(|plugin| plugin.entry.id.as_str()).collect();
    if json {
        let lanes: Vec<_> = assembly.plan.lanes.iter().map(lane_document).collect();
        let asked = asking(assembly).map(|plugin| (&plugin.entry.id, &plugin.descriptor.capabilities));
        let document = serde_json::json!({
            "ok": true,
            "order": order,
            "lanes": lanes,
            "capabilities": asked.collect::<BTreeMap<_, _>>(),
            "note": note(assembly),
            "without": without(assembly),
        });
        print(&format!("{document}\n"));
    } else {
        print(&format!(
            "{}: no faults; its plugins start in this order: {}\n",
            assembly.manifest.file(),
            order.join(", ")
        ));
        print(&shown(&lanes::described(&assembly.plan.lanes)));
        for plugin in asking(assembly) {
            let asked = capability::asked(plugin.descriptor.capabilities.iter().map(String::as_str));
            print(&format!("  `{}` {asked}\n", plugin.entry.id));
        }
        without(assembly).iter().for_each(|without| print(&format!("  {without}\n")));
        if let Some(note) = note(assembly) {
            print(&format!("{note}\n"));
        }
    }
}

fn asking(assembly: &Assembly) -> impl Iterator<Item = &Assembled> {
    assembly.plugins.iter().filter(|plugin| !plugin.descriptor.capabilities.is_empty())
}

fn note(assembly: &Assembly) -> Option<String> {
    capability::note(asking(assembly).flat_map(|plugin| &plugin.descriptor.capabilities).map(String::as_str))
}

/// What plugins will do without, as sentences: points that they are not granted, and secrets that are not there.
fn without(assembly: &Assembly) -> Vec<String> {
    let mut found = BTreeSet::new();
    for Assembled { entry, descriptor, grants, .. } in &assembly.plugins {
        let points = grants.withheld(descriptor, true);
        found
            .extend(points.map(|port| {
                format!("`{}` does without `{}`, which it is not granted", entry.id, port.point)
            }));
        let secrets = descriptor.capabilities.iter().filter_map(|asked| secret_of(asked));
        found.extend(
            secrets.filter(|name| !assembly.manifest.secrets.contains_key(*name)).map(|name| {
                format!("`{}` may use the secret `{name}`, which is not in `[secrets]`", entry.id)
            }),
        );
    }
    found.into_iter().collect()
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
