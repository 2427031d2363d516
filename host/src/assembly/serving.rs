//! Who serves a point, by what plugins say of themselves: settings and grants are not looked at.

use transom_plugin_api::port::Role;

use super::{inside, is_at, locate};
use crate::manifest::{Faults, Manifest, PluginEntry};

/// The ids of those plugins of `manifest` that serve one of these points.
///
/// # Errors
/// When nobody does, and something is wrong with the manifest or with a plugin that cannot be read: it may be that one.
pub(crate) fn who_serves(manifest: &Manifest, points: &[&str]) -> Result<Vec<String>, Faults> {
    let inside = inside(manifest)?;
    let (mut found, mut faults) = (Vec::new(), manifest.faults().to_vec());
    for entry in &manifest.plugins {
        match locate(manifest, entry, &inside) {
            Ok((plugin, _)) if points.iter().any(|point| is_at(&plugin, Role::Serves, point)) => {
                found.push(entry);
            }
            Ok(_) => {}
            Err(unreadable) => faults.extend(unreadable),
        }
    }
    if let Some(faults) = Faults::of(faults).filter(|_| found.is_empty()) {
        return Err(faults);
    }
    Ok(found.into_iter().map(|entry: &PluginEntry| entry.id.clone()).collect())
}
