//! An assembly: the plugins of a manifest, found, read, checked and put in order. No code of theirs has run.

mod grants;
mod serving;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;
use transom_agent::reach::HTTP_ROUTE;
use transom_kernel::descriptor::share_shapes;
use transom_kernel::{Descriptor, Grants, OrderFault, Plan, plan};
use transom_loader::{Linked, PluginFile, check, linked};
use transom_plugin_api::Secret;
use transom_plugin_api::hosting::{self, Attach};
use transom_plugin_api::plugin::LinkedPlugin;
use transom_plugin_api::port::Role;
use transom_plugin_api::sabotage::sabotaged;

pub(crate) use self::serving::who_serves;

use crate::manifest::{self, Fault, Faults, Manifest, PluginEntry, nearest};

/// The plugins of a manifest, ready to be started.
#[derive(Debug)]
pub struct Assembly {
    /// The manifest they come from.
    pub manifest: Manifest,
    /// In the order of their start.
    pub plugins: Vec<Assembled>,
    /// Who needs whom.
    pub plan: Plan,
}

/// One plugin of an assembly.
pub struct Assembled {
    /// Its table in the manifest.
    pub entry: PluginEntry,
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// Its settings as JSON, checked against its schema.
    pub settings: Secret,
    /// What it is granted of what it asks for.
    pub grants: Grants,
    /// Where its code is.
    pub source: Source,
}

/// Where a plugin's code is.
pub enum Source {
    /// In this program.
    Linked(LinkedPlugin),
    /// In a file, whose bytes have been read.
    File(PluginFile),
}

impl Assembled {
    /// How it is attached.
    #[must_use]
    pub const fn attach(&self) -> Attach {
        match self.source {
            Source::Linked(_) => Attach::Linked,
            Source::File(_) => Attach::Dylib,
        }
    }

    /// What it says of itself, without the points that it is not granted and does without.
    #[must_use]
    pub fn on_the_bus(&self) -> Descriptor {
        grants::on_the_bus(&self.descriptor, &self.grants)
    }

    /// Whether it opens a way in for clients.
    #[must_use]
    pub fn is_transport(&self) -> bool {
        self.is_at(Role::Says, hosting::LISTENING.spec().name)
    }

    /// Whether it serves the routes that plugins register: what a host is reached by, unless it has another way in alone.
    #[must_use]
    pub fn serves_routes(&self) -> bool {
        self.is_transport() && self.is_at(Role::Calls, HTTP_ROUTE.spec().name)
    }

    fn is_at(&self, role: Role, point: &str) -> bool {
        is_at(&self.descriptor, role, point)
    }
}

fn is_at(plugin: &Descriptor, role: Role, point: &str) -> bool {
    plugin.ports.iter().any(|port| port.role == role && port.point == point)
}

impl std::fmt::Debug for Assembled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assembled")
            .field("entry", &self.entry)
            .field("attach", &self.attach())
            .finish_non_exhaustive()
    }
}

/// What the operator said on the command line about the plugins' settings.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// In place of the setting `listen` of the transport that serves routes. Every other transport then takes a free port
    /// at the same IP address: two cannot have one port, and who moves a host wants all of it moved.
    pub listen: Option<String>,
    /// Whether plugins must be those of the lock file.
    pub locked: bool,
}

impl Assembly {
    /// Finds, reads and checks every plugin of `manifest`. `residents` are the host's own parts of the bus.
    ///
    /// # Errors
    /// All faults at once, in the order of the manifest.
    pub fn of(manifest: Manifest, residents: &[Descriptor], overrides: &Overrides) -> Result<Self, Faults> {
        Self::beside(manifest, None, &[], residents, overrides)
    }

    /// The plugins of `manifest` whose ids are in `only`, to be put beside those of `stay`, which run.
    ///
    /// # Errors
    /// As [`of`](Self::of); also when one of `only` is not in the manifest.
    pub fn of_some(
        manifest: Manifest,
        only: &BTreeSet<&str>,
        stay: &[Descriptor],
        residents: &[Descriptor],
        overrides: &Overrides,
    ) -> Result<Self, Faults> {
        let missing = only.iter().filter(|id| !manifest.plugins.iter().any(|entry| entry.id == **id));
        let missing = missing.map(|id| unlisted(&manifest, id)).collect();
        Faults::of(missing).map_or(Ok(()), Err)?;
        Self::beside(manifest, Some(only), stay, residents, overrides)
    }

