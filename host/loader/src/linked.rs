//! The plugins compiled into the running program, with their descriptors.

use transom_plugin_api::plugin::{LinkedPlugin, linked_plugins};

use crate::{Descriptor, Flaw, record};

/// A plugin compiled into the running program.
#[derive(Clone)]
pub struct Linked {
    /// Its entry.
    pub plugin: LinkedPlugin,
    /// What it says of itself.
    pub descriptor: Descriptor,
}

/// All plugins compiled into the running program, ordered by id.
///
/// # Errors
/// When a record cannot be read, which means that the program was put together from unlike parts.
pub fn linked() -> Result<Vec<Linked>, Flaw> {
    let mut found = Vec::new();
    for plugin in linked_plugins() {
        let descriptors = record::descriptors(plugin.record)?;
        found.extend(descriptors.into_iter().map(|descriptor| Linked { plugin, descriptor }));
    }
    found.sort_by(|one, other| one.descriptor.id.cmp(&other.descriptor.id));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check;
    use transom_plugin_api::abi::plugin_table::open_header;
    use transom_plugin_api::point::PointKind;
    use transom_plugin_api::port::Role;

    fn watcher() -> Linked {
        linked()
            .expect("the records are whole")
            .into_iter()
            .next()
            .expect("one plugin is linked into this program")
    }

    #[test]
    fn what_the_export_macro_writes_is_read_field_by_field() {
        let Descriptor { id, abi, about, capabilities, ports, settings, runtime, .. } = watcher().descriptor;
        assert_eq!((id.as_str(), abi, runtime.as_str()), ("bird-watcher", 1, "none"));
        assert_eq!(about, env!("CARGO_PKG_DESCRIPTION"));
        assert_eq!(capabilities, ["net"]);
        assert_eq!(settings["properties"]["_flock"]["maximum"], 9);
        let [seen, ask] = &ports[..] else { panic!("two ports, not {ports:?}") };
        assert_eq!(
            (seen.role, seen.kind, seen.point.as_str()),
            (Role::Hears, PointKind::Event, "zoo/bird.seen")
        );
        assert_eq!((ask.role, ask.kind, ask.deadline_ms), (Role::Calls, PointKind::Service, 250));
        assert!(ask.optional && !seen.optional);
        assert_eq!(ask.input.name, "Text");
        assert_eq!(
            ask.input.fingerprint,
            <transom_plugin_api::Text as transom_plugin_api::Contract>::FINGERPRINT.to_string()
        );
    }

    #[test]
    fn a_linked_plugin_fits_its_own_host() {
        assert_eq!(check(&watcher().descriptor), []);
    }

    #[test]
    fn the_entry_gives_the_same_descriptor_as_the_record() {
        let Linked { plugin, descriptor } = watcher();
        let table = open_header(plugin.header).unwrap_or_else(|error| panic!("{error}"));
        let described = table.describe()();
        assert_eq!(
            serde_json::from_str::<Descriptor>(described.as_str()).expect("it is a descriptor"),
            descriptor
        );
    }
}
