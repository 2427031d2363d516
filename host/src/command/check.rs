//! `transom check`: everything that can be known to be wrong without running a plugin.

use super::refuse;
use crate::assembly::{Assembly, Overrides};
use crate::manifest::Manifest;
use crate::program::{Common, DONE};
use crate::running::{Refused, resident_descriptors};
use crate::terminal::print;

pub(crate) async fn run(common: &Common) -> u8 {
    match assembled(common).await {
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
        print(&format!("{}\n", serde_json::json!({ "ok": true, "order": order })));
    } else {
        print(&format!(
            "{}: no faults; its plugins start in this order: {}\n",
            assembly.manifest.file(),
            order.join(", ")
        ));
    }
}
