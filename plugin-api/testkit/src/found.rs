//! [`Found`]: a plugin as a host finds it, inside this program or in the file that was built beside it.

use std::path::{Path, PathBuf};

use crate::way::Way;
use transom_kernel::Descriptor;
use transom_loader::{PluginFile, check, linked, load};
use transom_plugin_api::abi::plugin_table::{PluginTableRef, open_header};
use transom_plugin_api::plugin::Exported;

use crate::sources::newer_source;

/// A plugin that could be started, as often as one likes.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) descriptor: Descriptor,
    pub(crate) table: PluginTableRef,
    pub(crate) attach: Way,
}

/// Finds the plugin whose settings are `P`; a file is opened through a copy in `images`.
pub(crate) fn find<P: Exported>(attach: Way, images: &Path) -> Result<Found, String> {
    let inside = inside::<P>()?;
    match attach {
        Way::Linked => Ok(inside),
        Way::Dylib => {
            let path = dylib_of::<P>()?;
            let id = &inside.descriptor.id;
            let file = read(&path, id)?;
            let descriptor = file.contents.descriptor(id).cloned().unwrap_or(inside.descriptor);
            let loaded = load(&file.bytes, &descriptor.id, images).map_err(|error| error.to_string())?;
            Ok(Found { descriptor, table: loaded.table, attach })
        }
    }
}

/// The plugin that is compiled into this program.
pub(crate) fn inside<P: Exported>() -> Result<Found, String> {
    let all = linked().map_err(|flaw| format!("a plugin inside this program is damaged: {flaw}"))?;
    let is_it = |one: &transom_loader::Linked| std::ptr::eq(one.plugin.record, P::RECORD);
    let Some(found) = all.into_iter().find(is_it) else {
        let plugin = std::any::type_name::<P>();
        return Err(format!("`{plugin}` is not inside this program, although the program names it"));
    };
    let misfits = check::check(&found.descriptor);
    if let Some(misfit) = misfits.first() {
        return Err(format!("{misfit}\n  help: {}", misfit.help()));
    }
    let table = open_header(found.plugin.header)?;
    Ok(Found { descriptor: found.descriptor, table, attach: Way::Linked })
}

/// What stands in the file, once it is certain that a host would take it.
pub(crate) fn read(path: &Path, id: &str) -> Result<PluginFile, String> {
    let file = PluginFile::read(path).map_err(|error| format!("{error}\n  help: {}", error.flaw.help()))?;
    let checked = check::check_file(&file.contents, id).map(|_| ());
    checked.map_err(|misfits| {
        let told = misfits.iter().map(|misfit| format!("{misfit}\n  help: {}", misfit.help()));
        told.collect::<Vec<_>>().join("\n")
    })?;
    Ok(file)
}

/// The file that cargo built of the crate that exports `P`: it lies beside the test.
pub(crate) fn dylib_of<P: Exported>() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let path = program.with_file_name(format!("lib{}.so", P::CRATE));
    if !path.is_file() {
        return Err(format!(
            "there is no file `{}`\n  help: put the test into the package's folder `tests`, and `crate-type = \
             [\"cdylib\", \"rlib\"]` under `[lib]` in its Cargo.toml: then cargo builds the file before the test",
            path.display()
        ));
    }
    match newer_source(&path) {
        Some(source) => Err(format!(
            "`{}` is older than `{}`\n  help: run the tests of the whole package (`cargo test`), which builds it again",
            path.display(),
            source.display()
        )),
        None => Ok(path),
    }
}
