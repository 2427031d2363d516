//! The part of a host that keeps conversations, for commands that are asked while no host runs.

use std::io::ErrorKind;

use transom_plugin_api::sabotage::sabotaged;

use super::conversation::Failure;
use crate::assembly::{Overrides, who_serves};
use crate::data::{DataFolder, why_nobody};
use crate::keeping::points;
use crate::log;
use crate::program::Common;
use crate::running::{Refused, Running};

/// Starts those plugins of the manifest that keep conversations, and no others: nothing listens, no turn goes on. Nobody else
/// can run on the data folder meanwhile. Only these have to be as they should be: what another plugin needs, such as a key in the
/// environment, may be missing where an operator's timer runs a command.
pub(super) async fn start(common: &Common) -> Result<Running, Failure> {
    let folder = common.data_folder_of_host()?;
    if let Err(error) = folder.join("lock").metadata()
        && error.kind() == ErrorKind::PermissionDenied
    {
        return Err(Failure::refused(why_nobody(&folder)));
    }
    if !folder.is_dir() {
        let problem = format!("there is no data folder `{}`", folder.display());
        return Err(Failure::refused(problem).with_help("name the one that is meant with `--data`"));
    }
    let mut manifest = common.manifest().map_err(Refused::from)?;
    let keepers = who_serves(&manifest, &points()).map_err(Refused::from)?;
    if keepers.is_empty() {
        let problem = format!("no plugin of {} keeps conversations", manifest.file());
        return Err(Failure::refused(problem).with_help("name the manifest that is meant with `--manifest`"));
    }
    if !sabotaged("mind-every-plugin") {
        manifest.keep_only(&keepers);
    }
    let data = DataFolder::hold(&folder).map_err(|error| Failure::refused(error.to_string()))?;
    log::install(&log::Options::quiet(&manifest.host));
    Ok(Running::start(manifest, data, &Overrides::default(), true).await?)
}