    fn beside(
        manifest: Manifest,
        only: Option<&BTreeSet<&str>>,
        stay: &[Descriptor],
        residents: &[Descriptor],
        overrides: &Overrides,
    ) -> Result<Self, Faults> {
        let mut faults = manifest.faults().to_vec();
        faults.extend(canonical_roots(&manifest).err().into_iter().flatten());
        if manifest.is_whole() && manifest.plugins.is_empty() {
            let help =
                "add a `[[plugin]]` table for each, or start without a manifest for the built-in default";
            faults.push(whole(&manifest, "no plugin is listed".to_owned(), help.to_owned()));
        }
        let inside = inside(&manifest).unwrap_or_else(|fault| {
            faults.push(fault);
            Vec::new()
        });
        let mut found = Vec::new();
        let mut descriptors: Vec<Descriptor> = stay.to_vec();
        let is_meant = |entry: &&PluginEntry| only.is_none_or(|only| only.contains(entry.id.as_str()));
        let meant = manifest.plugins.iter().filter(is_meant);
        let expected = stay.len() + meant.clone().count();
        for entry in meant {
            let assembled = locate(&manifest, entry, &inside).and_then(|(descriptor, source)| {
                let granted = grants::of(&manifest, entry, &descriptor);
                descriptors.push(match &granted {
                    Ok(grants) => grants::on_the_bus(&descriptor, grants),
                    Err(_) => descriptor.clone(),
                });
                assemble(&manifest, entry, descriptor, source, granted, overrides)
            });
            match assembled {
                Ok(plugin) => found.push(plugin),
                Err(new) => faults.extend(new),
            }
        }
        let all_read = manifest.is_whole() && descriptors.len() == expected;
        let plan = plan(residents, &descriptors).unwrap_or_else(|planned| {
            // A plugin that could not be read is reported once, and not again as missing for others.
            let unread = !all_read;
            for fault in planned.into_iter().filter(|fault| !(unread && fault.missing.is_some())) {
                let message = format!("plugin `{}` {}", fault.plugin, fault.problem);
                let entry = manifest.plugins.iter().find(|entry| entry.id == fault.plugin);
                let is_listed = |id: &str| manifest.plugins.iter().any(|entry| entry.id == id);
                let provider = fault.missing.as_deref().and_then(|point| provider_inside(&inside, point));
                let help = provider.filter(|id| !is_listed(id)).map_or(fault.help, |id| {
                    format!(
                        "add `[[plugin]]` with `id = \"{id}\"`, which is inside this program and provides it"
                    )
                });
                let told = match entry {
                    Some(entry) => manifest.fault_at(entry, "id", message, Some(help)),
                    None => whole(&manifest, message, help),
                };
                faults.push(Fault { explanation: fault.explanation, ..told });
            }
            Plan::default()
        });
        // Where a plugin could not be read, whoever is said to be missing may be that one.
        if all_read && only.is_none() {
            faults.extend(order_faults(&manifest, &descriptors));
        }
        if let Some(faults) = Faults::of(faults) {
            return Err(faults);
        }
        share_shapes(found.iter_mut().map(|plugin| &mut plugin.descriptor));
        let mut by_id: BTreeMap<String, Assembled> =
            found.into_iter().map(|plugin| (plugin.entry.id.clone(), plugin)).collect();
        let plugins = plan.order.iter().filter_map(|id| by_id.remove(id)).collect();
        Ok(Self { manifest, plugins, plan })
    }
}

/// The plugins inside this program.
fn inside(manifest: &Manifest) -> Result<Vec<Linked>, Fault> {
    linked().map_err(|flaw| {
        let message = format!("a plugin inside this program is damaged: {flaw}");
        whole(manifest, message, flaw.help().to_owned())
    })
}

/// What in the manifest's order does not fit its plugins.
fn order_faults(manifest: &Manifest, plugins: &[Descriptor]) -> Vec<Fault> {
    let faults = manifest.order().faults(plugins);
    let told = |OrderFault { point, index, problem, choices }: OrderFault| {
        manifest.fault_in_order(&point, index, problem, &choices)
    };
    faults.into_iter().map(told).collect()
}

/// The roots of a manifest, without symlinks.
///
/// # Errors
/// A fault for each that is no folder.
pub(crate) fn canonical_roots(manifest: &Manifest) -> Result<Vec<PathBuf>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut roots = Vec::new();
    for (index, root) in manifest.host.roots.iter().enumerate() {
        let mut refuse = |problem: &str| {
            let message = format!("root `{}` cannot be used: {problem}", root.display());
            faults.push(manifest.fault_at_root(index, message, Some("correct `host.roots`".to_owned())));
        };
        match root.canonicalize() {
            Ok(root) if root.is_dir() => roots.push(root),
            Ok(_) => refuse("it is not a folder"),
            Err(error) if error.kind() == ErrorKind::NotFound => refuse("it does not exist"),
            Err(error) => refuse(&error.kind().to_string()),
        }
    }
    if faults.is_empty() { Ok(roots) } else { Err(faults) }
}

fn whole(manifest: &Manifest, message: String, help: String) -> Fault {
    Fault { file: manifest.file().to_owned(), position: None, message, help: Some(help), explanation: None }
}

