//! What the manifest grants a plugin, compared with what the plugin asks for.
//!
//! A grant is exact: a plugin from a file is granted every capability it asks for, and no other, or it is refused. One
//! that is linked in was chosen by whoever built the program, and has what it asks for unless the manifest says otherwise.

use std::collections::BTreeSet;

use transom_kernel::{Descriptor, Grants};
use transom_plugin_api::capability::secret_of;
use transom_plugin_api::sabotage::sabotaged;

use crate::manifest::{Attach, Fault, Manifest, PluginEntry, listed, nearest};

/// What `plugin` is granted.
///
/// # Errors
/// A fault for what it needs and is not granted, and one for each thing that it is granted and does not ask for.
pub(super) fn of(
    manifest: &Manifest,
    entry: &PluginEntry,
    plugin: &Descriptor,
) -> Result<Grants, Vec<Fault>> {
    let granted = match (&entry.capabilities, entry.attach) {
        (Some(granted), _) => granted.iter().cloned().collect(),
        (None, Attach::Dylib) => BTreeSet::new(),
        (None, Attach::Linked) => plugin.capabilities.iter().cloned().collect(),
    };
    let names = plugin
        .capabilities
        .iter()
        .filter(|asked| granted.contains(*asked))
        .filter_map(|asked| secret_of(asked));
    let secrets =
        names.filter_map(|name| Some((name.to_owned(), manifest.secrets.get(name)?.clone()))).collect();
    let grants = Grants { capabilities: Some(granted), points: entry.points.clone(), secrets };
    let mut faults = superfluous_capabilities(manifest, entry, plugin);
    faults.extend(missing_capabilities(manifest, entry, plugin, &grants));
    faults.extend(superfluous_points(manifest, entry, plugin));
    faults.extend(missing_points(manifest, entry, plugin, &grants));
    if faults.is_empty() || sabotaged("grant-whatever-is-asked") { Ok(grants) } else { Err(faults) }
}

/// `plugin` as it will be on the bus: without the points that it is not granted and does without.
pub(super) fn on_the_bus(plugin: &Descriptor, grants: &Grants) -> Descriptor {
    let mut seen = plugin.clone();
    seen.ports.retain(|port| !port.optional || grants.cover(&port.point));
    seen
}

fn missing_capabilities(
    manifest: &Manifest,
    entry: &PluginEntry,
    plugin: &Descriptor,
    grants: &Grants,
) -> Option<Fault> {
    let granted = grants.capabilities.iter().flatten().collect::<BTreeSet<_>>();
    let missing: Vec<&String> = plugin.capabilities.iter().filter(|asked| !granted.contains(asked)).collect();
    let message = format!(
        "plugin `{}` asks for {}, which the manifest does not grant",
        entry.id,
        listed(missing.iter().map(|word| word.as_str()))
    );
    let line = line_of("capabilities", plugin.capabilities.iter());
    let help = match entry.capabilities {
        Some(_) => format!("if it may have that, write `{line}`"),
        None => format!("if it may have that, add `{line}` to its table"),
    };
    (!missing.is_empty()).then(|| manifest.fault_at(entry, "capabilities", message, Some(help)))
}

fn superfluous_capabilities(manifest: &Manifest, entry: &PluginEntry, plugin: &Descriptor) -> Vec<Fault> {
    let granted = entry.capabilities.iter().flatten();
    let missing: Vec<&str> = {
        let is_missing = |asked: &&String| !granted.clone().any(|granted| granted == *asked);
        plugin.capabilities.iter().filter(is_missing).map(String::as_str).collect()
    };
    let superfluous =
        granted.clone().enumerate().filter(|(_, granted)| !plugin.capabilities.contains(granted));
    superfluous
        .map(|(index, granted)| {
            let message = format!("plugin `{}` is granted `{granted}`, which it does not ask for", entry.id);
            let help = suggestion(granted, &missing);
            manifest.fault_at_item(entry, "capabilities", index, message, help)
        })
        .collect()
}

fn missing_points(
    manifest: &Manifest,
    entry: &PluginEntry,
    plugin: &Descriptor,
    grants: &Grants,
) -> Option<Fault> {
    let missing: BTreeSet<&String> = grants.withheld(plugin, false).map(|port| &port.point).collect();
    let missing: Vec<&String> = missing.into_iter().collect();
    let what = if missing.len() == 1 { "the point" } else { "the points" };
    let message = format!(
        "plugin `{}` needs {what} {}, which `points` does not grant",
        entry.id,
        listed(missing.iter().map(|word| word.as_str()))
    );
    let written: Vec<String> = entry.points.iter().flatten().map(ToString::to_string).collect();
    let line = line_of("points", written.iter().chain(missing.iter().copied()));
    let help = format!("if it may be there, write `{line}`");
    (!missing.is_empty()).then(|| manifest.fault_at(entry, "points", message, Some(help)))
}

fn superfluous_points(manifest: &Manifest, entry: &PluginEntry, plugin: &Descriptor) -> Vec<Fault> {
    let declared: BTreeSet<&str> = plugin.ports.iter().map(|port| port.point.as_str()).collect();
    let patterns = entry.points.iter().flatten();
    let left: Vec<&str> = declared
        .iter()
        .copied()
        .filter(|point| !patterns.clone().any(|pattern| pattern.covers(point)))
        .collect();
    let idle =
        patterns.enumerate().filter(|(_, pattern)| !declared.iter().any(|point| pattern.covers(point)));
    idle.map(|(index, pattern)| {
        let message = format!("plugin `{}` is granted `{pattern}`, where it does nothing", entry.id);
        manifest.fault_at_item(entry, "points", index, message, suggestion(pattern.as_str(), &left))
    })
    .collect()
}

fn suggestion(written: &str, choices: &[&str]) -> String {
    match nearest(written, choices.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "remove it; `transom inspect` shows what the plugin asks for".to_owned(),
    }
}

/// A line of the manifest, ready to be pasted.
fn line_of<'a>(key: &str, words: impl Iterator<Item = &'a String>) -> String {
    let words: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    format!("{key} = [{}]", words.join(", "))
}