/// A plugin that the manifest does not list.
fn unlisted(manifest: &Manifest, id: &str) -> Fault {
    let help = match nearest(id, manifest.plugins.iter().map(|entry| entry.id.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`transom plugins` lists those that there are".to_owned(),
    };
    whole(manifest, format!("no plugin `{id}` is in the manifest"), help)
}

fn locate(
    manifest: &Manifest,
    entry: &PluginEntry,
    inside: &[Linked],
) -> Result<(Descriptor, Source), Vec<Fault>> {
    match (&entry.source, entry.attach) {
        (Some(_), manifest::Attach::Dylib)
            if sabotaged("fall-back-to-linked")
                && inside.iter().any(|linked| linked.descriptor.id == entry.id) =>
        {
            from_inside(manifest, entry, inside)
        }
        (Some(path), manifest::Attach::Dylib) => from_file(manifest, entry, path),
        _ => from_inside(manifest, entry, inside),
    }
}

fn assemble(
    manifest: &Manifest,
    entry: &PluginEntry,
    descriptor: Descriptor,
    source: Source,
    granted: Result<Grants, Vec<Fault>>,
    overrides: &Overrides,
) -> Result<Assembled, Vec<Fault>> {
    let (settings, grants) = match (manifest.settings_for(entry, &descriptor.settings), granted) {
        (Ok(settings), Ok(grants)) => (settings, grants),
        (settings, granted) => {
            let faults = settings.err().into_iter().chain(granted.err());
            return Err(faults.flatten().collect());
        }
    };
    let mut plugin = Assembled { entry: entry.clone(), descriptor, settings, grants, source };
    if let Some(listen) = &overrides.listen
        && plugin.is_transport()
        && plugin.descriptor.settings["properties"]["listen"].is_object()
    {
        let listen = if plugin.serves_routes() { listen.clone() } else { on_a_free_port(listen) };
        plugin.settings = with_setting(&plugin.settings, "listen", listen.into());
    }
    Ok(plugin)
}

fn on_a_free_port(listen: &str) -> String {
    listen.rsplit_once(':').map_or(listen.to_owned(), |(address, _)| format!("{address}:0"))
}

fn with_setting(settings: &Secret, key: &str, value: Value) -> Secret {
    let mut table: Value = serde_json::from_str(settings.expose()).unwrap_or_default();
    if !table.is_object() {
        table = Value::Object(serde_json::Map::new());
    }
    table[key] = value;
    Secret::new(table.to_string())
}

fn from_file(
    manifest: &Manifest,
    entry: &PluginEntry,
    path: &Path,
) -> Result<(Descriptor, Source), Vec<Fault>> {
    let at = |message: String, help: String| manifest.fault_at(entry, "source", message, Some(help));
    let file =
        PluginFile::read(path).map_err(|error| vec![at(error.to_string(), error.flaw.help().to_owned())])?;
    let distrust = manifest.trusted_keys.as_ref().and_then(|keys| file.signed_by(keys).err());
    let distrust = distrust.map(|flaw| {
        let message = format!("plugin `{}` is not trusted: `{}`: {flaw}", entry.id, path.display());
        at(message, flaw.help().to_owned())
    });
    let descriptor = match check::check_file(&file.contents, &entry.id) {
        Ok(descriptor) => descriptor.clone(),
        Err(mismatches) => {
            let fault = |mismatch: &transom_loader::Mismatch| {
                at(format!("{mismatch} (`{}`)", path.display()), mismatch.help())
            };
            return Err(distrust.into_iter().chain(mismatches.iter().map(fault)).collect());
        }
    };
    distrust.map_or(Ok((descriptor, Source::File(file))), |fault| Err(vec![fault]))
}

/// A plugin of this program that serves `point`.
fn provider_inside<'a>(inside: &'a [Linked], point: &str) -> Option<&'a str> {
    let serves = |linked: &&Linked| {
        linked.descriptor.ports.iter().any(|port| port.role == Role::Serves && port.point == point)
    };
    inside.iter().find(serves).map(|linked| linked.descriptor.id.as_str())
}

fn from_inside(
    manifest: &Manifest,
    entry: &PluginEntry,
    inside: &[Linked],
) -> Result<(Descriptor, Source), Vec<Fault>> {
    if let Some(linked) = inside.iter().find(|linked| linked.descriptor.id == entry.id) {
        return Ok((linked.descriptor.clone(), Source::Linked(linked.plugin)));
    }
    let ids: Vec<&str> = inside.iter().map(|linked| linked.descriptor.id.as_str()).collect();
    let help = match nearest(&entry.id, ids.iter().copied()) {
        Some(near) => {
            format!("did you mean `{near}`? A plugin from a file needs `source = \"path/to/lib.so\"`")
        }
        None if ids.is_empty() => {
            "this program has no plugins inside: add `source = \"path/to/lib.so\"`".to_owned()
        }
        None => format!("add `source = \"path/to/lib.so\"`, or use one of {}", ids.join(", ")),
    };
    let message = format!("plugin `{}` is not inside this program", entry.id);
    Err(vec![manifest.fault_at(entry, "id", message, Some(help))])
}
